"""Comparing an office's roster with the record: time as a ratio to openpyxl reading the file alone, and memory over idle.

`python -m bench.rosters [--rows 10000] [--changes 1500]`
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench.figures import Figure, show
from bench.importing import app_on
from bench.memory import peak_since_idle
from bench.requests import databases
from bench.tables import ALONE
from hp_portal import clock
from hp_portal.api import sheets
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.database import Database, PortalSession
from hp_portal.scopes import WholeScope, of_organization
from hp_portal_plugins.profiles.record.fields import Subject
from hp_portal_plugins.profiles.record.models import FACTS, Affiliation, Change, Location, Practitioner
from hp_portal_plugins.profiles.roster.downloads import roster_choices
from hp_portal_plugins.profiles.roster.layout import KEYS, make_layout
from hp_portal_plugins.profiles.roster.models import RosterRow, RosterUpload
from hp_portal_plugins.profiles.roster.standing import load_standing
from hp_portal_plugins.profiles.roster.uploads import receive
from hp_portal_plugins.profiles.roster.working import compare_rosters
from tests.support.identifiers import make_npi, make_tin

ROWS, CHANGES, PLACES, ROUNDS = 10_000, 1_500, 5, 3
MOST = "≤ 3"
_AT_ONCE = 5_000
SINCE = dt.date(2026, 1, 1)
PERSON = {"last_name": "Sample", "first_name": "Sam", "degree": "MD", "primary_care": "yes"}


@dataclass(frozen=True)
class _Owner:
    person_id: int
    organization_id: int


def run(rows: int = ROWS, changes: int = CHANGES) -> list[Figure]:
    """Every figure of this bench; see docs/figures.md."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as urls:
        for name, url in urls.items():
            app = app_on(url, Path(folder))
            owner = _record(app, rows)
            figures += _measure(app, owner, name, rows, changes)
    return figures


def _sessions(app: Flask) -> Database:
    database: Database = app.extensions["hp_portal.database"]
    return database


def _record(app: Flask, rows: int) -> _Owner:
    """An office with so many practitioners at its locations, each at all of them."""
    with app.app_context(), _sessions(app).new_session(WholeScope("bench")) as session:
        now = clock.now()
        office = Organization(name="Bench Clinic", audience="physician", validated_at=now, created_at=now)
        session.add(office)
        session.flush()
        person = Person(
            organization_id=office.id,
            username="bench",
            email="bench@office.example",
            name="Bench",
            password_hash="",
            password_changed_at=now,
            is_staff=False,
            is_delegate=False,
            created_at=now,
        )
        payee = Payee(
            **Payee.tin_values(session, make_tin(1), npi=make_npi(1)),
            vendor_number="V1",
            name="Bench Group",
            provider_type="physician",
            network_status="contracted",
            address="",
            updated_at=now,
        )
        change = Change(kind="loaded", recorded_at=now, why="bench")
        session.add_all((person, payee, change))
        session.flush()
        session.add(Grant(organization_id=office.id, payee_id=payee.id, proof="payer", granted_at=now))
        session.flush()
        _fill(session, rows, payee.id, change)
        owner = _Owner(person.id, office.id)
        session.commit()
        session.connection().exec_driver_sql("ANALYZE")
        session.commit()
        return owner


def _fill(session: PortalSession, rows: int, payee_id: int, change: Change) -> None:
    people, places = range(1, rows // PLACES + 1), range(1, PLACES + 1)
    both = list(enumerate(((who, where) for who in people for where in places), 1))
    _insert(session, Practitioner, [{"id": one, "reference": f"P{one}"} for one in people])
    _insert(session, Location, [{"id": one, "reference": f"L{one}", "payee_id": payee_id} for one in places])
    ids = [{"id": one, "practitioner_id": who, "location_id": where, "since": SINCE} for one, (who, where) in both]
    _insert(session, Affiliation, ids)
    of_all = {"holds_from": SINCE, "withdrawn": False, "recorded_at": change.recorded_at, "change_id": change.id}
    told: dict[str, list[dict[str, Any]]] = {subject: [] for subject in FACTS}

    def say(subject: Subject, one: int, values: Mapping[tuple[str, str], str]) -> None:
        for (field, item), value in values.items():
            row = {**of_all, f"{subject}_id": one, "field": field, "item": item, "value": value}
            told[subject].append(row | ({"token": f"{len(told[subject]):032d}"} if subject == "practitioner" else {}))

    for one in places:
        address = {"name": f"Site {one}", "street": f"{one} Way", "zip": "55000", "state": "MN", "phone": "9525550100"}
        say("location", one, {("standing", ""): "open", **{(name, ""): value for name, value in address.items()}})
    for one in people:
        person = {**PERSON, "npi": make_npi(one + 10)}
        listed = {("specialty", "207Q00000X"): "primary", ("language", "Hmong"): "yes", ("language", "Spanish"): "yes"}
        license_of = {("license_number", "MN"): str(one), ("license_expires", "MN"): "2027-10-01"}
        say("practitioner", one, {(name, ""): value for name, value in person.items()} | listed | license_of)
    for one, (_, where) in both:
        works = {"standing": "active", "accepting": "new", "directory": "yes", "primary": "yes" if where == 1 else "no"}
        say("affiliation", one, {(name, ""): value for name, value in works.items()})
    for subject, model in FACTS.items():
        _insert(session, model, told[subject])


def _insert(session: PortalSession, model: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        session.execute(sa.insert(model.__table__), rows[start : start + _AT_ONCE])


def _file(session: PortalSession, owner: _Owner, changes: int) -> bytes:
    """The roster as it is downloaded, with so many cells changed."""
    with of_organization(session, owner.organization_id):
        standing = load_standing(session, clock.now().date())
    choices = roster_choices(standing, {})
    rows = [row | {"accepting": "closed"} if place < changes else row for place, row in enumerate(standing.rows())]
    return sheets.layout_xlsx(make_layout({}), rows, locked=KEYS, choices=choices)


def _measure(app: Flask, owner: _Owner, name: str, rows: int, changes: int) -> list[Figure]:
    with app.app_context(), _sessions(app).new_session(WholeScope("bench")) as session:
        body = _file(session, owner, changes)
        ratios, took, memory = [], [], []
        for _ in range(ROUNDS):
            upload = receive(session, io.BytesIO(body), "roster.xlsx", owner, clock.now().date(), None)
            session.commit()
            roster = upload.id
            alone = _timed(
                lambda: subprocess.run([sys.executable, "-c", ALONE], input=body, stdout=subprocess.PIPE, check=True)
            )
            began = time.perf_counter()
            memory.append(peak_since_idle(lambda: compare_rosters(session)))
            took.append(time.perf_counter() - began)
            ratios.append(took[-1] / alone)
            session.expire_all()
            state = session.scalar(sa.select(RosterUpload.state).where(RosterUpload.id == roster))
            of = sa.select(sa.func.count()).where(RosterRow.roster_id == roster, RosterRow.outcome == "changed")
            if state != "ready" or session.scalar(of) != changes:
                raise RuntimeError(f"the roster is {state}, and {session.scalar(of)} rows are changed")
            session.rollback()
    return [
        Figure(f"a roster of {rows:,} rows compared, {name}: to openpyxl alone", min(ratios), "×", MOST),
        Figure(f"a roster of {rows:,} rows compared, {name}", min(took), "s", "≤ 60"),
        Figure(f"comparing it, {name}: memory of the worker over idle", max(memory), "MiB", "≤ 300"),
    ]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--changes", type=int, default=CHANGES)
    chosen = parser.parse_args()
    show(run(chosen.rows, chosen.changes))
