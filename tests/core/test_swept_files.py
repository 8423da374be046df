"""Stored files that nothing refers to are removed after a day, and nothing else is."""

from __future__ import annotations

import datetime as dt
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal import clock as portal_clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.files import sweeping
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.core.files.storing import delete_stored, receive_file
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession, is_postgresql
from hp_portal.session import Who
from hp_portal.worker import FILES_SWEPT, core_jobs, run_job
from tests.conftest import MakeApp
from tests.core.test_plugin_migrations import install
from tests.support.clock import Clock
from tests.support.databases import mighty_engine
from tests.support.plugins import revision, write_plugin
from tests.support.world import World

PATIENCE = 60  # seconds after which a test gives up
DAY = dt.timedelta(days=1)


@pytest.fixture
def person(world: World) -> Person:
    return world.person("a.clerk")


def store(session: PortalSession, person: Person, kind: str = "document") -> int:
    owner = Who(person.id, person.organization_id)
    return receive_file(session, io.BytesIO(b"sample"), "sample.txt", owner=owner, kind=kind).id


def stored(world: World, person: Person, *kinds: str) -> list[int]:
    with world.session() as session:
        return [store(session, person, kind) for kind in kinds]


def refer(session: PortalSession, person: Person, file_id: int) -> None:
    now = portal_clock.now()
    session.add(
        DocumentRequest(
            person_id=person.id,
            organization_id=person.organization_id,
            kind="sample",
            title="Sample",
            wanted="x",
            state="ready",
            stored_file_id=file_id,
            requested_at=now,
            expires_at=now + DAY,
        )
    )
    session.flush()


def sweep(app: Flask) -> None:
    """The job, as the worker runs it."""
    job = next(job for job in core_jobs(app.extensions["hp_portal.settings"]) if job.key == FILES_SWEPT)
    with app.app_context():
        assert run_job(app, job)


def there(world: World) -> set[int]:
    with world.session() as session:
        files = set(session.scalars(sa.select(StoredFile.id)))
        assert set(session.scalars(sa.select(StoredPiece.file_id))) == files
    return files


def page(world: World) -> str:
    world.staff("a.keeper", permissions=("staff:console:open", "staff:plugins:read"))
    return world.sign_in("a.keeper").get("/staff/plugins").text


def test_only_old_files_that_nothing_refers_to_are_removed(world: World, person: Person, clock: Clock) -> None:
    referred, *_ = stored(world, person, "document", "document", "remittance upload")
    with world.session() as session:
        refer(session, person, referred)
    clock.advance(DAY + dt.timedelta(minutes=1))
    young, *_ = stored(world, person, "document")
    sweep(world.app)
    assert there(world) == {referred, young}
    with world.session() as session:
        events = session.scalars(sa.select(AuditEvent.fields).where(AuditEvent.event == sweeping.REMOVED)).all()
    told = sorted((one["kind"], one["files"], one["bytes"]) for one in map(json.loads, events))
    assert told == [("document", 1, 6), ("remittance upload", 1, 6)]
    assert "Removed 2 stored files (12 bytes)" in page(world)


def test_more_than_one_transaction(world: World, person: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "AT_A_TIME", 2)
    files = stored(world, person, *["document"] * 5)
    with world.session() as session:
        refer(session, person, files[2])
    clock.advance(DAY * 2)
    sweep(world.app)
    assert there(world) == {files[2]}


def test_files_that_cannot_be_told_stay(world: World, person: Person, clock: Clock) -> None:
    """No table of that application has a foreign key to files: it may name them in its own way."""
    kept = stored(world, person, "sample attachment")
    clock.advance(DAY * 2)
    sweep(world.app)
    assert there(world) == set(kept)
    assert "1 stored file of the kind “sample attachment” stay" in page(world)


def test_tables_of_an_uninstalled_plugin_refer_as_well(
    database_url: str, make_app: MakeApp, tmp_path: Path, clock: Clock
) -> None:
    """No model speaks of them any more; the database knows."""
    table = (
        'op.create_table("claim_attachment", sa.Column("file_id", sa.BigInteger(), sa.ForeignKey("stored_file.id")))'
    )
    install(make_app, database_url, claim=write_plugin(tmp_path, "claim", migrations={"b1.py": revision("b1", table)}))
    world = World(make_app(database_url))
    person = world.person("a.clerk")
    referred, _ = stored(world, person, "claim attachment", "claim attachment")
    with world.session() as session:
        session.connection().execute(sa.text("INSERT INTO claim_attachment VALUES (:file)"), {"file": referred})
    clock.advance(DAY * 2)
    sweep(world.app)
    assert there(world) == {referred}


def test_a_file_that_is_referred_to_meanwhile_stays(
    world: World, person: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at what may go and the removal, somebody else's reference is committed."""
    (file_id,) = stored(world, person, "document")
    clock.advance(DAY * 2)
    before = sweeping._has_references

    def refer_first(*given: object) -> bool:
        with world.session() as session:
            refer(session, person, file_id)
        return before(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(sweeping, "_has_references", refer_first)
    sweep(world.app)
    assert there(world) == {file_id}


@contextmanager
def sweeping_beside(app: Flask) -> Iterator[threading.Thread]:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            sweep(app)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert failed == []


def test_a_reference_that_is_not_committed_yet_counts(world: World, person: Person, clock: Clock) -> None:
    (file_id,) = stored(world, person, "document")
    clock.advance(DAY * 2)
    with world.session() as session:
        refer(session, person, file_id)
        with sweeping_beside(world.app) as thread:
            if is_postgresql(session):  # on SQLite there is one writer: the job waits for this one
                thread.join(PATIENCE)
            session.commit()
    assert there(world) == {file_id}


def test_a_file_that_is_being_deleted_is_no_failure(world: World, person: Person, clock: Clock) -> None:
    (file_id,) = stored(world, person, "document")
    clock.advance(DAY * 2)
    with world.session() as session:
        delete_stored(session, file_id)
        with sweeping_beside(world.app) as thread:
            if is_postgresql(session):
                thread.join(PATIENCE)
            session.commit()
    assert there(world) == set()


def test_staff_are_told_what_is_missing(world: World, person: Person, clock: Clock) -> None:
    """A file without its pieces, and a row whose file is gone: somebody has been at the database."""
    whole, cut, gone = stored(world, person, "document", "document", "document")
    with world.session() as session:
        for file_id in (whole, cut, gone):
            refer(session, person, file_id)
    with mighty_engine(world.app) as engine, engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        else:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql(f"DELETE FROM stored_piece WHERE file_id IN ({cut}, {gone})")
        connection.exec_driver_sql(f"DELETE FROM stored_file WHERE id = {gone}")
        connection.commit()
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
    sweep(world.app)
    shown = page(world)
    assert f"Stored files of the kind “document” lack pieces and cannot be opened: {cut}." in shown
    assert f"Rows of document_request name stored files that are not there: {gone}." in shown
    assert "2 problems with stored files" in world.sign_in("a.keeper").get("/staff/").text
