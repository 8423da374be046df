"""Staff remove somebody's lost second factors only after a payment, or a PIN by mail, has proved who it is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery.letters import make_print_run, mark_posted, note_downloaded
from hp_portal.core.delivery.models import Message
from hp_portal.core.identity.factors import AuthenticatorApp
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from tests.core.test_registration import NOW, NPI, TIN, payments, portal
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.factors import add_app, code, first_step, second_step
from tests.support.identifiers import make_npi, make_tin
from tests.support.people import recorded
from tests.support.registering import Payments, mailed_pin
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["payments", "portal"]
RIGHT = {"tin": TIN, "npi": NPI, "number": "CHECK-77"}
OTHER_TIN, OTHER_NPI = make_tin(8801), make_npi(8801)


class Office:
    """An organization with one payee, its only delegate, who has lost the telephone, and somebody of the payer's staff."""

    def __init__(self, world: World, payments: Payments, payee: Payee, *, audience: str = "physician") -> None:
        self.world, self.payee = world, payee
        self.clinic: Organization = world.organization("Lost Lantern Clinic", audience=audience)
        world.grant(self.clinic, payee)
        self.person = world.person("o.nly", organization=self.clinic, delegate=True)
        add_app(world, self.person)
        day = NOW.date() - dt.timedelta(days=2)
        payments.add(world, "CHECK-77", payee, TIN, day=day)
        other = world.payee(OTHER_TIN, OTHER_NPI)
        payments.add(world, "CHECK-88", other, OTHER_TIN, day=day)
        wanted = {"staff:console:open", "staff:people:search", "staff:factors:remove"}
        world.staff("s.taff", permissions=wanted)
        self.staff: PortalClient = world.sign_in("s.taff")
        self.where = f"/staff/people/{self.person.id}/lost-factors"

    def post(self, what: str, **fields: Any) -> tuple[int, str]:
        answer = self.staff.post(f"{self.where}/{what}", fields)
        shown = self.staff.get(answer.location).text if answer.status_code == 303 else answer.text
        return answer.status_code, shown

    def apps(self) -> int:
        with self.world.session() as session:
            wanted = sa.select(sa.func.count(AuthenticatorApp.id)).where(AuthenticatorApp.person_id == self.person.id)
            return session.scalar(wanted) or 0

    def letters(self) -> list[str]:
        with self.world.session() as session:
            about = f"factor-pin:{self.person.id}"
            return list(session.scalars(sa.select(Message.state).where(Message.about == about).order_by(Message.id)))

    def mail(self) -> None:
        with self.world.session() as session:
            run = make_print_run(session) or 0
            note_downloaded(session, run, 1)
            mark_posted(session, run)


def payee_of(world: World) -> Payee:
    with world.session() as session:
        return session.scalars(sa.select(Payee).where(Payee.npi == NPI)).one()


@pytest.fixture
def office(portal: World, payments: Payments, clock: Clock) -> Office:
    clock.set(NOW)
    return Office(portal, payments, payee_of(portal))


def test_a_payment_proves_who_it_is(office: Office) -> None:
    page = office.staff.get(office.where).text
    assert ("With a payment" in page, "With a PIN by mail" in page, "Without a proof" in page) == (True, True, False)
    assert "Refer" not in page, "nobody else can do it"
    refused = office.staff.post(f"{office.where}/remove", {"reason": "Called back."})
    assert (refused.location, office.apps()) == (office.where, 1)
    for wrong in ({"number": "CHECK-78"}, {"tin": OTHER_TIN, "npi": OTHER_NPI, "number": "CHECK-88"}):
        status, text = office.post("payment", **RIGHT | wrong)
        assert (status, "does not match a payment" in text, wrong["number"] in text, office.apps()) == (
            422,
            True,
            True,
            1,
        )
    assert office.post("payment", tin=TIN, number="")[0] == 422
    status, text = office.post("payment", **RIGHT)
    assert (status, "signs in with the password alone" in text, office.apps()) == (303, True, 0)
    [event] = recorded(office.world, "people.factors.removed")
    assert event["reason"].startswith("Named a payment to the Tax ID •")
    assert recorded(office.world, "people.factors.not-proved")
    assert office.post("payment", **RIGHT)[1].count("Nothing was changed") == 1


def test_guessing_a_payment_is_limited(office: Office, clock: Clock) -> None:
    statuses = [office.post("payment", **RIGHT | {"number": f"CHECK-{n}"})[0] for n in range(20)]
    assert set(statuses) == {422, 429}
    assert statuses == sorted(statuses)
    assert office.post("payment", **RIGHT)[0] == 429
    assert office.apps() == 1
    clock.advance(hours=2)
    office.staff = office.world.sign_in("s.taff")
    assert office.post("payment", **RIGHT)[0] == 303


