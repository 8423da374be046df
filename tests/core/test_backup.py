"""`hp-portal backup` and `hp-portal restore`: what comes back is what was there, on both databases."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from hp_portal import backup, cli
from hp_portal.core.activity.sealing import seal
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import record
from hp_portal.core.audit.triggers import drop_triggers
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.databases import Databases, data_key, database_of, owner_url
from tests.support.world import World


@pytest.fixture
def database_url(database_url: str) -> str:
    """Who changes the schema owns the tables."""
    return owner_url(database_url)


Run = Callable[..., Result]
OTHER_KEY = data_key("other")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database_kind: str, databases: Databases) -> Run:
    """`run(app, "backup", FILE)`, with the programs of the test server's own version on the PATH."""
    if database_kind == "postgresql":
        databases.server.ensure_started()
        monkeypatch.setenv("PATH", str(databases.server.programs))

    def run_it(app: Flask, *arguments: str | Path) -> Result:
        monkeypatch.setattr(cli, "_app", [app])
        return CliRunner().invoke(cli.cli, [str(argument) for argument in arguments], catch_exceptions=False)

    return run_it


@pytest.fixture
def empty_app(empty_database_url: str, make_app: MakeApp) -> Flask:
    return make_app(empty_database_url)


@pytest.fixture
def filled(world: World) -> World:
    world.grant(world.organization("Sample Clinic"), world.payee())
    world.person("a.clerk")
    with world.session() as session:
        record(session, "audit.own.viewed", page=1)
        session.commit()
        seal(session)
    return world


def everything(app: Flask) -> dict[str, list[Any]]:
    """Every row of every table that is in the database."""
    tables = sa.MetaData()
    with database_of(app).engine.connect() as connection:
        tables.reflect(connection)
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all())) for table in tables.sorted_tables
        }


def test_what_is_restored_is_what_was_backed_up(filled: World, empty_app: Flask, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "portal.backup"
    made = run(filled.app, "backup", file)
    assert made.exit_code == 0, made.output
    assert "HP_PORTAL_DATA_KEY" in made.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("portal.backup*")] == ["portal.backup"]

    restored = run(empty_app, "restore", file)
    assert restored.exit_code == 0, restored.output
    assert "up to date. Audit: 1 events sealed." in restored.output
    before, after = everything(filled.app), everything(empty_app)
    assert "staff.database.restored" in after["audit_event"].pop()
    assert after == before
    # It works on: new rows get new keys, people sign in, and the audit record is closed as ever.
    again = World(empty_app)
    assert again.sign_in("a.clerk").get("/my-activity", check=False).status_code == 200
    again.person("b.clerk")
    with pytest.raises(sa.exc.DBAPIError, match="audit"), again.session() as session:
        session.execute(sa.update(AuditEvent).values(address="elsewhere"))


def test_a_restore_signs_everybody_out(filled: World, empty_app: Flask, run: Run, tmp_path: Path) -> None:
    """Who has signed out since the backup was made would be signed in again."""
    filled.person("b.clerk")
    browser = filled.sign_in("b.clerk")
    with browser.flask.session_transaction() as kept:
        token = kept["_user_id"]
    file = tmp_path / "portal.backup"
    run(filled.app, "backup", file)
    assert browser.get("/my-activity").status_code == 200
    assert run(empty_app, "restore", file).exit_code == 0
    assert PortalClient(empty_app, token).get("/my-activity").status_code == 303
    with World(empty_app).session() as session:
        event = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "staff.database.restored")).one()
        assert event.fields == '{"sign_ins_ended":1}'


