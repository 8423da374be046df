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
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from openpyxl import load_workbook

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
from hp_portal_plugins.profiles.loading.importing import LoadReport, load_rows
from hp_portal_plugins.profiles.loading.rows import FactRow
from hp_portal_plugins.profiles.record.applying import Stated
from hp_portal_plugins.profiles.roster.layout import make_layout
from hp_portal_plugins.profiles.roster.models import RosterRow, RosterUpload
from hp_portal_plugins.profiles.roster.standing import load_standing
from hp_portal_plugins.profiles.roster.uploads import receive
from hp_portal_plugins.profiles.roster.working import compare_rosters
from tests.support.identifiers import make_npi, make_tin

ROWS, CHANGES, PLACES = 10_000, 1_500, 5
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
        session.add_all((person, payee))
        session.flush()
        session.add(Grant(organization_id=office.id, payee_id=payee.id, proof="payer", granted_at=now))
        facts = [fact for number in range(PLACES) for fact in _place(number)]
        facts += [fact for number in range(rows // PLACES) for fact in _person(number)]
        load_rows(session, list(enumerate(facts, 2)), Stated("loaded", "bench"), LoadReport())
        session.commit()
        return _Owner(person.id, office.id)


def _place(number: int) -> list[FactRow]:
    values = {"standing": "open", "name": f"Site {number}", "street": f"{number} Way", "zip": "55000", "state": "MN"}
    tin, npi = make_tin(1), make_npi(1)
    return [
        FactRow("", f"L{number}", field, "", value, SINCE, tin=tin, payee_npi=npi) for field, value in values.items()
    ]


def _person(number: int) -> list[FactRow]:
    who = f"P{number}"
    values = {**PERSON, "npi": make_npi(number + 10)}
    facts = [FactRow(who, "", field, "", value, SINCE) for field, value in values.items()]
    facts.append(FactRow(who, "", "license_number", "MN", str(number), SINCE))
    for place in range(PLACES):
        for field, value in (("standing", "active"), ("accepting", "new"), ("directory", "yes")):
            facts.append(FactRow(who, f"L{place}", field, "", value, SINCE))
    return facts


def _file(session: PortalSession, owner: _Owner, changes: int) -> bytes:
    """The roster as it is downloaded, with so many cells changed."""
    layout = make_layout({})
    with of_organization(session, owner.organization_id):
        body = sheets.layout_xlsx(layout, load_standing(session, clock.now().date()).rows())
    book = load_workbook(io.BytesIO(body))
    sheet = book["Roster"]
    column = [cell.value for cell in sheet[1]].index("Accepting patients") + 1
    for row in range(2, changes + 2):
        sheet.cell(row=row, column=column).value = "Closed to patients"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _measure(app: Flask, owner: _Owner, name: str, rows: int, changes: int) -> list[Figure]:
    with app.app_context(), _sessions(app).new_session(WholeScope("bench")) as session:
        body = _file(session, owner, changes)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", ALONE], input=body, stdout=subprocess.PIPE, check=True)
        alone = time.perf_counter() - began
        upload = receive(session, io.BytesIO(body), "roster.xlsx", owner, clock.now().date(), None)
        session.commit()
        began = time.perf_counter()
        memory = peak_since_idle(lambda: compare_rosters(session))
        took = time.perf_counter() - began
        session.expire_all()
        state = session.scalar(sa.select(RosterUpload.state).where(RosterUpload.id == upload.id))
        changed = sa.select(sa.func.count()).select_from(RosterRow).where(RosterRow.outcome == "changed")
        if state != "ready" or session.scalar(changed) != changes:
            raise RuntimeError(f"the roster is {state}, and {session.scalar(changed)} rows are changed")
    return [
        Figure(f"a roster of {rows:,} rows compared, {name}: to openpyxl alone", took / alone, "×", "≤ 8"),
        Figure(f"a roster of {rows:,} rows compared, {name}", took, "s", "≤ 60"),
        Figure(f"comparing it, {name}: memory of the worker over idle", memory, "MiB", "≤ 300"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--changes", type=int, default=CHANGES)
    chosen = parser.parse_args()
    show(run(chosen.rows, chosen.changes))
