"""Who finds the organization registered: asks to be let in, or follows somebody who has left."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import cast

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.deciding import dismiss, uphold
from hp_portal.core.registration.facts import DecidedAlready
from hp_portal.core.registration.models import Registration
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import (
    Payments,
    Visitor,
    mailed_link,
    mailed_pin,
    mailed_text,
    mails,
    mails_leave,
    registrations,
    tidy,
)
from tests.support.world import World

pytestmark = pytest.mark.either_database

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
TIN, NPI, OTHER = make_tin(4711), make_npi(4711), make_npi(4712)
USED, FRESH, ELSEWHERE = "PROOF-0001", "PROOF-0002", "PROOF-0003"


class Scene:
    """Harbor Clinic is registered, by `a.delegate`; there is a payment to its payee, and one to another NPI of its Tax ID."""

    def __init__(self, world: World, payments: Payments, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self.payee = world.payee(TIN, NPI, "Harbor Payee")
        other = world.payee(TIN, OTHER, "Harbor Payee, Second Street")
        self.harbor = world.organization("Harbor Clinic")
        world.grant(self.harbor, self.payee)
        self.delegate = world.person("a.delegate", organization=self.harbor, delegate=True)
        for number, payee in ((FRESH, self.payee), (ELSEWHERE, other)):
            payments.add(world, number, payee, TIN, day=dt.date(2026, 2, 20))

    def visitor(self, number: str = FRESH) -> Visitor:
        """Somebody who has proved a payment to the payee, or to another one of the Tax ID."""
        visitor = Visitor(self.world)
        visitor.begin("check")
        npi = OTHER if number == ELSEWHERE else NPI
        assert visitor.prove(number=number, npi=npi, amount="100.00").location == "/register/organization"
        return visitor

    def client(self) -> PortalClient:
        return self.world.sign_in("a.delegate")

    def case(self) -> Registration:
        [found] = registrations(self.world)
        return found

    def newcomer(self) -> Person:
        with self.world.session() as session:
            return session.scalars(sa.select(Person).where(Person.email == "mina.keeper@office.example")).one()

    def grants(self, organization_id: int | None) -> set[int]:
        """The payees to which the organization has an open link."""
        with self.world.session() as session:
            wanted = sa.select(Grant.payee_id).where(Grant.organization_id == organization_id, Grant.ended_at.is_(None))
            return set(session.scalars(wanted))


@pytest.fixture
def payments() -> Payments:
    return Payments()


@pytest.fixture
def scene(database_url: str, make_app: MakeApp, clock: Clock, payments: Payments) -> Scene:
    clock.set(NOW)
    return Scene(World(make_app(database_url, extra_plugins={"payments-of-the-test": payments})), payments, clock)


def test_a_delegate_lets_somebody_in(scene: Scene) -> None:
    visitor = scene.visitor()
    page = visitor.client.get("/register/organization").text
    assert "Harbor Clinic" in page
    assert "a•••@" in page
    assert "a.delegate@" not in page
    visitor.go_on("join")
    assert visitor.finish().location == "/register/status"
    assert "Waiting for the delegates" in visitor.client.get("/register/status").text
    with scene.world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Person.id))) == 1, "no account before somebody says yes"
    delegate = scene.client()
    assert "asks to join" in delegate.get("/").text
    link = mailed_link(scene.world, "a.delegate@office.example", "/joins/")
    assert "218-555-0142" in delegate.get(link).text
    assert delegate.post(f"{link}/approve").location == "/joins"
    person = scene.newcomer()
    assert (person.organization_id, person.is_delegate) == (scene.harbor.id, False)
    assert scene.case().state == "open"
    assert mailed_link(scene.world, person.email, "/set-password/")
    again = delegate.post(f"{link}/approve", follow_redirects=True).text
    assert "Somebody has already decided on this" in again
    assert "asks to join" not in delegate.get("/").text


@pytest.mark.parametrize("taken", [[], ["mina.keeper", "mina.keeper2"]])
def test_the_user_name_tells_nothing_of_others(scene: Scene, taken: list[str]) -> None:
    """It has a number in any case; otherwise whoever is let in would read in it that somebody is called like them."""
    for username in taken:
        scene.world.person(username, organization=scene.harbor)
    with scene.world.session() as session:
        session.execute(
            sa.update(Person).where(Person.username.in_(taken)).values(email=Person.username + "@x.example")
        )
    visitor = scene.visitor()
    visitor.go_on("join")
    visitor.finish()
    scene.client().post(f"/joins/{scene.case().id}/approve")
    username = scene.newcomer().username
    assert re.fullmatch(r"mina\.keeper[1-9]\d\d", username)
    assert username in mailed_text(scene.world, "mina.keeper@office.example")


def test_a_delegate_declines_with_words(scene: Scene) -> None:
    visitor = scene.visitor()
    visitor.go_on("join")
    visitor.finish()
    case = scene.case()
    delegate = scene.client()
    assert delegate.post(f"/joins/{case.id}/decline", {"answer": ""}).status_code == 422
    assert delegate.post(f"/joins/{case.id}/decline", {"answer": "You work for our neighbor."}).location == "/joins"
    assert "You work for our neighbor." in visitor.client.get("/register/status").text
    assert mails(scene.world, case.email)[0][1]["answer"] == "You work for our neighbor."


def test_nobody_answers(scene: Scene) -> None:
    """Who has proved a payment is not left waiting: staff decide."""
    proved = scene.visitor()
    proved.go_on("join")
    proved.finish()
    asked = Visitor(scene.world, email="other.keeper@office.example")
    asked.begin("mail")
    asked.prove(tin=TIN, npi=NPI)
    asked.go_on("join")
    asked.finish()
    tidy(scene.world)
    assert [one.state for one in registrations(scene.world)] == ["asked", "asked"]
    scene.clock.advance(days=5)
    tidy(scene.world)
    assert [one.state for one in registrations(scene.world)] == ["staff", "expired"]
    late = registrations(scene.world)[0].id
    scene.client().post(f"/joins/{late}/approve")
    assert registrations(scene.world)[0].state == "staff", "a delegate is too late: staff may look into the delegates"
    assert "Register" in asked.client.get("/register/status").text


def test_one_withdraws(scene: Scene) -> None:
    visitor = scene.visitor()
    visitor.go_on("join")
    visitor.finish()
    visitor.client.post("/register/withdraw")
    assert scene.case().state == "withdrawn"
    assert mails(scene.world, "a.delegate@office.example")[0][0].state == "canceled", "nobody is asked any more"
    assert "already decided" in visitor.client.post("/register/withdraw", follow_redirects=True).text


def follow(scene: Scene, number: str = FRESH) -> Visitor:
    visitor = scene.visitor(number)
    assert visitor.go_on("left").status_code == 422, "why is asked"
    assert visitor.go_on("left", "left").location == "/register/finish"
    assert visitor.finish().status_code == 303
    return visitor


def test_in_place_of_somebody_who_has_left(scene: Scene) -> None:
    follow(scene)
    case, person = scene.case(), scene.newcomer()
    assert case.state == "challenged"
    assert person.organization_id == case.own_id != scene.harbor.id
    assert scene.grants(case.own_id) == {scene.payee.id}, "what the proof alone shows"
    told = mails(scene.world, "a.delegate@office.example")[0][1]
    assert told["reason"] == "They no longer work there"
    mails_leave(scene.world)
    scene.clock.advance(days=10)
    tidy(scene.world)
    person = scene.newcomer()
    assert (person.organization_id, person.is_delegate) == (scene.harbor.id, True)
    assert scene.grants(case.own_id) == set()
    assert scene.grants(scene.harbor.id) == {scene.payee.id}
    assert scene.case().state == "open"
    scene.client().post(f"/joins/{case.id}/object")
    assert scene.case().state == "open", "the days to object are over"
    assert scene.client().get("/").status_code == 200, "the one before has lost nothing"
    assert "Harbor Clinic" in scene.world.sign_in(person.username).get("/").text


@pytest.mark.parametrize("right", [True, False])
def test_a_delegate_objects_and_staff_decide(scene: Scene, right: bool) -> None:
    visitor = follow(scene)
    case = scene.case()
    assert scene.client().post(f"/joins/{case.id}/object").location == "/joins"
    scene.clock.advance(days=11)
    tidy(scene.world)
    case = scene.case()
    assert case.state == "objected", "time decides nothing any more"
    assert "objected" in visitor.client.get("/registration").text or visitor.client.get("/registration").location
    decide = uphold if right else dismiss
    actor = cast(Actor, SimpleNamespace(person_id=scene.world.staff("a.staff").id, is_staff=True))
    with scene.world.app.test_request_context(), scene.world.session() as session:
        row = session.get_one(Registration, case.id)
        decide(session, actor, row, "We have called both.")
        with pytest.raises(DecidedAlready):
            decide(session, actor, row, "Once more.")
    person = scene.newcomer()
    assert (person.deactivated_at is not None) == right
    assert (person.organization_id == scene.harbor.id) == (not right)
    assert scene.grants(case.own_id) == set()


def test_another_office_of_the_same_tax_id_stands_on_its_own(scene: Scene) -> None:
    assert "another office" not in scene.visitor().client.get("/register/organization").text
    visitor = scene.visitor(ELSEWHERE)
    visitor.go_on("new")
    visitor.finish()
    person = scene.newcomer()
    with scene.world.session() as session:
        assert session.get_one(Organization, person.organization_id).name == "Harbor Payee, Second Street"
    assert "was linked to your Tax ID" in scene.client().get("/").text, "two owners are never unnoticed"


def test_a_payment_that_has_opened_a_link_lets_one_only_ask(scene: Scene) -> None:
    first = Visitor(scene.world, email="first@office.example")
    with scene.world.session() as session:
        session.execute(sa.update(Grant).values(ended_at=NOW))
    first.begin("check")
    first.prove(number=FRESH, npi=NPI, amount="100.00")
    assert first.finish().status_code == 303
    page = scene.visitor().client.get("/register/organization").text
    assert "Ask the delegates" in page
    assert "register me all the same" not in page


def test_a_pin_that_comes_after_somebody_else_goes_to_the_staff(scene: Scene) -> None:
    with scene.world.session() as session:
        session.execute(sa.update(Grant).values(ended_at=NOW))
    visitor = Visitor(scene.world)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    visitor.finish()
    with scene.world.session() as session:
        payee = session.scalars(sa.select(Payee).where(Payee.npi == NPI)).one()
        session.add(Grant(organization_id=scene.harbor.id, payee_id=payee.id, proof="payer", granted_at=NOW))
    assert visitor.client.post("/registration/pin", {"pin": mailed_pin(scene.world)}).location == "/registration"
    assert "We are reviewing your registration" in visitor.client.get("/registration").text
    assert scene.grants(scene.newcomer().organization_id) == set()


def test_a_pin_that_comes_after_staff_have_linked_by_hand_opens_all_the_same(scene: Scene) -> None:
    with scene.world.session() as session:
        session.execute(sa.update(Grant).values(ended_at=NOW))
    visitor = Visitor(scene.world)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    visitor.finish()
    own = scene.newcomer().organization_id
    with scene.world.session() as session:
        session.add(Grant(organization_id=own, payee_id=scene.payee.id, proof="payer", granted_at=NOW))
    assert visitor.client.post("/registration/pin", {"pin": mailed_pin(scene.world)}).location == "/"
    assert scene.case().state == "open"
    assert scene.grants(own) == {scene.payee.id}
