"""What a code means, without a payment at hand."""

from __future__ import annotations

import datetime as dt

import pytest

from hp_portal import clock
from hp_portal_plugins.remittance.codes.codes_in_text import MOST, asked_codes
from hp_portal_plugins.remittance.codes.explanations import DO_NOT_BILL, explanations
from hp_portal_plugins.remittance.codes.models import Code
from tests.support.client import tree_of

from .inquiry import Office, words


def found(office: Office, typed: str) -> dict[str, list[str]]:
    tree = tree_of(office.client.get("/apps/remittance/codes", query_string={"codes": typed}))
    (table,) = [table for table in tree.iter("table") if table.get("id") == "asked"]
    rows = [[words(cell) for cell in row] for body in table.iter("tbody") for row in body.iter("tr")]
    return {code: rest for code, *rest in rows}


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("CO-16 N290, ma130", ["CO-16", "N290", "MA130"]),
        ("co 16; OA23 pr:204", ["CO-16", "OA-23", "PR-204"]),
        ("the claim was denied with CO - 29", ["CO-29"]),
        ("PR WO FB", ["PR", "WO", "FB"]),
        ("B7 P12 A1 045", ["B7", "P12", "A1", "45"]),
        ("16 16 16", ["16"]),
        ("no code at all: $1,234.56, 12345, $45, abc16", []),
        ("", []),
        (" ".join(f"N{number}" for number in range(1, 90)), [f"N{number}" for number in range(1, MOST + 1)]),
    ],
)
def test_codes_are_read_from_what_people_type(typed: str, codes: list[str]) -> None:
    assert [one.shown for one in asked_codes(typed)] == codes


def test_each_code_says_what_happened_and_what_can_be_done_by_group_and_beside_the_remarks(office: Office) -> None:
    rows = found(office, "CO-16 PR-96 N290 MA130 Z99")
    reasons, remarks = explanations("CARC"), explanations("RARC")
    assert rows["CO-16"] == [
        "Adjustment reason",
        reasons["16"].meaning,
        f"Send a new claim. {reasons['16'].now} {DO_NOT_BILL}",
    ]
    assert rows["PR-96"][2] == f"Bill the patient. {reasons['96'].patient}"
    assert rows["N290"][2] == f"Send a new claim. {remarks['N290'].now}"
    assert rows["MA130"][2] == remarks["MA130"].advice
    assert rows["Z99"] == ["Adjustment reason", "No explanation is loaded.", ""]


def test_without_a_group_it_says_what_holds_in_each(office: Office) -> None:
    rows = found(office, "96 CO")
    assert rows["96"][2] == explanations("CARC")["96"].advice
    assert rows["CO"][2] == DO_NOT_BILL


def test_a_loaded_text_is_shown_as_it_is_today(office: Office) -> None:
    with office.world.session() as session:
        values = {"source": "made up", "loaded_at": clock.now(), "valid_from": dt.date(2020, 1, 1), "valid_to": None}
        session.add(Code(list="RARC", code="N290", text="Loaded text", **values))
    assert found(office, "N290")["N290"][1] == "Loaded text"


def test_what_holds_no_code_is_answered_with_how_one_looks_and_kept(office: Office) -> None:
    response = office.client.get("/apps/remittance/codes", query_string={"codes": "denied <again>"})
    assert response.status_code == 422
    (main,) = tree_of(response).iter("main")
    assert "A code looks like CO-16, N290 or MA130." in words(main)
    (typed,) = [field for field in main.iter("input") if field.get("name") == "codes"]
    assert typed.get("value") == "denied <again>"


def test_nothing_typed_asks(office: Office) -> None:
    assert office.client.get("/apps/remittance/codes").status_code == 200
    assert "remittance/codes" in office.client.get("/apps/remittance/").text
