"""Recoveries: provider-level adjustments in the chains in which they belong together, and what of them is open."""

from __future__ import annotations

import datetime as dt
from xml.etree.ElementTree import Element

import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.demo.writing import ProviderReason
from hp_portal_plugins.remittance.models import VOIDED, Payment, ProviderAdjustment
from tests.support.client import tree_of
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, words

PAGE = "/apps/remittance/recoveries"


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def day(number: int) -> dt.date:
    return DAY + dt.timedelta(days=number)


def shown(office: Office, query: str = "") -> tuple[str, list[list[str]]]:
    """The heading, and of each chain its rows: code, what it belongs to, payment, amount, balance."""
    tree: Element = tree_of(office.client.get(PAGE + query))
    chains = []
    for body in tree.iter("tbody"):
        rows = []
        for row in body.iter("tr"):
            cells = {cell.get("data-label"): words(cell) for cell in row.iter("td")}
            code = words(next(iter(row.iter("th")))).split()[0]
            belongs = cells.get("Belongs to", "").removesuffix(office.payee_text.name).strip()
            rows.append(" | ".join((code, belongs, cells["Payment"], cells["Amount"], cells["Balance"])))
        chains.append(rows)
    return words(next(tree.iter("h2"))), chains


def test_chains_of_recoveries_and_balances(office: Office) -> None:
    first = office.paid("4501", claim(1), claim(2), claim(3))
    # Put off and half taken; put off and taken; taken without having been put off; interest; a number that nobody has.
    office.paid(
        "4502",
        claim(11),
        issued=day(10),
        adjusted=(ProviderReason("WO", "26X000001", -10000), ProviderReason("WO", "26X000002", -5000)),
    )
    office.paid(
        "4503",
        claim(12),
        issued=day(20),
        adjusted=(
            ProviderReason("WO", "26X000001", 4000),
            ProviderReason("72", "26X000002", 5000),
            ProviderReason("WO", "ACCT-00003", 700),
            ProviderReason("L6", "26X000003", -12),
        ),
    )
    # A balance that runs from payment to payment, by whatever it is referred to.
    office.paid("4504", claim(13), issued=day(30), adjusted=(ProviderReason("FB", "4504", -2000),))
    office.paid(
        "4505",
        claim(14),
        issued=day(40),
        adjusted=(
            ProviderReason("FB", "4504", 2000),
            ProviderReason("FB", "X9", -300),
            ProviderReason("CS", "4504", 1),
        ),
    )
    heading, chains = shown(office)
    assert heading == "2 balances open, $63.00 still to be taken"
    mine = "Claim 26X000001 Yours: ACCT-00001"
    forward = [
        "FB | The payee’s payments | 4504 EFT | −$20.00 | −$20.00",
        "FB |  | 4505 EFT | $20.00 | $0.00",
        "FB |  | 4505 EFT | −$3.00 | −$3.00 Open",
    ]
    half = [f"WO | {mine} | 4502 EFT | −$100.00 | −$100.00", "WO |  | 4503 EFT | $40.00 | −$60.00 Open"]
    assert chains == [forward, half]
    heading, chains = shown(office, "?show=settled")
    assert heading == "2 balances open, $63.00 still to be taken"
    other = "Claim 26X000003 Yours: ACCT-00003"
    assert chains[0] == ["CS | EFT 4504 | 4505 EFT | $0.01 | "]
    assert sorted(chains[1:]) == sorted(
        [
            [f"L6 | {other} | 4503 EFT | −$0.12 | "],
            [f"WO | {other} | 4503 EFT | $7.00 | $7.00 Taken"],
            [
                "WO | Claim 26X000002 Yours: ACCT-00002 | 4502 EFT | −$50.00 | −$50.00",
                "72 |  | 4503 EFT | $50.00 | $0.00 Settled",
            ],
        ]
    )
    # Which claims were named is recorded.
    assert events(office.world, "remittance.recovery.listed")[0]["claims"] == {str(first): "1"}
    # What is voided counts no more, and what cannot be read is not taken for nothing.
    with office.world.session() as session:
        session.execute(sa.update(Payment).where(Payment.trace_number == "4505").values(set_aside=VOIDED))
        of_half = (ProviderAdjustment.reason == "WO", ProviderAdjustment.amount == 4000)
        session.execute(sa.update(ProviderAdjustment).where(*of_half).values(amount=None))
        session.commit()
    heading, chains = shown(office)
    assert heading == "1 balance open, $20.00 still to be taken"
    assert chains[0] == ["FB | The payee’s payments | 4504 EFT | −$20.00 | −$20.00 Open"]
    assert chains[1][1] == "WO |  | 4503 EFT | not readable | not readable Cannot be told"
    # Somebody else sees nothing of it.
    assert shown(Office(office.world, "Other Sample Clinic")) == ("Nothing is open", [])
    nothing = office.client.get(f"{PAGE}?show=what")
    assert nothing.status_code == 422
