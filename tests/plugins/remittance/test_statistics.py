"""The database learns of the rows that an import brought, so that searches keep their plans."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask

from hp_portal import api, cli
from hp_portal_plugins.remittance.inquiry.search import count_new
from hp_portal_plugins.remittance.intake import statistics, uploads
from tests.plugins.remittance.import_files import file_of, many_payments
from tests.plugins.remittance.uploading import READ, RUN, run_worker, upload
from tests.support.world import World

Import = Callable[[int, int], str]


@pytest.fixture
def imported(world: World, app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Import:
    """Imports so many payments, the first one's number given, by the command."""
    monkeypatch.setattr(cli, "_app", [app])
    monkeypatch.setattr(statistics, "_FEWEST", 20)

    def run(count: int, first: int) -> str:
        path = tmp_path / "some.835"
        path.write_bytes(file_of(*many_payments(count, claims=1, first=first), control=first))
        result = CliRunner().invoke(cli.cli, ["remittance", "import", str(path)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def known_to_the_planner(world: World) -> int:
    """How many payments the database plans for; 0 when it was never told."""
    with world.session() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            found = connection.scalar(
                sa.text("SELECT reltuples FROM pg_class WHERE oid = 'remittance_payment'::regclass")
            )
            return max(int(found), 0)
        if not sa.inspect(connection).has_table("sqlite_stat1"):
            return 0
        text = connection.scalar(sa.text("SELECT stat FROM sqlite_stat1 WHERE tbl = 'remittance_payment' LIMIT 1"))
        return int(str(text or "0").split()[0])


def test_statistics_follow_when_the_tables_have_grown(world: World, imported: Import) -> None:
    imported(19, 1)
    assert known_to_the_planner(world) == 0, "few payments: any plan will do"
    imported(11, 101)
    assert known_to_the_planner(world) == 30
    imported(1, 201)
    assert known_to_the_planner(world) == 30, "one more is nothing new"
    imported(12, 301)
    assert known_to_the_planner(world) == 43


def test_small_imports_add_up(world: World, imported: Import) -> None:
    for number in range(30):
        imported(1, number + 1)
    assert known_to_the_planner(world) >= 25


def test_an_import_that_is_done_stays_done(world: World, imported: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise sa.exc.OperationalError("ANALYZE", {}, Exception("out of space"))

    monkeypatch.setattr(api, "refresh_statistics", fail)
    assert "imported." in imported(30, 1)


def test_an_upload_is_followed_by_statistics_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(uploads, "refresh_after", lambda _session, report: asked.append(report.payments))
    world.staff("importer", permissions=[RUN, READ])
    upload(world.sign_in("importer"), file_of(*many_payments(2)))
    assert run_worker(world)
    assert asked == [2]


def test_what_is_new_is_counted_by_its_index(world: World) -> None:
    """On every home page, however many payments there are."""
    engine = world.app.extensions["hp_portal.database"].engine
    if engine.dialect.name != "sqlite":  # PostgreSQL reads an empty table without an index
        assert "ix_remittance_payment_new" in {
            index["name"] for index in sa.inspect(engine).get_indexes("remittance_payment")
        }
        return
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    with world.session_of(world.organization()) as session:
        sa.event.listen(engine, "before_cursor_execute", note)
        count_new(session, api.now())
        sa.event.remove(engine, "before_cursor_execute", note)
    statement, parameters = asked[-1]
    with sqlite3.connect(engine.url.database) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert "ix_remittance_payment_new (payee_id=? AND imported_at>?)" in plan[0]
