"""The record: declared events, one transaction with what they record, and never changed."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.activity.sealing import seal
from hp_portal.core.audit.models import AuditEvent, AuditKey, AuditSeal, AuditSealedRow
from hp_portal.core.audit.record import Who, record, set_who
from hp_portal.core.audit.triggers import TABLES
from hp_portal.database import PortalSession, is_postgresql
from hp_portal.events import EventRegistry, UndeclaredEvent
from hp_portal.hookspecs import EventSpec
from tests.support.databases import mighty_engine
from tests.support.world import World


def count(world: World) -> int:
    with world.session() as session:
        return session.scalar(sa.select(sa.func.count(AuditEvent.id))) or 0


def test_only_declared_events_with_exactly_their_fields(world: World) -> None:
    with world.session() as session:
        for event, fields in (
            ("no.such.event", {}),
            ("audit.own.viewed", {}),
            ("audit.own.viewed", {"page": 1, "patient": "x"}),
            ("identity.sign-in.succeeded", {"page": 1}),
        ):
            with pytest.raises(UndeclaredEvent):
                record(session, event, **fields)
        record(session, "audit.own.viewed", page=1)
    assert count(world) == 1


def test_an_event_is_declared_once() -> None:
    registry = EventRegistry()
    registry.declare([EventSpec("a.b.c", "Did", ("x",))])
    registry.declare([EventSpec("a.b.c", "Did", ("x",))])
    with pytest.raises(UndeclaredEvent, match="twice"):
        registry.declare([EventSpec("a.b.c", "Did", ("y",))])
    assert registry.label("gone.plugin.event") == "gone.plugin.event"


def test_an_event_keeps_who_from_where_and_why(world: World) -> None:
    person = world.person("a.clerk")
    with world.session() as session:
        set_who(session, Who(person.id, person.organization_id, None, "request-1", "203.0.113.7"))
        record(session, "audit.own.viewed", page=3, reason="asked by the patient")
    with world.session() as session:
        row = session.scalars(sa.select(AuditEvent)).one()
    assert (row.person_id, row.organization_id, row.request_id) == (person.id, person.organization_id, "request-1")
    assert (row.address, row.reason, json.loads(row.fields)) == ("203.0.113.7", "asked by the patient", {"page": 3})


def test_what_is_rolled_back_is_not_recorded(world: World) -> None:
    with world.session() as session:
        record(session, "audit.own.viewed", page=1)
        session.rollback()
    assert count(world) == 0


def test_a_view_records_in_the_transaction_of_its_deed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepting the terms: when the commit fails there is neither acceptance nor event."""
    from hp_portal.core.identity.models import Acceptance

    world.person("a.clerk", terms=False)
    client = world.sign_in("a.clerk")

    def fail(_session: PortalSession) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(PortalSession, "commit", fail)
        assert client.post("/terms", {"terms_of_use": "2026-01"}, check=False).status_code == 500
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Acceptance.id))) == 0
    assert count(world) == 0
    assert client.post("/terms", {"terms_of_use": "2026-01"}, check=False).status_code == 303
    assert count(world) == 1


@pytest.mark.parametrize("table", TABLES)
def test_the_database_refuses_every_change(world: World, table: str) -> None:
    with world.session() as session:
        record(session, "audit.own.viewed", page=1)
    with world.session() as session:
        assert seal(session) == 1
        session.add(AuditKey(key_id=b"1234", sealed=b"kept", kept_at=clock.now()))
        postgresql = is_postgresql(session)
    column = "event_id" if table == "audit_sealed_row" else "id"
    same = ", ".join(column.name for column in AuditEvent.__table__.columns if column.name != "id")
    statements = [
        f"UPDATE {table} SET {column} = {column}",
        f"UPDATE {table} SET {column} = 7 WHERE {column} = 1",
        f"DELETE FROM {table}",
        f"DELETE FROM {table} WHERE {column} = 1",
    ]
    if postgresql:
        statements += [f"TRUNCATE {table} CASCADE", f"SET session_replication_role = replica; DELETE FROM {table}"]
        columns = {"audit_event": "id", "audit_seal": "id", "audit_sealed_row": "event_id", "audit_key": "id"}
        statements += [
            f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({columns[table]}) DO UPDATE SET {column} = 1"
        ]
    else:
        statements += [
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
            f"UPDATE OR REPLACE {table} SET {column} = {column}",
            f"INSERT OR REPLACE INTO audit_event (id, {same}) SELECT id + 1, {same} FROM audit_event",
            f"INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT DO UPDATE SET {column} = 9",
        ]
    for statement in statements:
        with (
            mighty_engine(world.app) as engine,
            engine.connect() as connection,
            pytest.raises(sa.exc.DBAPIError, match="never changed"),
        ):
            connection.exec_driver_sql(statement)
    with world.session() as session:
        for model in (AuditEvent, AuditSeal, AuditSealedRow, AuditKey):
            assert session.scalar(sa.select(sa.func.count()).select_from(model)) == 1