def test_a_pin_by_mail_proves_who_it_is(office: Office, clock: Clock) -> None:
    assert office.post("pin", pin="ABCD 3467")[1].count("No PIN works") == 1
    assert office.post("letter", payee="0")[0] == 422
    assert office.post("letter", payee=str(office.payee.id))[0] == 303
    pin = mailed_pin(office.world)
    assert "not printed yet" in office.staff.get(office.where).text
    office.mail()
    page = office.staff.get(office.where).text
    assert ("Check the PIN" in page, "Another letter can be sent from" in page) == (True, True)
    assert "a letter is on its way" in office.post("letter", payee=str(office.payee.id))[1]
    status, text = office.post("pin", pin="WRONG-234")
    assert (status, "4 tries are left" in text, office.apps()) == (422, True, 1)
    assert office.post("pin", pin=f" {pin[:4]}-{pin[5:].lower()} ")[0] == 303
    assert office.apps() == 0
    [event] = recorded(office.world, "people.factors.removed")
    assert event["reason"] == "Read us the PIN of a letter to the payee’s address"
    add_app(office.world, office.person)
    assert "No PIN works" in office.post("pin", pin=pin)[1], "once"
    assert office.apps() == 1


def test_a_pin_ends(office: Office, clock: Clock) -> None:
    """After wrong tries, after its days, and when the factor turns up again: the letter is not sent then."""
    office.post("letter", payee=str(office.payee.id))
    first = mailed_pin(office.world)
    for _ in range(5):
        office.post("pin", pin="WRONG-234")
    assert "No PIN works" in office.post("pin", pin=first)[1]
    assert office.post("letter", payee=str(office.payee.id))[0] == 303
    assert office.letters() == ["canceled", "waiting"]
    second = mailed_pin(office.world)
    office.post("pin", pin=first)
    assert office.apps() == 1
    office.mail()
    clock.advance(days=31)
    office.staff = office.world.sign_in("s.taff")
    assert "No PIN works" in office.post("pin", pin=second)[1]
    office.post("letter", payee=str(office.payee.id))
    third = mailed_pin(office.world)
    assert second_step(first_step(office.world, "o.nly"), code()).status_code == 303
    assert office.letters()[-1] == "canceled"
    assert "No PIN works" in office.post("pin", pin=third)[1]
    assert office.apps() == 1


def test_no_letter_goes_where_it_proves_nothing(portal: World, payments: Payments, clock: Clock) -> None:
    """To the client of a billing organization, to a payee of others, or to an address that fits no envelope."""
    clock.set(NOW)
    office = Office(portal, payments, payee_of(portal), audience="billing")
    assert "With a PIN by mail" not in office.staff.get(office.where).text
    assert "Nothing was sent" in office.post("letter", payee=str(office.payee.id))[1]
    with portal.session() as session:
        clinic = session.get_one(Organization, office.clinic.id)
        clinic.audience = "physician"
        session.get_one(Payee, office.payee.id).address = ""
    assert "Nothing was sent" in office.post("letter", payee=str(office.payee.id))[1]
    assert office.letters() == []


def test_staff_are_led_to_the_delegates_first(office: Office) -> None:
    office.world.person("d.elegate", organization=office.clinic, delegate=True, name="Dana Second")
    assert "View all accounts: Dana Second." in office.staff.get(office.where).text
    with office.world.session() as session:
        session.get_one(Person, office.person.id).deactivated_at = NOW
    assert "Nothing was changed" in office.post("payment", **RIGHT)[1]
    assert office.apps() == 1


def test_a_payment_is_not_enough_for_several_organizations_or_beside_a_billing_service(office: Office) -> None:
    """Whoever bills for the payee knows its remittance advices, and the account may open more than who was paid."""
    world = office.world
    ledger = world.organization("Ledger Sample Billing", audience="billing")
    billed = world.grant(ledger, office.payee)
    told = office.post("payment", **RIGHT)[1]
    assert ("a payment is not enough here" in told, "With a PIN by mail" in told, office.apps()) == (True, True, 1)
    world.end_grant(billed)

    # What is linked to one organization alone protects the account also on the page of another one.
    small = world.organization("Small Sample Clinic")
    row = world.membership(office.person, small)
    page = office.staff.get(office.where).text
    assert "also works for Small Sample Clinic" in page
    assert ("With a payment" in page, "With a PIN by mail" in page) == (False, True)
    assert "a payment is not enough here" in office.post("payment", **RIGHT)[1]
    there = f"/staff/people/{row.id}/lost-factors"
    page = office.staff.get(there).text
    assert ("also works for Lost Lantern Clinic" in page, "Without a proof" in page) == (True, False)
    assert "No letter can be sent for this organization" in page
    assert office.staff.post(f"{there}/remove", {"reason": "Called back."}).location == there
    assert office.apps() == 1

    # A letter goes once staff have seen the names of the others.
    assert "works for another organization by now" in office.post("letter", payee=str(office.payee.id))[1]
    assert office.letters() == []
    assert office.post("letter", payee=str(office.payee.id), others=str(small.id))[0] == 303
    pin = mailed_pin(world)
    office.mail()
    assert office.post("pin", pin=pin)[0] == 303
    assert office.apps() == 0


def test_a_payee_whose_link_is_over_by_itself_proves_nothing(office: Office) -> None:
    with office.world.session() as session:
        grant = session.scalars(sa.select(Grant).where(Grant.organization_id == office.clinic.id)).one()
        grant.ends_at = NOW - dt.timedelta(days=1)
    page = office.staff.get(office.where).text
    assert ("With a payment" in page, "Without a proof" in page) == (False, True)
    assert "no Tax ID is linked" in office.post("payment", **RIGHT)[1]
    assert office.post("remove", reason="Called back.")[0] == 303
    assert office.apps() == 0
