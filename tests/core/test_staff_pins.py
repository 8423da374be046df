"""What staff decide where a PIN has not come: access without one, another letter."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from tests.support.client import PortalClient
from tests.support.registering import Visitor, mailed_pin, mails
from tests.support.world import World

from .test_staff_registrations import (
    LIST,
    NOW,
    NPI,
    REASON,
    TIN,
    account,
    by_mail,
    decide,
    events,
    harbor,
    names,
    newest,
    offered,
    portal,
    registered,
    sees,
    staff,
)

__all__ = ["portal", "staff"]


def test_access_without_a_pin(portal: World, staff: PortalClient) -> None:
    visitor, case = by_mail(portal)
    visitor.client.post("/registration/address")
    pin = mailed_pin(portal)
    assert "The letter cannot arrive" in staff.get(f"{LIST}/{case}").text
    assert offered(staff, case) == ["open", "letter", "decline"]
    decide(staff, case, "open")
    assert sees(portal, account(portal)) == ["Harbor Payee"]
    assert newest(portal).state == "open"
    assert newest(portal).proved_at == NOW
    assert names(staff) == []
    visitor.client.post("/registration/pin", {"pin": pin})
    assert sees(portal, account(portal)) == ["Harbor Payee"]


def test_in_place_of_somebody_access_without_a_pin_is_on_trial(portal: World, staff: PortalClient) -> None:
    registered(portal)
    visitor = Visitor(portal)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    visitor.go_on("left", "unknown")
    visitor.finish()
    decide(staff, newest(portal).id, "open")
    assert newest(portal).state == "challenged"
    assert newest(portal).due_at == NOW + dt.timedelta(days=portal.settings.registration_challenge_days)
    assert any(one.template == "registration_challenge" for one, _ in mails(portal, "harbor.delegate@office.example"))
    assert offered(staff, newest(portal).id) == ["uphold"]


def test_in_place_of_somebody_where_nobody_can_object_any_more_staff_look_first(
    portal: World, staff: PortalClient
) -> None:
    registered(portal)
    visitor = Visitor(portal)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    visitor.go_on("left", "unknown")
    visitor.finish()
    with portal.session() as session:
        delegate = sa.update(Person).where(Person.email == "harbor.delegate@office.example")
        session.execute(delegate.values(deactivated_at=NOW))
    visitor.client.post("/registration/pin", {"pin": mailed_pin(portal)})
    assert newest(portal).state == "staff"
    assert sees(portal, account(portal)) == []


def test_another_letter_after_the_address_was_corrected(portal: World, staff: PortalClient) -> None:
    visitor, case = by_mail(portal)
    visitor.client.post("/registration/address")
    first = mailed_pin(portal)
    with portal.session() as session:
        session.execute(sa.update(Payee).values(address="nowhere"))
    answer = decide(staff, case, "letter")
    assert answer.status_code == 422
    assert "fits no envelope" in answer.text
    assert newest(portal).address_wrong_at is not None
    with portal.session() as session:
        session.execute(sa.update(Payee).values(address="77 Right Street\nDuluth MN 55802"))
    assert decide(staff, case, "letter").status_code == 303
    assert newest(portal).address_wrong_at is None
    assert visitor.client.post("/registration/pin", {"pin": first}).status_code == 422
    assert visitor.client.post("/registration/pin", {"pin": mailed_pin(portal)}).location == "/"
    assert events(portal, "registration.case.decided")[0]["reason"] == REASON


def test_access_that_staff_have_linked_by_hand_is_not_given_twice(portal: World, staff: PortalClient) -> None:
    _, case = by_mail(portal)
    with portal.session() as session:
        organization = session.get_one(Organization, account(portal).organization_id)
        assert organization.validated_at is None
    portal.grant(organization, harbor(portal))
    assert decide(staff, case, "open").status_code == 303
    assert sees(portal, account(portal)) == ["Harbor Payee"]
    with portal.session() as session:
        assert session.get_one(Organization, organization.id).validated_at == NOW


def test_somebody_else_was_linked_before_the_pin_came(portal: World, staff: PortalClient) -> None:
    visitor, case = by_mail(portal)
    registered(portal)
    visitor.client.post("/registration/pin", {"pin": mailed_pin(portal)})
    assert newest(portal).state == "staff"
    assert sees(portal, account(portal)) == []
    assert offered(staff, case) == ["move", "move-delegate", "open", "decline"]
    decide(staff, case, "open")
    assert sees(portal, account(portal)) == ["Harbor Payee"]
