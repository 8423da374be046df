"""Original, reversal and correction of a claim across payments, with the net effect."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from hp_portal.core.keys.rotating import rotate
from hp_portal_plugins.remittance.demo.writing import PayeeText, Reason, Service
from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.databases import DATA_KEY, data_key
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

from .inquiry import DAY, Office, claim, url_of, words

LESS = (Service("HC:99213", 20000, (Reason("CO", "45", 15000),), DAY - dt.timedelta(days=20)),)


def day(number: int) -> dt.date:
    return DAY + dt.timedelta(days=number)


def history(office: Office, payment: int, number: int = 1, *, fragment: bool = False) -> list[str]:
    """The rows of the claim's history as text, the net effect last; nothing when there is none."""
    tree = tree_of(office.client.get(url_of(payment, number), fragment=fragment))
    tables = [table for table in tree.iter("table") if (table.get("id") or "").startswith("history-")]
    return [words(row) for table in tables for row in table.iter("tr")][1:]


def test_reversal_and_correction_in_other_payments_are_linked_with_the_net_effect(office: Office) -> None:
    first = office.paid("4501", claim(1), issued=day(0))
    reversal = office.paid("4502", claim(1).reversed(), claim(2), claim(3), issued=day(30))
    correction = office.paid("4503", claim(1, services=LESS), issued=day(60))
    expected = [
        "EFT 4501 Mar 2, 2026 Original Processed as primary $200.00 $150.00",
        "EFT 4502 Apr 1, 2026 Reversal Reversal of an earlier payment −$200.00 −$150.00",
        "EFT 4503 May 1, 2026 Correction Processed as primary $200.00 $50.00",
        "Net effect $50.00",
    ]
    for place, payment in enumerate((first, reversal, correction)):
        here = list(expected)
        number = expected[place].split()[1]
        here[place] = expected[place].replace(number, f"{number}, shown here")
        assert history(office, payment) == here
        assert history(office, payment, fragment=True) == here


def test_the_rows_lead_to_the_claims(office: Office) -> None:
    first = office.paid("4501", claim(1), issued=day(0))
    later = office.paid("4502", claim(9), claim(1).reversed(), issued=day(30))
    page = office.client.get(url_of(first, 1)).text
    assert url_of(later, 2) in page


def test_reversal_and_correction_in_one_payment(office: Office) -> None:
    office.paid("4501", claim(1), issued=day(0))
    both = office.paid("4502", claim(1).reversed(), claim(1, services=LESS), claim(2), issued=day(30))
    rows = history(office, both, 2)
    assert [row.split("2026 ")[1].split()[0] for row in rows[:3]] == ["Original", "Reversal", "Correction"]
    assert rows[3] == "Net effect $50.00"


def test_a_new_claim_number_is_recognised_by_account_and_member(office: Office) -> None:
    first = office.paid("4501", claim(1), issued=day(0))
    office.paid("4502", claim(1, control="26X999999", services=LESS), issued=day(30))
    assert len(history(office, first)) == 3


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"control": "26X777777", "patient": ("OTHER", "PERSON", "M777")}, id="another member"),
        pytest.param({"control": "26X777777", "account": "ACCT-777"}, id="another account"),
    ],
)
def test_other_claims_are_not_linked(office: Office, changed: dict[str, Any]) -> None:
    from hp_portal_plugins.remittance.demo.writing import Patient

    if "patient" in changed:
        changed = {**changed, "patient": Patient(*changed["patient"])}
    facts = {"account": "ACCT-00001", **changed}
    patient = facts.pop("patient", None)
    other = claim(1, **facts)
    if patient is not None:
        other = other.__class__(**{**vars(other), "patient": patient})
    first = office.paid("4501", claim(1), issued=day(0))
    office.paid("4502", other, issued=day(30))
    assert history(office, first) == []


def test_another_payees_claim_of_the_same_number_is_not_linked(office: Office) -> None:
    text = PayeeText("ELM SAMPLE CLINIC", make_tin(7100), make_npi(710), "V710000")
    office.add_payee(text)
    first = office.paid("4501", claim(1), issued=day(0))
    office.paid("4502", claim(1), issued=day(30), payee=text)
    assert history(office, first) == []


def test_a_claim_paid_once_has_no_history(office: Office) -> None:
    assert history(office, office.paid("4501", claim(1))) == []


def test_a_reversal_under_a_new_data_key_is_tied_to_the_claim_under_the_old_one(
    office: Office, database_url: str, make_app: MakeApp
) -> None:
    """By account and member alone, whose search keys are made with the data key: before `keys rotate`, after it, and when the old
    key is gone."""
    denied = claim(1, control="", services=(Service("HC:99213", 20000, (Reason("CO", "97", 20000),), DAY),))
    first = office.paid("4501", denied, issued=day(0))
    for name in ("rotating", "after"):
        office.world.person(f"person.{name}", organization=office.organization)
    new = data_key("rotated")
    rotating = World(make_app(database_url, data_key=f"{new},{DATA_KEY}"))
    office.world = rotating
    second = office.paid("4502", denied.reversed(), issued=day(30))
    counted = "/apps/remittance/denials?issued_from=any"

    def seen(client: PortalClient) -> tuple[int, bool]:
        office.client = client
        return len(history(office, first)), "which a later payment has reversed" in office.client.get(counted).text

    client = rotating.sign_in("person.rotating")
    assert seen(client) == (3, False), "two payments and the net effect; counts compare search keys as they are stored"
    with rotating.session() as session:
        assert rotate(session).finished
    assert seen(client) == (3, True)
    assert seen(World(make_app(database_url, data_key=new)).sign_in("person.after")) == (3, True)
    assert second == first + 1
