"""What staff are told that a proof would answer, and of guesses by somebody who registers."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.limits.models import Attempt, FailureTotal
from tests.conftest import MakeApp
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.registering import Payments, Visitor
from tests.support.world import World

from .test_staff_registrations import (
    NOTICE,
    NOW,
    NPI,
    NUMBER,
    OTHER_TIN,
    TIN,
    check,
    events,
    registered,
    with_payments,
)

TRY = "/staff/try-proof"


@pytest.fixture
def portal(database_url: str, make_app: MakeApp, clock: Clock) -> World:
    clock.set(NOW)
    payments = Payments()
    return with_payments(World(make_app(database_url, extra_plugins={"payments-of-the-test": payments})), payments)


@pytest.fixture
def staff(portal: World) -> PortalClient:
    return portal.sign_in("a.staff")


def outcome(client: PortalClient, **fields: str) -> str:
    answer = client.post(TRY, fields)
    main = next(tree_of(answer).iter("main"))
    notices = [text_of(one) for one in main.iter() if one.get("role") == "status" and one.tag != "p"]
    return next((words for words in notices if words), f"{answer.status_code} {answer.text}")


def test_what_a_proof_would_answer(portal: World, staff: PortalClient) -> None:
    given = {"path": "check", "number": NUMBER, "tin": TIN, "vendor_number": "V4711"}
    assert outcome(staff, **given).startswith("The proof is rightIt proves Harbor Payee.")
    assert "Not on record" in outcome(staff, **{**given, "tin": OTHER_TIN})
    assert "The proof is right" in outcome(staff, path="notice", number=NOTICE, tin=TIN, npi=NPI)
    assert "The proof is right" in outcome(staff, path="mail", tin=TIN, npi=NPI)
    assert "Enter the NPI that the notice names" in outcome(staff, path="notice", number=NOTICE, tin=TIN)
    assert "Choose how the person registers" in outcome(staff, number=NUMBER)
    registered(portal)
    assert "Linked to it: Harbor Office." in outcome(staff, **given)
    assert "an organization is already registered" in outcome(staff, path="mail", tin=TIN, npi=NPI)
    tried = events(portal, "registration.proof.tried")
    assert [one["outcome"] for one in tried] == ["right", "refused", "right", "right", "held", "held"]
    assert TIN not in str(tried)


def test_a_used_payment_is_said_to_be_used(portal: World, staff: PortalClient) -> None:
    visitor = Visitor(portal)
    check(visitor)
    visitor.finish()
    given = {"path": "check", "number": NUMBER, "tin": TIN, "vendor_number": "V4711"}
    assert outcome(staff, **given).startswith("The payment has been used")


def test_trying_counts_as_nobodys_try(portal: World, staff: PortalClient) -> None:
    assert "Not on record" in outcome(staff, path="notice", number="NP-0043", tin=TIN, npi=NPI)
    with portal.session() as session:
        for model in (Attempt, FailureTotal):
            assert session.scalars(sa.select(model.id).where(model.kind == "proof")).all() == []


def test_guessing_by_somebody_who_registers_is_shown_to_staff(portal: World) -> None:
    portal.staff("b.staff", permissions=("staff:console:open", "staff:tax-ids:manage"))
    client = portal.sign_in("b.staff")
    visitor = Visitor(portal)
    visitor.begin("notice")
    for number in range(portal.settings.proof_attempts):
        visitor.prove(number=f"NP-9{number}", tin=TIN, npi=NPI)
    assert "1 Tax ID is being tried with wrong payments" in client.get("/staff/").text
    page = client.get("/staff/tax-id-alerts")
    assert heading_of(page) == "Objections and warnings about Tax IDs"
    assert "Somebody who was registering" in page.text
    assert TIN not in page.text
