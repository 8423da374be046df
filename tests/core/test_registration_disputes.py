"""Whose a billing organization is: whoever registers its Tax ID first keeps nobody out whose it is."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.models import Registration
from hp_portal.core.registration.unlisted import count_case
from tests.core.test_registration_limits import BILLING, OURS, come_from, portal
from tests.support.client import PortalClient
from tests.support.identifiers import make_tin
from tests.support.registering import ADDRESS, Visitor, mails, registrations
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["portal"]
LIST = "/staff/registrations"
RIGHTS = ("staff:console:open", "staff:registrations:read", "staff:registrations:decide")


def squatter(portal: World) -> Visitor:
    """Somebody has registered the Tax ID under another name, and is signed in."""
    first = Visitor(portal, email="first@elsewhere.example", name="Sam Quatter")
    first.begin("billing")
    first.prove(tin=OURS, **{**BILLING, "organization": "Quatter Services"})
    assert first.finish().status_code == 303
    return first


def owner(portal: World, route: str, reason: str = "") -> Visitor:
    """Whose organization it is finds it registered, and goes on."""
    found = Visitor(portal, email="owen@ledger.example", name="Owen Ledger")
    found.begin("billing")
    assert found.prove(tin=OURS, **BILLING).location == "/register/organization"
    assert found.go_on(route, reason).location == "/register/finish"
    assert found.finish().location == "/register/status"
    return found


def staff(portal: World) -> PortalClient:
    with portal.session() as session:
        known = session.scalar(sa.select(Person.id).where(Person.username == "a.staff"))
    if known is None:
        portal.staff("a.staff", permissions=RIGHTS)
    return portal.sign_in("a.staff")


def decide(portal: World, case: Registration, decision: str) -> int:
    words = {"decision": decision, "reason": "Called the number of the state.", "answer": "We have called."}
    return staff(portal).post(f"{LIST}/{case.id}/decide", words).status_code


def people(portal: World) -> dict[str, tuple[bool, bool]]:
    """Who has an account, by name: is it open, and are they a delegate?"""
    with portal.session() as session:
        rows = session.scalars(sa.select(Person).where(Person.is_staff.is_(False)))
        return {row.name: (row.deactivated_at is None, row.is_delegate) for row in rows}


def test_staff_look_at_every_new_billing_organization(portal: World) -> None:
    squatter(portal)
    [case] = registrations(portal)
    assert case.state == "open", "the account works"
    assert "1 registration waits for a decision" in staff(portal).get("/staff/").text
    assert "Needs a look" in staff(portal).get(LIST).text
    page = staff(portal).get(f"{LIST}/{case.id}").text
    for words in ("New billing organization", "Quatter Services", f"•••••{OURS[-4:]}", "Owen Ledger"):
        assert words in page
    assert decide(portal, case, "confirm") == 303
    assert registrations(portal)[0].state == "open"
    assert "waits for a decision" not in staff(portal).get("/staff/").text
    assert decide(portal, case, "end") == 303
    assert people(portal)["Sam Quatter"] == (True, True), "it was decided already"


def test_one_that_is_not_theirs_is_ended_and_its_tax_id_is_free(portal: World) -> None:
    first = squatter(portal)
    [case] = registrations(portal)
    assert decide(portal, case, "end") == 303
    assert registrations(portal)[0].state == "declined"
    assert people(portal)["Sam Quatter"] == (False, True)
    assert first.client.get("/registration").status_code == 303, "signed out"
    real = Visitor(portal, email="owen@ledger.example", name="Owen Ledger")
    real.begin("billing")
    assert real.prove(tin=OURS, **BILLING).location == "/register/finish"
    assert real.finish().status_code == 303
    assert people(portal)["Owen Ledger"] == (True, True)


def test_whoever_is_declined_says_that_it_is_theirs(portal: World) -> None:
    first = squatter(portal)
    real = owner(portal, "join")
    case = registrations(portal)[-1]
    assert "This is our organization" not in real.client.get("/register/status").text
    assert real.client.post("/register/dispute", follow_redirects=True).status_code == 200
    assert registrations(portal)[-1].state == "asked", "nobody has declined yet"
    assert first.client.post(f"/joins/{case.id}/decline", {"answer": "Go away."}).status_code == 303
    assert "This is our organization" in real.client.get("/register/status").text
    assert "find out whose" in real.client.post("/register/dispute", follow_redirects=True).text
    case = registrations(portal)[-1]
    assert (case.state, case.why) == ("staff", "disputed")
    for deed in ("approve", "decline"):
        first.client.post(f"/joins/{case.id}/{deed}", {"answer": "Never mind."})
        assert registrations(portal)[-1].state == "staff", "those whom it is about do not decide it"
    page = staff(portal).get(f"{LIST}/{case.id}").text
    assert "Whose organization is it?" in page
    assert decide(portal, case, "replace") == 303
    assert people(portal) == {"Sam Quatter": (False, True), "Owen Ledger": (True, True)}
    with portal.session() as session:
        assert session.scalars(sa.select(Organization.name)).one() == "Ledger Billing"
    new = registrations(portal)[0]
    assert new.state == "declined", "whoever looked at it later would end the organization of its owner"
    assert "somebody else’s" in mails(portal, "first@elsewhere.example")[0][1]["answer"]
    assert "waits for a decision" not in staff(portal).get("/staff/").text
    decide(portal, new, "end")
    assert people(portal)["Owen Ledger"] == (True, True)


def test_what_staff_have_declined_is_declined(portal: World) -> None:
    squatter(portal)
    real = owner(portal, "left", "unknown")
    assert decide(portal, registrations(portal)[-1], "decline") == 303
    assert "This is our organization" not in real.client.get("/register/status").text
    real.client.post("/register/dispute")
    assert registrations(portal)[-1].state == "declined"


def test_who_knows_nobody_there_is_put_before_the_staff(portal: World) -> None:
    squatter(portal)
    owner(portal, "left", "unknown")
    case = registrations(portal)[-1]
    assert (case.state, case.why, case.person_id) == ("staff", "disputed", None)
    [(told, values)] = [
        one for one in mails(portal, "first@elsewhere.example") if one[0].template == "registration_disputed"
    ]
    assert values["reason"] == "I do not know who they are"
    assert told.state == "waiting"
    assert people(portal) == {"Sam Quatter": (True, True)}, "nobody gets in by saying so"


def test_no_payment_is_needed_and_none_helps(portal: World) -> None:
    """A provider's join that was declined stays declined: a payment would have proved it."""
    organization = portal.organization()
    portal.person("a.delegate", organization=organization, delegate=True)
    squatter(portal)
    real = owner(portal, "join")
    case = registrations(portal)[-1]
    with portal.session() as session:
        row = session.get_one(Registration, case.id)
        row.path, row.state = "check", "declined"
        row.decided_by_id = session.scalars(sa.select(Person.id).where(Person.username == "a.delegate")).one()
    real.client.post("/register/dispute")
    assert registrations(portal)[-1].state == "declined"


