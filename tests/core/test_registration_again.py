"""After staff have declined a PIN: the ways on of the person, and an account that staff move to where it belongs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from tests.core.test_staff_registrations import (
    LIST,
    NOW,
    NPI,
    NUMBER,
    OTHER_NPI,
    OTHER_TIN,
    REASON,
    TIN,
    account,
    by_mail,
    decide,
    events,
    newest,
    offered,
    portal,
    registered,
    sees,
    staff,
)
from tests.support.client import PortalClient
from tests.support.registering import ADDRESS, Payments, Visitor, mailed_pin, mails, registrations
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["portal", "staff"]
PAYMENT = {"number": NUMBER, "npi": NPI, "amount": "100.00"}


def declined(portal: World, staff: PortalClient) -> tuple[Visitor, int]:
    visitor, case = by_mail(portal)
    assert decide(staff, case, "decline").status_code == 303
    return visitor, case


def payments_of(world: World) -> Any:
    return world.app.extensions["hp_portal.plugins"].manager.get_plugin("payments-of-the-test")


def test_who_was_declined_reads_how_to_go_on(portal: World, staff: PortalClient) -> None:
    visitor, case = declined(portal, staff)
    page = visitor.client.get("/registration").text
    for way in ("/registration/payment", "/registration/other-tax-id", f"/contact?case={case}"):
        assert f'href="{way}"' in page
    assert "Send a letter to the new address" not in page
    contact = visitor.client.get(f"/contact?case={case}").text
    assert f'the number of the case, <span class="code">{case}</span>' in contact
    assert "of the case" not in visitor.client.get("/contact?case=%3Cb%3E").text
    assert visitor.client.post("/registration/pin", {"pin": "ANY34679"}).status_code == 303


def test_a_payment_opens_what_was_declined(portal: World, staff: PortalClient) -> None:
    visitor, case = declined(portal, staff)
    assert visitor.client.post("/registration/payment", {**PAYMENT, "number": "NO-SUCH"}).status_code == 422
    assert visitor.client.post("/registration/payment", PAYMENT).status_code == 303
    assert [(one.id == case, one.state) for one in registrations(portal)] == [(True, "declined"), (False, "open")]
    assert sees(portal, account(portal)) == ["Harbor Payee"]
    assert visitor.client.post("/registration/payment", PAYMENT).location == "/registration", "twice"


def test_another_letter_once_the_address_on_record_has_changed(portal: World, staff: PortalClient) -> None:
    visitor, _ = declined(portal, staff)
    visitor.client.post("/registration/again")
    assert newest(portal).state == "declined", "it is the address of the letter that was declined"
    with portal.session() as session:
        session.execute(sa.update(Payee).values(address="77 Right Street\nDuluth MN 55802"))
    assert "Send a letter to the new address" in visitor.client.get("/registration").text
    visitor.client.post("/registration/again")
    assert newest(portal).state == "pin"
    assert visitor.client.post("/registration/pin", {"pin": mailed_pin(portal)}).location == "/"
    assert sees(portal, account(portal)) == ["Harbor Payee"]


def test_a_letter_for_another_tax_id(portal: World, staff: PortalClient) -> None:
    portal.payee(OTHER_TIN, OTHER_NPI, "Second Payee", address=ADDRESS)
    visitor, case = declined(portal, staff)
    assert "declined" in visitor.client.post("/registration/other-tax-id", {"tin": TIN, "npi": NPI}).text
    assert visitor.client.post("/registration/other-tax-id", {"tin": OTHER_TIN, "npi": NPI}).status_code == 422
    given = {"tin": OTHER_TIN, "npi": OTHER_NPI}
    assert visitor.client.post("/registration/other-tax-id", given).location == "/registration"
    assert (newest(portal).id == case, newest(portal).state) == (False, "pin")
    visitor.client.post("/registration/pin", {"pin": mailed_pin(portal)})
    assert sees(portal, account(portal)) == ["Second Payee"]
    assert visitor.client.get("/registration/other-tax-id").location == "/registration"


def test_who_follows_somebody_and_was_declined_is_put_before_the_staff(portal: World, staff: PortalClient) -> None:
    registered(portal)
    visitor = Visitor(portal)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    visitor.go_on("left", "unknown")
    visitor.finish()
    decide(staff, newest(portal).id, "decline")
    assert visitor.client.post("/registration/payment", PAYMENT).location == "/registration"
    assert (newest(portal).state, newest(portal).why) == ("staff", "proved-again")
    assert sees(portal, account(portal)) == [], "staff have said no"
    assert "Declined before" in staff.get(f"{LIST}/{newest(portal).id}").text
    with portal.session() as session:  # the organization has let go of the Tax ID meanwhile
        session.execute(sa.update(Grant).values(ended_at=clock.now()))
    decide(staff, newest(portal).id, "dismiss")
    assert (newest(portal).state, sees(portal, account(portal))) == ("open", ["Harbor Payee"])


@pytest.mark.parametrize("state", ["pin", "declined", "staff"])
@pytest.mark.parametrize("delegate", [False, True])
def test_staff_move_an_account_into_the_organization_that_holds_the_payee(
    portal: World, staff: PortalClient, state: str, delegate: bool
) -> None:
    visitor, case = by_mail(portal)
    own = account(portal).organization_id
    harbor = registered(portal)
    if state == "declined":
        decide(staff, case, "decline")
    elif state == "staff":
        visitor.client.post("/registration/pin", {"pin": mailed_pin(portal)})
    assert newest(portal).state == state
    assert {"move", "move-delegate"} <= set(offered(staff, case))
    kind = "move-delegate" if delegate else "move"
    assert decide(staff, case, f"{kind}:{harbor.id}").status_code == 303
    person = account(portal)
    assert (person.organization_id, person.is_delegate) == (harbor.id, delegate)
    assert newest(portal).state == "open"
    assert sees(portal, person) == ["Harbor Payee"]
    message, values = mails(portal, "harbor.delegate@office.example")[0]
    assert (message.template, values["delegate"]) == ("registration_newcomer", delegate)
    decided = events(portal, "registration.case.decided")[-1]
    assert (decided["reason"], decided["decision"]) == (REASON, "moved-delegate" if delegate else "moved")
    with portal.session() as session:
        assert session.get_one(Organization, own).ended_at == NOW
    assert offered(staff, case) == []
    assert (
        "Nothing was changed"
        in staff.post(
            f"{LIST}/{case}/decide",
            {"decision": f"move:{harbor.id}", "reason": REASON, "answer": "Once more."},
            follow_redirects=True,
        ).text
    )
    assert "Harbor Office" in visitor.client.get("/").text


def test_an_account_that_sees_something_is_not_moved(portal: World, staff: PortalClient) -> None:
    payments: Payments = payments_of(portal)
    other = portal.payee(OTHER_TIN, OTHER_NPI, "Second Payee", address=ADDRESS)
    payments.add(portal, "PROOF-0077", other, OTHER_TIN, day=dt.date(2026, 2, 20))
    visitor, case = declined(portal, staff)
    registered(portal)
    assert "move" in offered(staff, case)
    given = {"number": "PROOF-0077", "npi": OTHER_NPI, "amount": "100.00"}
    assert visitor.client.post("/registration/payment", given).status_code == 303
    assert sees(portal, account(portal)) == ["Second Payee"]
    assert offered(staff, case) == []
