"""What was written before events had MACs: taken over once, by the migration that brings them."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from alembic import command
from flask import Flask

from hp_portal import migrations
from hp_portal.core.activity.verifying import batch_text
from hp_portal.core.audit.chain import UNMACED
from hp_portal.core.audit.models import AuditEvent, AuditSeal, AuditSealedRow
from hp_portal.core.audit.writers import canonical
from hp_portal.database import changing_schema
from hp_portal.migrations.chains import CORE
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.databases import DATA_KEY, Databases, data_key, database_of, prepare_database
from tests.support.tampering import check, own, seal_all, write
from tests.support.world import World

BEFORE = "1795604300"
NOW = dt.datetime(2026, 11, 3, 15, 0, tzinfo=dt.UTC)


def old_record(app: Flask, *, events: int, sealed: int) -> Flask:
    """A database of the time before, with events of which the first are sealed as they were then, two by two."""
    database = database_of(app)
    chain = migrations.chains_of(app)[CORE]
    with changing_schema(database.engine) as connection:
        command.upgrade(chain.config(connection=connection, vault=database.vault), BEFORE)
    columns = [column for column in AuditEvent.__table__.columns if column.name in UNMACED]
    table = sa.Table("audit_event", sa.MetaData(), *(sa.Column(column.name, column.type) for column in columns))
    rows = [
        {
            "at": NOW,
            "event": "audit.own.viewed",
            "request_id": "",
            "address": "",
            "reason": "",
            "fields": "{}",
        }
        for _ in range(events)
    ]
    before = b""
    with database.engine.begin() as connection:
        if rows:
            connection.execute(sa.insert(table), rows)
        for number, start in enumerate(range(0, sealed, 2), 1):
            batch = connection.execute(
                sa.select(*(table.c[name] for name in UNMACED)).order_by(table.c.id).offset(start).limit(2)
            ).all()
            digests = [(row.id, database.vault.digest(canonical(row).decode(), "audit row")) for row in batch]
            before_text = batch_text(before, number, digests)
            before = database.vault.digest(before_text, "audit batch")
            connection.execute(
                sa.text("INSERT INTO audit_seal (id, sealed_at, rows, digest) VALUES (:id, :at, 2, :digest)"),
                {"id": number, "at": "2026-11-03 15:00:00.000000", "digest": before},
            )
            connection.execute(
                sa.insert(AuditSealedRow),
                [{"event_id": event_id, "seal_id": number, "digest": digest} for event_id, digest in digests],
            )
    return app


@pytest.fixture
def taken_over(empty_database_url: str, make_app: MakeApp, clock: Clock, databases: Databases) -> World:
    clock.set(NOW)
    app = make_app(empty_database_url)

    def take_over() -> bytes:
        old_record(app, events=5, sealed=4)
        prepare_database(app)
        return b""

    databases.fill(app, "taken_over", take_over)
    return World(app)


def test_what_was_there_is_taken_over_and_goes_on(taken_over: World) -> None:
    found = check(taken_over)
    assert (found.sealed, found.unsealed, found.broken) == (5, 0, None)
    with taken_over.session() as session:
        assert session.execute(sa.select(AuditSeal.id, AuditSeal.rows, AuditSeal.taken_over)).all() == [
            (1, 2, None),
            (2, 2, None),
            (3, 1, True),
        ]
    write(taken_over, 2)
    assert seal_all(taken_over) is None
    assert (check(taken_over).sealed, check(taken_over).broken) == (7, None)
    migrations.upgrade(taken_over.app)
    assert check(taken_over).sealed == 7, "once"


def test_a_record_without_any_seal_is_taken_over_as_the_first(
    empty_database_url: str, make_app: MakeApp, clock: Clock
) -> None:
    clock.set(NOW)
    app = old_record(make_app(empty_database_url), events=3, sealed=0)
    prepare_database(app)
    found = check(World(app))
    assert (found.sealed, found.unsealed, found.broken) == (3, 0, None)


@pytest.mark.parametrize(
    ("deed", "broken"),
    [
        ("UPDATE audit_event SET address = 'x' WHERE id = 3", "event 3 has been altered"),
        ("UPDATE audit_event SET address = 'x' WHERE id = 5", "event 5 has been altered"),
        ("DELETE FROM audit_event WHERE id = 5", "event 5 has been removed"),
        ("DELETE FROM audit_event WHERE id = 1", "event 1 has been removed"),
        ("UPDATE audit_seal SET taken_over = false WHERE id = 3", "seal 3 begins anew"),
        (
            "UPDATE audit_seal SET key_id = NULL WHERE id = 3",
            "the first seals were made with a data key that is not there",
        ),
    ],
)
def test_it_cannot_be_changed_afterwards(taken_over: World, deed: str, broken: str) -> None:
    own(taken_over, deed)
    assert str(check(taken_over).broken).startswith(broken)


def test_nothing_without_a_mac_is_added_or_taken_over_again(taken_over: World) -> None:
    """Also not when every seal is gone: those events are under no seal then, and stay so."""
    write(taken_over, 1)
    own(taken_over, "DELETE FROM audit_sealed_row", "DELETE FROM audit_seal")
    assert str(check(taken_over).broken).endswith("has no MAC: it was not written by the portal")
    assert seal_all(taken_over) is not None
    migrations.upgrade(taken_over.app)
    assert str(check(taken_over).broken) != "None"


def test_the_seal_that_took_over_gone(taken_over: World) -> None:
    """What is left looks like a record of the time before; the worker does not go on with it."""
    own(taken_over, "DELETE FROM audit_sealed_row WHERE seal_id = 3", "DELETE FROM audit_seal WHERE id = 3")
    assert seal_all(taken_over) == "seal 2 is of a time before events had MACs, and what came after it is gone"
    assert str(check(taken_over).broken) == "event 5 has no MAC: it was not written by the portal"


def test_what_was_taken_over_holds_without_its_first_key(
    empty_database_url: str, make_app: MakeApp, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seals of the time before were made with a key that a rotation ends; the seal that took over keeps their events."""
    from hp_portal.core.activity.retiring import retire_keys

    clock.set(NOW)
    old = old_record(make_app(empty_database_url), events=4, sealed=4)
    prepare_database(old)
    new = World(make_app(empty_database_url, data_key=f"{data_key('newer')},{DATA_KEY}"))
    with new.session() as session:
        retire_keys(session)
    vault = new.database.vault
    monkeypatch.delitem(vault.audit_keys, database_of(old).vault.key_id)
    monkeypatch.setattr(vault, "_hash_keys", vault._hash_keys[:1])
    assert check(new).broken is None
    own(new, "UPDATE audit_event SET address = 'x' WHERE id = 2")
    assert check(new).broken == "events that seal 3 took over have been altered or removed"


def test_an_empty_record_has_nothing_to_take_over(empty_database_url: str, make_app: MakeApp) -> None:
    app = old_record(make_app(empty_database_url), events=0, sealed=0)
    prepare_database(app)
    world = World(app)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(AuditSeal.id))) == 0
    write(world, 1)
    assert seal_all(world) is None
    assert check(world).broken is None