# ---- providers that are not on record


def unlisted(portal: World, number: int, *, email: str, address: str = "198.51.100.1") -> tuple[Visitor, int]:
    """Somebody tells of a provider that is not on record."""
    found = Visitor(portal, email=email)
    come_from(found.client, address)
    found.begin("unlisted")
    given = {"organization": "New Shore Clinic", "audience": "physician", "address": ADDRESS}
    assert found.prove(tin=make_tin(800 + number), **given).location == "/register/finish"
    return found, found.finish().status_code


def test_a_provider_that_waits_already_leads_to_its_status(portal: World) -> None:
    unlisted(portal, 1, email="mina@office.example")
    again, status = unlisted(portal, 1, email="mina@office.example")
    assert status == 303
    page = again.client.get("/register/status").text
    assert "You have already asked" in page
    assert "Our staff are reviewing it" in page
    assert len(registrations(portal)) == 1
    unlisted(portal, 2, email="mina@office.example")
    unlisted(portal, 1, email="a.colleague@office.example")
    assert len(registrations(portal)) == 3, "another Tax ID, another person"


def test_the_queue_is_not_filled_by_one_person_or_from_one_address(portal: World) -> None:
    with portal.session() as session:
        for number in range(4):
            count_case(session, Typed(email="mina@office.example", tin=make_tin(number)), "192.0.2.9")
    assert unlisted(portal, 1, email="mina@office.example")[1] == 303
    assert unlisted(portal, 2, email="mina@office.example")[1] == 429
    assert unlisted(portal, 1, email="mina@office.example")[1] == 303, "to what waits already"
    with portal.session() as session:
        for number in range(9):
            count_case(session, Typed(email=f"k{number}@office.example", tin=make_tin(number)), "198.51.100.1")
    assert unlisted(portal, 3, email="other@office.example")[1] == 429
    assert unlisted(portal, 3, email="other@office.example", address="203.0.113.1")[1] == 303
