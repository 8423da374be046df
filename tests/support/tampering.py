"""What somebody can do to the record who owns the database and has no key: any SQL, with the triggers away and back."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from hp_portal.core.activity.sealing import RecordBroken, seal_everything
from hp_portal.core.activity.verifying import Verification, verify
from hp_portal.core.audit.record import record
from hp_portal.core.audit.triggers import create_triggers, drop_triggers, same_writer

from .databases import mighty_engine
from .world import World

Tampering = Callable[[sa.Connection], object]


def own(world: World, *deeds: str | Tampering) -> None:
    """Take the triggers away, do this, and put them back as if nothing had been."""
    with mighty_engine(world.app) as engine, engine.begin() as connection:
        for statement in drop_triggers(engine.dialect.name):
            connection.exec_driver_sql(statement)
        for deed in deeds:
            if callable(deed):
                deed(connection)
            else:
                connection.exec_driver_sql(deed)
        for statement in (*create_triggers(engine.dialect.name), *same_writer(engine.dialect.name)):
            connection.exec_driver_sql(statement)


def write(world: World, count: int, page: int = 0) -> None:
    """Events in one transaction."""
    with world.session() as session:
        for number in range(count):
            record(session, "audit.own.viewed", page=page + number)


def seal_all(world: World) -> str | None:
    """What the worker does; returns what it raises."""
    with world.session() as session:
        try:
            seal_everything(session)
        except RecordBroken as error:
            return str(error)
    return None


def end_connections(world: World) -> None:
    """As when the processes end: whoever comes then are new writers."""
    world.database.engine.dispose()


def check(world: World, heads: dict[int, str] | None = None) -> Verification:
    with world.session() as session:
        return verify(session, heads=heads)
