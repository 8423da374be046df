"""The directory: searching with 100,000 practitioner-locations against 1,000, and building it against what no build can do
without, reading the facts and putting as many rows and terms into the same tables.

`python -m bench.directory [--rows 100000]`
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask

from bench.data import settings_for
from bench.figures import Figure, show
from bench.requests import databases
from hp_portal import clock, migrations
from hp_portal.app import create_app
from hp_portal.database import Database, PortalSession, is_postgresql
from hp_portal.scopes import WholeScope
from hp_portal_plugins.profiles.directory.building import build_whole, current_build
from hp_portal_plugins.profiles.directory.models import DirectoryRow, DirectoryTerm
from hp_portal_plugins.profiles.directory.searching import Asked, find_entries
from hp_portal_plugins.profiles.record.facts import facts_of
from hp_portal_plugins.profiles.record.models import FACTS, SUBJECTS, Affiliation, Change, Location, Practitioner
from tests.support.identifiers import make_npi

FEW, MANY, SEARCHES, ROUNDS = 1_000, 100_000, 100, 5
MOST_TO_BUILD = 12
"""Beside the least, a build makes each row and its forty terms in Python and hands them to the database one by one, which takes
eight times as long; half as much again is what a busy machine may add."""
SINCE = dt.date(2026, 1, 1)
_AT_ONCE = 5_000
_SYLLABLES = [
    first + last for first in ("b", "d", "f", "g", "h", "k", "l", "m", "n", "r", "s", "t", "w") for last in ("al", "or")
]
SPECIALTIES = [f"{207 + number}Q00000X"[:10] for number in range(60)]
LANGUAGES = ("Spanish", "Hmong", "Somali", "Vietnamese", "Karen")


def _name(number: int) -> str:
    """One of 17,576 names."""
    parts = [_SYLLABLES[number // 26**place % 26] for place in range(3)]
    return "".join(parts).capitalize()


def _city(number: int) -> str:
    return f"{_name(number * 7 + 3)}ville"


def _facts(rows: int) -> Iterator[tuple[str, int, dict[tuple[str, str], str]]]:
    """Every practitioner works at two locations, twenty work at each; a city has five locations."""
    for number in range(1, rows // 2 + 1):
        values = {
            ("last_name", ""): _name(number * 31),
            ("first_name", ""): _name(number * 17 + 5),
            ("npi", ""): make_npi(number % 9_999 + 1),
            ("specialty", SPECIALTIES[number % len(SPECIALTIES)]): "primary",
            ("degree", ""): "MD",
        }
        if number % 3 == 0:
            values["language", LANGUAGES[number % len(LANGUAGES)]] = "yes"
        yield "practitioner", number, values
    for number in range(1, rows // 20 + 1):
        yield (
            "location",
            number,
            {
                ("standing", ""): "open",
                ("directory", ""): "yes",
                ("name", ""): f"{_name(number)} Clinic",
                ("street", ""): f"{number} Sample Street",
                ("city", ""): _city(number // 5),
                ("state", ""): "MN",
                ("zip", ""): f"{10_000 + number // 5:05d}",
                ("phone", ""): f"952555{number % 10_000:04d}",
                ("accessibility", "Entrance without steps"): "yes",
            },
        )
    for number in range(1, rows + 1):
        values = {
            ("standing", ""): "active",
            ("directory", ""): "yes",
            ("accepting", ""): ("new", "existing")[number % 2],
        }
        yield "affiliation", number, values


def fill(url: str, folder: Path, rows: int) -> Flask:
    """An app on a database with so many practitioners at locations, and nothing published yet."""
    app = create_app(settings_for(url, folder))
    migrations.upgrade(app)
    database: Database = app.extensions["hp_portal.database"]
    with app.app_context(), database.new_session(WholeScope("bench")) as session:
        change = Change(kind="loaded", recorded_at=clock.now(), why="bench")
        session.add(change)
        session.flush()
        places = rows // 20
        people = [{"id": number, "reference": f"P{number}"} for number in range(1, rows // 2 + 1)]
        _insert(session, Practitioner, people)
        _insert(session, Location, [{"id": number, "reference": f"L{number}"} for number in range(1, places + 1)])
        both = [
            {
                "id": number,
                "practitioner_id": (number + 1) // 2,
                "location_id": (number * 13 + (number % 2) * (places // 2)) % places + 1,
                "since": SINCE,
            }
            for number in range(1, rows + 1)
        ]
        _insert(session, Affiliation, both)
        told: dict[str, list[dict[str, Any]]] = {subject: [] for subject in SUBJECTS}
        for subject, row_id, values in _facts(rows):
            for (field, item), value in values.items():
                row = {f"{subject}_id": row_id, "field": field, "item": item, "value": value, "holds_from": SINCE}
                row |= {"withdrawn": False, "recorded_at": change.recorded_at, "change_id": change.id}
                told[subject].append(
                    row | ({"token": f"{len(told[subject]):032d}"} if subject == "practitioner" else {})
                )
        for subject, model in FACTS.items():
            _insert(session, model, told[subject])
        session.commit()
        session.connection().exec_driver_sql("ANALYZE")
        session.commit()
    return app


def _insert(session: PortalSession, model: type[Any], rows: list[dict[str, Any]]) -> None:
    """As fast as the database takes them."""
    table, connection = model.__table__, session.connection()
    if not is_postgresql(session):
        for start in range(0, len(rows), _AT_ONCE):
            connection.execute(sa.insert(table), rows[start : start + _AT_ONCE])
        return
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])


def build_seconds(app: Flask) -> tuple[float, float]:
    """What a build cannot do without, and building the directory."""
    database: Database = app.extensions["hp_portal.database"]
    with app.app_context(), database.new_session(WholeScope("bench")) as session:
        began = time.perf_counter()
        for subject, model in SUBJECTS.items():
            ids = list(session.scalars(sa.select(model.id)))
            for start in range(0, len(ids), 400):
                facts_of(session, subject, ids[start : start + 400])
        session.rollback()
        least = time.perf_counter() - began
        began = time.perf_counter()
        build = build_whole(session)
        building, edition = time.perf_counter() - began, build.edition
        began = time.perf_counter()
        for copied in (cast("sa.Table", model.__table__) for model in (DirectoryRow, DirectoryTerm)):
            columns = [column.name for column in copied.columns if column.name != "edition"]
            same = sa.select(sa.literal(edition + 1), *(copied.c[name] for name in columns))
            of_edition = same.where(copied.c.edition == edition)
            session.connection().execute(sa.insert(copied).from_select(["edition", *columns], of_edition))
        least += time.perf_counter() - began
        session.rollback()
        return least, building


def searches(rows: int) -> list[Asked]:
    """What people look for: names, whole or begun, specialties at a place, those who accept patients and speak a language."""
    found = []
    for number in range(1, SEARCHES + 1):
        person, city = number * 37 % (rows // 2) + 1, _city(number % (rows // 100))
        found += [
            Asked(name=_name(person * 31)),
            Asked(name=_name(person * 31)[:3]),
            Asked(specialty=SPECIALTIES[number % len(SPECIALTIES)], place=city, accepting=True),
            Asked(place=f"{10_000 + number % (rows // 100):05d}", language=LANGUAGES[number % len(LANGUAGES)]),
            Asked(language=LANGUAGES[number % len(LANGUAGES)], access="Entrance without steps", accepting=True),
            Asked(),
        ]
    return found


def search_p95(app: Flask, rows: int) -> float:
    """The 95th percentile of a search, in milliseconds."""
    database: Database = app.extensions["hp_portal.database"]
    times, some = [], 0
    with app.app_context():
        for asked in searches(rows):
            with database.new_session(WholeScope("bench")) as session:
                began = time.perf_counter()
                some += len(find_entries(session, current_build(session), asked, 25).rows)
                times.append((time.perf_counter() - began) * 1000)
    if not some:
        raise RuntimeError("nothing was found")
    return statistics.quantiles(times[len(times) // 6 :], n=20)[-1]


def run(rows: int = MANY) -> list[Figure]:
    """The figures of both databases; see docs/figures.md."""
    figures: list[Figure] = []
    for engine in ("SQLite", "PostgreSQL"):
        with (
            tempfile.TemporaryDirectory(prefix="hp-portal-bench-") as name,
            tempfile.TemporaryDirectory(prefix="hp-portal-bench-") as other,
            databases(Path(name)) as few_urls,
            databases(Path(other)) as many_urls,
        ):
            few = fill(few_urls[engine], Path(name) / "instance", FEW)
            many = fill(many_urls[engine], Path(other) / "instance", rows)
            build_seconds(few)
            least, building = build_seconds(many)
            for app in (few, many):
                with app.extensions["hp_portal.database"].engine.connect() as connection:
                    connection.exec_driver_sql("ANALYZE")
                    connection.commit()
            times = [(search_p95(few, FEW), search_p95(many, rows)) for _ in range(ROUNDS)]
            for app in (few, many):
                app.extensions["hp_portal.database"].engine.dispose()
        # The best of each: what else the machine does can only make a search slower.
        fast, slow = (min(found) for found in zip(*times, strict=True))
        found = f"directory search p95, {rows:,} rows / {FEW:,}, {engine}"
        figures += [
            Figure(found, slow / fast, "×", "≤ 1.5"),
            Figure(f"directory search p95, {rows:,} rows, {engine}", slow, "ms"),
            Figure(
                f"directory built / its facts read and its rows copied, {rows:,} rows, {engine}",
                building / least,
                "×",
                f"≤ {MOST_TO_BUILD}",
            ),
            Figure(f"directory built, {rows:,} rows, {engine}", building, "s"),
        ]
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=MANY)
    show(run(parser.parse_args().rows))
