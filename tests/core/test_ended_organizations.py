"""Organizations that have ended: nobody is let into one, nobody waits for one, and staff let one go on with their eyes open."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
import sqlalchemy as sa
from wtforms import SelectChoice

from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.accounts import create_person, reactivate
from hp_portal.core.people.ended import OrganizationEnded, hold_going_on
from hp_portal.core.registration import deciding
from hp_portal.core.registration.models import Registration
from hp_portal.core.registration.moving import end_if_empty, move_person
from hp_portal.core.staff import organization_views, people_views, registration_views
from hp_portal.core.tax_ids.by_payer import link_payee
from hp_portal.database import PortalSession
from tests.core.test_registration_disputes import LIST, RIGHTS, decide, owner, people, squatter
from tests.core.test_registration_limits import BILLING, OURS, portal
from tests.support.client import PortalClient
from tests.support.people import PERMISSIONS, create, recorded
from tests.support.registering import Visitor, asked_to_join, mailed_text, registrations, tidy
from tests.support.world import World

__all__ = ["portal"]
GOES_ON = {"organization": "goes-on"}


@pytest.fixture
def office(portal: World) -> PortalClient:
    """Somebody of the staff who looks after accounts."""
    rights = (*PERMISSIONS, *RIGHTS, "staff:activity:search", "staff:tax-ids:manage")
    portal.staff("p.staff", permissions=dict.fromkeys(rights))
    return portal.sign_in("p.staff")


def ended(portal: World) -> Organization:
    """An organization that somebody registered and staff have ended."""
    squatter(portal)
    [case] = registrations(portal)
    assert decide(portal, case, "end") == 303
    return organization(portal, case.organization_id)


def organization(portal: World, key: int | None) -> Organization:
    with portal.session() as session:
        return session.get_one(Organization, key)


def end(portal: World, one: Organization) -> None:
    with portal.session() as session:
        session.get_one(Organization, one.id).ended_at = one.created_at


def page_of(portal: World, name: str) -> str:
    with portal.session() as session:
        return f"/staff/people/{session.scalars(sa.select(Person.id).where(Person.name == name)).one()}"


# ---- reactivating


def test_an_organization_goes_on_with_whom_staff_reactivate_and_this_is_said_before(
    portal: World, office: PortalClient
) -> None:
    one = ended(portal)
    url = page_of(portal, "Sam Quatter")
    assert "Reactivate, and let Quatter Services go on" in office.get(url).text
    answer = office.post(f"{url}/reactivate", GOES_ON)
    assert answer.location == url
    assert people(portal)["Sam Quatter"] == (True, True)
    assert organization(portal, one.id).ended_at is None
    assert recorded(portal, "people.organization.reopened") == [{"organization": one.id}]
    assert len(recorded(portal, "people.person.reactivated")) == 1
    assert "which had ended" in office.get("/staff/activity?event=people.organization.reopened").text
    assert office.get(f"/staff/organizations/{one.id}/people/new").status_code == 200


def test_an_organization_that_ended_while_the_page_was_open_does_not_go_on_unsaid(
    portal: World, office: PortalClient
) -> None:
    one = ended(portal)
    url = page_of(portal, "Sam Quatter")
    assert "Quatter Services has ended" in office.post(f"{url}/reactivate", follow_redirects=True).text
    assert people(portal)["Sam Quatter"] == (False, True)
    assert organization(portal, one.id).ended_at is not None
    assert recorded(portal, "people.organization.reopened") == recorded(portal, "people.person.reactivated") == []


def test_a_tax_id_is_of_one_billing_organization(portal: World, office: PortalClient) -> None:
    one = ended(portal)
    real = Visitor(portal, email="owen@ledger.example", name="Owen Ledger")
    real.begin("billing")
    real.prove(tin=OURS, **BILLING)
    assert real.finish().status_code == 303
    url = page_of(portal, "Sam Quatter")
    page = office.get(url).text
    assert "Ledger Billing is registered with its Tax ID now" in page
    assert f"{url}/reactivate" not in page
    answer = office.post(f"{url}/reactivate", GOES_ON, follow_redirects=True)
    assert "Ledger Billing is registered with the organization’s Tax ID by now" in answer.text
    assert people(portal)["Sam Quatter"] == (False, True)
    assert organization(portal, one.id).ended_at is not None


def test_the_tax_id_comes_back_with_the_organization(portal: World, office: PortalClient) -> None:
    ended(portal)
    office.post(f"{page_of(portal, 'Sam Quatter')}/reactivate", GOES_ON)
    real = Visitor(portal, email="owen@ledger.example", name="Owen Ledger")
    real.begin("billing")
    assert real.prove(tin=OURS, **BILLING).location == "/register/organization", "it is registered again"


def test_who_is_reactivated_where_the_organization_goes_on_changes_nothing_of_it(
    portal: World, office: PortalClient
) -> None:
    person = portal.person("m.keeper")
    office.post(f"/staff/people/{person.id}/deactivate", {"reason": "left"})
    page = office.get(f"/staff/people/{person.id}").text
    assert "goes-on" not in page
    office.post(f"/staff/people/{person.id}/reactivate", GOES_ON)
    assert recorded(portal, "people.organization.reopened") == []
    assert len(recorded(portal, "people.person.reactivated")) == 1


# ---- who waits to be let in


@pytest.mark.parametrize(("route", "reason"), [("join", ""), ("left", "unknown")])
def test_who_waits_to_be_let_in_is_told_to_register(portal: World, route: str, reason: str) -> None:
    squatter(portal)
    real = owner(portal, route, reason)
    first, waiting = registrations(portal)
    assert decide(portal, first, "end") == 303
    assert registrations(portal)[1].state == "declined"
    page = real.client.get("/register/status").text
    assert "Quatter Services is no longer registered on the portal" in page
    assert 'href="/register"' in page
    assert "have your staff decide" not in page
    assert "register it yourself" in mailed_text(portal, waiting.email)
    again = Visitor(portal, email="owen@ledger.example", name="Owen Ledger")
    again.begin("billing")
    assert again.prove(tin=OURS, **BILLING).location == "/register/finish"


def test_who_had_been_declined_before_does_not_call_staff_to_an_organization_that_has_ended(portal: World) -> None:
    first = squatter(portal)
    real = owner(portal, "join")
    new, asked = registrations(portal)
    first.client.post(f"/joins/{asked.id}/decline", {"answer": "Go away."})
    assert "This is our organization" in real.client.get("/register/status").text
    assert decide(portal, new, "end") == 303
    assert "This is our organization" not in real.client.get("/register/status").text
    real.client.post("/register/dispute")
    assert registrations(portal)[-1].state == "declined"


def test_who_asks_at_the_moment_in_which_it_ends_is_told_by_the_worker(portal: World) -> None:
    one, other = ended(portal), portal.organization()
    portal.person("a.delegate", organization=other, delegate=True)
    late, elsewhere = asked_to_join(portal, one), asked_to_join(portal, other)
    tidy(portal)
    with portal.session() as session:
        told, waits = session.get_one(Registration, late), session.get_one(Registration, elsewhere)
        assert (told.state, waits.state) == ("declined", "asked")
        assert "Quatter Services is no longer registered" in told.answer


# ---- other ways in


def test_staff_are_not_offered_to_let_somebody_in(portal: World, office: PortalClient) -> None:
    one = ended(portal)
    late = asked_to_join(portal, one)
    page = office.get(f"{LIST}/{late}").text
    assert "Quatter Services has ended" in page
    assert f"member:{one.id}" not in page
    assert 'value="decline"' in page


def test_whoever_was_offered_it_a_moment_ago_is_told(
    portal: World, office: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ended(portal)
    late = asked_to_join(portal, one)
    offered = f"member:{one.id}"
    monkeypatch.setattr(registration_views, "choices", lambda _case: iter([SelectChoice(offered, "Let in")]))
    words = {"decision": offered, "reason": "Called the office.", "answer": "Welcome."}
    answer = office.post(f"{LIST}/{late}/decide", words)
    assert answer.status_code == 422
    assert "Quatter Services has ended, and nobody is let into it any more" in answer.text
    assert "Welcome." in answer.text
    with portal.session() as session:
        assert session.get_one(Registration, late).state == "asked"


def test_nothing_is_added_at_the_moment_in_which_it_ends(
    portal: World, office: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ended(portal)
    for views in (people_views, organization_views):  # as it was when they looked
        monkeypatch.setattr(views, "find_organization", lambda db, key: db.get(Organization, key))
    assert create(office, one).status_code == 404
    payee = portal.payee(tin := "003330001")
    form = {"tin": tin, "npi": payee.npi or "", "reason": "letter of May 4"}
    assert office.post(f"/staff/organizations/{one.id}/link", form).status_code == 404
    assert recorded(portal, "tax-id-npi-access.grant.recorded") == []


def test_no_verb_adds_to_one(portal: World) -> None:
    """Whatever leads to it."""
    one = ended(portal)
    person, payee, late = portal.person("m.keeper"), portal.payee(), asked_to_join(portal, one)
    staff = cast(Actor, SimpleNamespace(person_id=person.id, is_staff=True))
    plugins = portal.app.extensions["hp_portal.plugins"]
    with portal.app.test_request_context(), portal.session() as session:
        gone = session.get_one(Organization, one.id)
        with pytest.raises(OrganizationEnded):
            create_person(session, staff, [], organization_id=gone.id, name="Mina Keeper", email="k@office.example")
        with pytest.raises(OrganizationEnded):
            move_person(session, session.get_one(Person, person.id), gone, delegate=False)
        with pytest.raises(OrganizationEnded):
            link_payee(session, staff, gone, payee, "a letter")
        row = session.get_one(Registration, late)
        with pytest.raises(OrganizationEnded):
            deciding.add_member(session, portal.settings, plugins, staff, row, answer="Yes.", reason="Called")
        session.rollback()


def test_a_delegate_s_yes_comes_too_late(portal: World) -> None:
    one = portal.organization("Harbor Clinic")
    portal.person("a.delegate", organization=one, delegate=True)
    asked = asked_to_join(portal, one)
    delegate = portal.sign_in("a.delegate")
    end(portal, one)
    answer = delegate.post(f"/joins/{asked}/approve")
    assert answer.location == f"/joins/{asked}"
    with portal.session() as session:
        assert session.get_one(Registration, asked).person_id is None


def test_it_is_read_anew_once_it_is_held(portal: World) -> None:
    """Another request has ended it since this one has read it."""
    one = portal.organization("Harbor Clinic")
    with portal.session() as session:
        read = session.get_one(Organization, one.id)
        assert read.ended_at is None
        end(portal, one)
        with pytest.raises(OrganizationEnded, match="Harbor Clinic has ended"):
            hold_going_on(session, one.id)
        session.rollback()


@pytest.mark.parametrize("deed", ["create", "move", "link", "reactivate"])
def test_whoever_adds_to_it_waits_for_whoever_ends_it(portal: World, database_kind: str, deed: str) -> None:
    one, payee, person = portal.organization("Harbor Clinic"), portal.payee(), portal.person("m.keeper")
    closed = portal.person("c.keeper", organization=one)
    with portal.session() as session:
        session.get_one(Person, closed.id).deactivated_at = one.created_at
    if database_kind == "sqlite":  # has one writer at a time
        return
    staff = cast(Actor, SimpleNamespace(person_id=person.id, is_staff=True))
    deeds: dict[str, Callable[[PortalSession], object]] = {
        "create": lambda db: create_person(db, staff, [], organization_id=one.id, name="K", email="k@office.example"),
        "move": lambda db: move_person(db, db.get_one(Person, person.id), one, delegate=False),
        "link": lambda db: link_payee(db, staff, one, payee, "a letter"),
        "reactivate": lambda db: reactivate(db, db.get_one(Person, closed.id)),
    }
    with portal.session() as ending, portal.session() as adding:
        assert end_if_empty(ending, one.id)
        adding.connection().execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            deeds[deed](adding)
        adding.rollback()
        ending.rollback()
