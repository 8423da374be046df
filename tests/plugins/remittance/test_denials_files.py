"""Denied lines as CSV and Excel: the lines of the page, safe against formulas, within limits that are said."""

from __future__ import annotations

import csv
import dataclasses
import io

import openpyxl
import pytest
import sqlalchemy as sa

from hp_portal.core.downloads import making
from hp_portal.core.organizations.models import Grant
from hp_portal.scopes import WholeScope
from hp_portal_plugins.remittance.demo.writing import Reason, Service
from hp_portal_plugins.remittance.denials import counting, documents
from tests.support.client import tree_of
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, words

PAGE = "/apps/remittance/denials"


@pytest.fixture
def office(world: World) -> Office:
    office = Office(world)
    line = Service("HC:99213", 9000, (Reason("CO", "97", 5000), Reason("CO", "50", 4000)), DAY, remarks=("N19",))
    formula = dataclasses.replace(claim(1, services=(line,), status="4"), account="=1+1")
    office.paid("4501", formula, claim(2, services=(), reasons=(Reason("OA", "23", 0),)), claim(3, services=(line,)))
    return office


def test_csv_and_workbook(office: Office) -> None:
    answer = office.client.get(f"{PAGE}/csv?issued_from=any&codes=97+50&reason=appeal")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [(row["line"], row["group"], row["reason"], row["taken_off"]) for row in rows] == [
        ("1", "CO", "50", "40.00"),
        ("1", "CO", "97", "50.00"),
    ] * 2
    first = rows[0]
    assert (first["patient_account"], first["charged"], first["paid"], first["remarks"]) == (
        "'=1+1",
        "90.00",
        "0.00",
        "N19",
    )
    assert (first["payment_date"], first["claim_status"], first["reversed_later"]) == ("2026-03-02", "4", "no")
    (event,) = events(office.world, "remittance.denial.downloaded")
    assert event["format"] == "csv"
    assert list(event["claims"].values()) == ["1,3"]
    book = openpyxl.load_workbook(io.BytesIO(office.client.get(f"{PAGE}/xlsx?issued_from=any").data))
    assert book.sheetnames == ["Denied lines", "By reason", "What was asked for"]
    sheet = book["Denied lines"]
    assert sheet["T2"].value == 40
    assert (sheet["X1"].value, sheet["X2"].value.split(".")[0]) == ("What can I do now", "Appeal if you disagree")
    assert sheet["G2"].value == "=1+1"
    assert sheet["G2"].data_type == "s"
    by_reason = [[cell.value for cell in row] for row in book["By reason"].iter_rows(min_row=2)]
    assert [(row[0], row[1], row[3], row[4], row[6]) for row in by_reason] == [
        ("CO", "97", 2, 2, 100),
        ("CO", "50", 2, 2, 80),
    ]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_large_file_leaves_while_all_that_is_in_it_may_be_seen(
    office: Office, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(documents.MOST_AT_ONCE, f"remittance.denials-{kind}", 0)
    answer = office.client.get(f"{PAGE}/{kind}?issued_from=any&codes=97")
    assert answer.status_code == 303
    with office.world.app.app_context(), office.world.database.new_session(WholeScope("documents")) as session:
        assert making.make_next(session)
    file = f"{answer.headers['Location']}/file"
    assert office.client.get(file).status_code == 200
    (event,) = events(office.world, "remittance.denial.downloaded")
    assert list(event["claims"].values()) == ["1,3"]
    with office.world.session() as session:
        session.execute(sa.update(Grant).values(ended_at=Grant.granted_at))
        session.commit()
    assert office.client.get(file).status_code == 404
    assert len(events(office.world, "remittance.denial.downloaded")) == 1


def test_limits_are_said(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_LINES", 3)
    answer = office.client.get(f"{PAGE}/csv?issued_from=any&reason=appeal")
    assert answer.status_code == 422
    assert "The lines you ask for are 4, counted once for each of their reasons; a file holds at most 3." in words(
        tree_of(answer)
    )
    assert "For a file these are too many" in office.client.get(f"{PAGE}?issued_from=any").text
    assert not events(office.world, "remittance.denial.downloaded")
    monkeypatch.setattr(counting, "MOST_LINES", 1)
    for path in ("", "/lines", "/csv"):
        answer = office.client.get(f"{PAGE}{path}?issued_from=any")
        assert answer.status_code == 422
        assert "have 2 service lines" in answer.text