def test_a_file_that_was_made_meanwhile_is_left_as_it_is(
    filled: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "portal.backup"
    monkeypatch.setattr(backup, "_onto_disk", lambda _path: file.write_text("somebody else's"))
    refused = run(filled.app, "backup", file)
    assert refused.exit_code == 1
    assert "made by somebody else meanwhile" in refused.output
    assert file.read_text() == "somebody else's"
    assert list(tmp_path.glob("*.partial")) == []


def test_restoring_never_writes_over_anything(filled: World, empty_app: Flask, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "portal.backup"
    assert run(filled.app, "backup", file).exit_code == 0
    filled.person("came.later")
    before = everything(filled.app)
    refused = run(filled.app, "restore", file)
    assert refused.exit_code == 1
    assert "not empty" in refused.output
    assert everything(filled.app) == before
    again = run(filled.app, "backup", file)
    assert again.exit_code == 1
    assert "exists already" in again.output


def test_an_older_backup_asks_for_the_upgrade(filled: World, empty_app: Flask, run: Run, tmp_path: Path) -> None:
    with database_of(filled.app).engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version"))
    file = tmp_path / "portal.backup"
    run(filled.app, "backup", file)
    restored = run(empty_app, "restore", file)
    assert restored.exit_code == 0
    assert "hp-portal db upgrade" in restored.output


def test_a_changed_record_is_noticed(filled: World, empty_app: Flask, run: Run, tmp_path: Path) -> None:
    with database_of(filled.app).engine.begin() as connection:
        for statement in drop_triggers(connection.dialect.name):
            connection.execute(sa.text(statement))
        connection.execute(sa.text("UPDATE audit_event SET address = 'elsewhere'"))
    file = tmp_path / "portal.backup"
    run(filled.app, "backup", file)
    restored = run(empty_app, "restore", file)
    assert restored.exit_code == 1
    assert "event 1 has been altered" in restored.output


def test_the_wrong_data_key_is_noticed(
    filled: World, empty_database_url: str, make_app: MakeApp, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "portal.backup"
    run(filled.app, "backup", file)
    restored = run(make_app(empty_database_url, data_key=OTHER_KEY), "restore", file)
    assert restored.exit_code == 1
    assert "HP_PORTAL_DATA_KEY is not the data key of this database" in restored.output


def test_what_is_no_backup_is_refused(empty_app: Flask, database_kind: str, run: Run, tmp_path: Path) -> None:
    other = {"sqlite": b"PGDMP\x01", "postgresql": b"SQLite format 3\0"}[database_kind]
    for content, words in ((b"%PDF-1.7", "not a backup"), (b"", "not a backup"), (other, "is a backup of a")):
        file = tmp_path / "some.file"
        file.write_bytes(content)
        refused = run(empty_app, "restore", file)
        assert refused.exit_code == 1
        assert words in refused.output
    assert "No such file" in run(empty_app, "restore", tmp_path / "missing").output


def test_a_damaged_file_restores_nothing(filled: World, empty_app: Flask, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "portal.backup"
    run(filled.app, "backup", file)
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle:] = b"\xff" * (len(data) - middle)
    file.write_bytes(data)
    refused = run(empty_app, "restore", file)
    assert refused.exit_code == 1
    assert sa.inspect(database_of(empty_app).engine).get_table_names() == []


def test_without_the_programs_it_is_told_what_to_run(
    filled: World, database_kind: str, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    made = run(filled.app, "backup", tmp_path / "portal.backup")
    if database_kind == "sqlite":
        assert made.exit_code == 0
        return
    assert made.exit_code == 1
    assert "pg_dump is not on the PATH" in made.output
    assert "pg_dump --format=custom" in made.output
    assert list(tmp_path.glob("portal.backup*")) == []


def test_a_backup_is_made_while_somebody_writes(
    databases: Databases, make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(make_app(databases.new_sqlite(tmp_path / "portal.sqlite")))
    file = tmp_path / "portal.backup"
    monkeypatch.setattr(cli, "_app", [world.app])
    with world.session() as session:
        record(session, "audit.own.viewed", page=1)
        session.flush()  # the one writer holds its lock
        assert CliRunner().invoke(cli.cli, ["backup", str(file)]).exit_code == 0
    with closing(sqlite3.connect(file)) as copy:
        assert copy.execute("SELECT count(*) FROM audit_event").fetchone() == (0,)
