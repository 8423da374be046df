"""From the public page to an account: with a payment, with a letter, as a billing organization, unlisted."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from tests.conftest import MakeApp
from tests.support.client import heading_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import ADDRESS, Payments, Visitor, mailed_pin, mails, registrations
from tests.support.world import World

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 2, 20)
TIN, NPI, NUMBER, NOTICE = make_tin(4711), make_npi(4711), "PROOF-0042", "NP-0042"


@pytest.fixture
def payments() -> Payments:
    return Payments()


@pytest.fixture
def portal(database_url: str, make_app: MakeApp, payments: Payments, clock: Clock) -> World:
    clock.set(NOW)
    world = World(make_app(database_url, extra_plugins={"payments-of-the-test": payments}))
    payee = world.payee(TIN, NPI, "Harbor Payee", address=ADDRESS)
    payments.add(world, NUMBER, payee, TIN, day=DAY)
    payments.add(world, NOTICE, payee, TIN, day=DAY)
    return world


def vendor(world: World) -> str:
    with world.session() as session:
        return session.scalars(sa.select(Payee.vendor_number)).one()


def test_with_a_check(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("check")
    assert visitor.prove(number=NUMBER, tin=TIN, vendor_number=vendor(portal)).location == "/register/finish"
    page = visitor.client.get("/register/finish").text
    assert "Harbor Payee" in page
    assert TIN not in page
    answer = visitor.finish()
    assert answer.status_code == 303
    with portal.session() as session:
        person = session.scalars(sa.select(Person)).one()
        organization = session.get_one(Organization, person.organization_id)
        grant = session.scalars(sa.select(Grant)).one()
        assert (person.username, person.is_delegate) == ("mina.keeper", True)
        assert (organization.name, organization.validated_at) == ("Harbor Payee", NOW)
        assert (grant.organization_id, grant.proof) == (organization.id, "check")
    assert registrations(portal)[0].state == "open"
    assert "Harbor Payee" in visitor.client.get("/apps/tax-id-npi-access/").text


def test_by_mail(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("mail")
    assert visitor.prove(tin=TIN, npi=NPI).location == "/register/finish"
    page = visitor.client.get("/register/finish").text
    assert "•• Lantern Street, Duluth MN 558••" in page
    assert visitor.finish().location == "/registration"
    assert "PIN" in visitor.client.get("/").text
    assert visitor.client.post("/registration/pin", {"pin": "WRONG234"}).status_code == 422
    pin = mailed_pin(portal)
    assert visitor.client.post("/registration/pin", {"pin": pin.lower()}).location == "/"
    assert "Harbor Payee" in visitor.client.get("/apps/tax-id-npi-access/").text


def test_who_has_an_account_is_told_by_mail_alone(portal: World) -> None:
    portal.person("someone", organization=portal.organization())
    known, unknown = (Visitor(portal, email=email) for email in ("someone@office.example", "other@office.example"))
    answers = []
    for visitor in (known, unknown):
        visitor.choose("check")
        answers.append((visitor.say_who().location, heading_of(visitor.client.get("/register/mail"))))
    assert answers[0] == answers[1]
    assert mails(portal, known.person["email"])[0][0].template == "register_known"
