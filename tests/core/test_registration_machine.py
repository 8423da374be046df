"""Registrations, PINs, joins, objections and decisions in any order: nobody gets in whom nobody proved or approved."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from hp_portal.core.delivery.models import Message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import has_delegate
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.registration import telling
from hp_portal.core.registration.facts import asked_about
from hp_portal.core.registration.models import Registration, RegistrationPin
from hp_portal.core.registration.pins import MOST_LETTERS
from hp_portal.core.tax_ids.models import LinkNotice
from hp_portal.database import PortalSession
from tests.conftest import MakeApp
from tests.support.any_order import Office
from tests.support.clock import Clock
from tests.support.registering import Payments
from tests.support.world import World

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)


class Kept(Office):
    """What holds after every step."""

    @invariant()
    def the_promise_is_kept(self) -> None:
        if not self.begun:
            return
        with self.world.session() as session:
            self.time_makes_nobody_a_delegate_whom_no_delegate_was_told_of(session)
            self.nobody_is_in_whom_nobody_proved_or_approved(session)
            self.owners_know_of_each_other_and_organizations_have_delegates(session)
            self.no_organization_is_left_behind(session)
            self.no_payee_gets_letters_without_end(session)
        self.one_request_to_join_waits_for_an_address()

    def time_makes_nobody_a_delegate_whom_no_delegate_was_told_of(self, session: PortalSession) -> None:
        days = dt.timedelta(days=self.world.settings.registration_challenge_days)
        for case in self.cases("open"):
            if case.route == "left" and case.decided_by_id is None:
                assert case.objected_by_id is None, "time overrules no objection"
                told = sa.select(Message.id).where(
                    Message.template == telling.CHALLENGE,
                    Message.state == "sent",
                    Message.about == asked_about(case),
                    Message.ended_at <= (case.ended_at or NOW) - days,
                )
                assert session.scalars(told).first() is not None

    def nobody_is_in_whom_nobody_proved_or_approved(self, session: PortalSession) -> None:
        cases = {one.person_id: one for one in self.cases() if one.person_id is not None}
        sees = sa.exists().where(Grant.organization_id == Person.organization_id, Grant.ended_at.is_(None))
        for person, sees_something in session.execute(sa.select(Person, sees).where(Person.id.in_(cases))):
            case = cases[person.id]
            assert person.organization_id in (case.own_id, case.organization_id)
            if sees_something and person.deactivated_at is None:
                assert case.proved_at is not None or case.decided_by_id is not None
                assert case.state in ("open", "challenged", "objected", "staff"), "declined, and sees payments"
            if case.route == "left" and case.state != "open":
                assert person.organization_id == case.own_id, "not before its time"

    def owners_know_of_each_other_and_organizations_have_delegates(self, session: PortalSession) -> None:
        rows = session.execute(
            sa.select(Grant.id, Grant.organization_id, Grant.payee_id)
            .join(Organization, Organization.id == Grant.organization_id)
            .where(
                Grant.payee_id.in_([payee.id for payee in self.payees]),
                Grant.ended_at.is_(None),
                sa.not_(Organization.provisional),
            )
        ).all()
        for organization_id in {row.organization_id for row in rows}:
            assert has_delegate(session, organization_id)
        mine = LinkNotice.grant_id.in_([row.id for row in rows])
        found = session.execute(sa.select(LinkNotice.grant_id, LinkNotice.organization_id).where(mine))
        told = {(grant_id, organization_id) for grant_id, organization_id in found}
        for payee_id in {row.payee_id for row in rows}:
            owners = sorted((row for row in rows if row.payee_id == payee_id), key=lambda row: row.id)
            for earlier, later in itertools.combinations(owners, 2):
                assert (later.id, earlier.organization_id) in told, "two owners, and one was not told"

    def no_organization_is_left_behind(self, session: PortalSession) -> None:
        people = sa.exists().where(Person.organization_id == Organization.id, Person.deactivated_at.is_(None))
        links = sa.exists().where(Grant.organization_id == Organization.id, Grant.ended_at.is_(None))
        wanted = sa.select(Organization, sa.or_(people, links)).where(Organization.id > self.first_organization)
        for organization, is_used in session.execute(wanted):
            assert is_used == (organization.ended_at is None), (organization.name, "used" if is_used else "left behind")

    def no_payee_gets_letters_without_end(self, session: PortalSession) -> None:
        """Each new letter that staff have not asked for is one of those that the payee, and the person, may get."""
        chosen, written = (
            self.world.settings,
            sa.select(RegistrationPin, Registration.payee_id).join(
                Registration, Registration.id == RegistrationPin.registration_id
            ),
        )
        pins = session.execute(written.where(Registration.id > self.first_case).order_by(RegistrationPin.id)).all()
        for pin, payee_id in pins:
            if pin.id > self.newest_pin and not self.by_staff:
                since = pin.made_at - dt.timedelta(days=chosen.pin_letters_days)
                before = [one for one, to in pins if to == payee_id and one.id < pin.id and one.made_at > since]
                assert len(before) < chosen.pin_letters_per_payee
                own = [one for one, _ in pins if one.registration_id == pin.registration_id and one.id <= pin.id]
                assert len(own) <= MOST_LETTERS
        self.newest_pin, self.by_staff = max((pin.id for pin, _ in pins), default=self.newest_pin), False

    def one_request_to_join_waits_for_an_address(self) -> None:
        waiting = [(one.email, one.organization_id) for one in self.cases("asked", "staff") if one.route == "join"]
        assert len(waiting) == len(set(waiting))

    def teardown(self) -> None:
        if self.begun:
            for case in self.cases():
                self.look_anew(case)


@pytest.fixture
def office(database_url: str, make_app: MakeApp, clock: Clock) -> type[Kept]:
    """The machine with a portal."""
    clock.set(NOW)
    payments = Payments()
    world = World(make_app(database_url, extra_plugins={"payments-of-the-test": payments}))
    staff = cast(Actor, SimpleNamespace(person_id=world.staff("a.staff").id, is_staff=True))
    given = {"world": world, "payments": payments, "clock": clock, "staff": staff}
    return type("OfficeOfTheTest", (Kept,), given)


def test_any_order(office: type[Kept], database_kind: str) -> None:
    often = settings(
        max_examples=16 if database_kind == "sqlite" else 6,
        stateful_step_count=18,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(office, settings=often)


Step = Callable[[Kept], object]


def comes(path: str, route: str, place: int = 0) -> Step:
    return lambda office: office.somebody_comes(place=place, path=path, route=route, pick=0, same=False)


def staff(verb: str) -> Step:
    """They decide on the newest that waits."""
    return lambda office: office.staff_decide(which=-1, verb=verb)


def delegate(verb: str) -> Step:
    return lambda office: office.delegate_answers(which=-1, verb=verb)


def goes_on(how: str) -> Step:
    return lambda office: office.somebody_goes_on(which=-1, how=how, place=0)


def neighbor(place: int) -> Step:
    return lambda office: office.staff_link_another_organization(place=place)


def days(number: int) -> Step:
    return lambda office: office.days_pass(days=number)


def pin(office: Kept) -> None:
    office.enter_pin(which=-1, right=True)


def mails(office: Kept) -> None:
    office.mails_leave()


def closed(office: Kept) -> None:
    office.staff_close_an_account_on_trial(which=-1)


def moved(office: Kept) -> None:
    office.staff_move_an_account(which=-1, pick=0, delegate=True)


def says_which(office: Kept) -> None:
    office.somebody_says_which_organization(which=-1, pick=0)


BY_MAIL, LEFT, LEFT_BY_MAIL, JOINS = (
    comes("mail", "new", 1),
    comes("check", "left"),
    comes("mail", "left"),
    comes("check", "join"),
)
# Orders that lead far from the first page, each with the state of the newest at its end, and why staff look.
ORDERS: dict[str, tuple[tuple[str, str], list[Step]]] = {
    "letters to many people, and one that staff write": (
        ("pin", "letters"),
        [BY_MAIL, days(1), BY_MAIL, BY_MAIL, days(1), BY_MAIL, staff("write_again"), BY_MAIL],
    ),
    "letters to people who were declined": (
        ("pin", "letters"),
        [BY_MAIL, staff("decline"), BY_MAIL, staff("decline"), BY_MAIL, staff("decline"), BY_MAIL],
    ),
    "letters before and after a month": (
        ("pin", ""),
        [BY_MAIL, BY_MAIL, BY_MAIL, days(10), days(10), BY_MAIL, days(10), BY_MAIL, goes_on("letter")],
    ),
    "letters to two who ask for more": (
        ("pin", "letters"),
        [BY_MAIL, BY_MAIL, days(10), goes_on("letter"), days(10), goes_on("letter")],
    ),
    "letters to one person": (
        ("pin", ""),
        [BY_MAIL, *[days(10), goes_on("letter")] * 4, days(30), goes_on("letter")],
    ),
    "a trial that time ends": (("open", ""), [LEFT, mails, days(10)]),
    "a trial before whose end no message leaves": (
        ("open", ""),
        [LEFT, days(10), staff("tell_again"), days(5), mails, days(5), days(5)],
    ),
    "a trial that staff end as nobody was told": (("declined", ""), [LEFT, days(10), staff("uphold")]),
    "an objection that does not": (("open", ""), [LEFT, mails, delegate("object"), days(30), staff("dismiss")]),
    "one more after an objection that held": (
        ("open", ""),
        [LEFT, mails, delegate("object"), staff("uphold"), LEFT, mails, days(30), staff("dismiss")],
    ),
    "an account that is closed while time runs": (("declined", ""), [LEFT, mails, closed, days(10)]),
    "an account that is closed before the objection is dismissed": (
        ("declined", ""),
        [LEFT, mails, delegate("object"), closed, staff("dismiss"), staff("uphold")],
    ),
    "one of two organizations": (
        ("open", ""),
        [neighbor(0), LEFT_BY_MAIL, pin, says_which, mails, days(10)],
    ),
    "another owner while the letter is on its way": (("open", ""), [BY_MAIL, neighbor(1), pin, moved]),
    "declined, and moved": (("open", ""), [LEFT_BY_MAIL, staff("decline"), moved]),
    "declined after the PIN": (("declined", ""), [neighbor(0), LEFT_BY_MAIL, pin, staff("decline"), pin]),
    "declined, and proved": (
        ("open", ""),
        [LEFT_BY_MAIL, staff("decline"), goes_on("payment"), staff("dismiss")],
    ),
    "declined, and at another address": (("open", ""), [BY_MAIL, staff("decline"), goes_on("moved"), pin]),
    "asked, and nobody answers": (("open", ""), [JOINS, mails, days(5), staff("add_member")]),
}


@pytest.mark.either_database
@pytest.mark.parametrize("order", ORDERS)
def test_this_order(office: type[Kept], order: str) -> None:
    end, steps = ORDERS[order]
    run = office()
    run.begin()
    for step in steps:
        step(run)
        run.the_promise_is_kept()
        run.look_anew(run.cases()[-1])
    run.teardown()
    assert (run.cases()[-1].state, run.cases()[-1].why) == end
