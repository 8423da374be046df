"""Registrations, PINs, joins, objections and decisions in any order: nobody gets in whom nobody proved or approved."""

from __future__ import annotations

import datetime as dt
import itertools
from types import SimpleNamespace
from typing import Any, cast

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hp_portal.core.delivery.models import Message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.accounts import NameTaken
from hp_portal.core.registration import deciding, drafts, finishing, own, pins, proving, telling
from hp_portal.core.registration.models import WAITING_STATES, Registration
from hp_portal.core.registration.proving import provisional
from hp_portal.core.tax_ids.models import LinkNotice
from hp_portal.database import PortalSession
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import ADDRESS, PASSWORD, Payments, mailed_pin, mails_leave
from tests.support.world import World

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
HAPPENS = (
    deciding.DecidedAlready,
    finishing.NotProved,
    finishing.RegisteredMeanwhile,
    NameTaken,
    TooManyAttempts,
    pins.PinDead,
    pins.TooSoon,
    pins.WrongPin,
    proving.ProofRefused,
)
numbers = itertools.count(1)


class Office(RuleBasedStateMachine):
    """One Tax ID with two payees, which people register for, over some weeks. A subclass has the portal."""

    world: World
    payments: Payments
    clock: Clock
    staff: Actor

    def __init__(self) -> None:
        super().__init__()
        self.known: set[int] = set()

    @initialize()
    def begin(self) -> None:
        number = next(numbers)
        self.tin = make_tin(10_000 + number)
        self.payees = [
            self.world.payee(self.tin, make_npi(2 * number + place), f"Payee {number} {place}", address=ADDRESS)
            for place in range(2)
        ]
        self.pins: dict[int, str] = {}
        self.known = {one.id for one in self.cases()}
        self.register(0, "check", "new")

    def cases(self, *states: str) -> list[Registration]:
        with self.world.session() as session:
            wanted = sa.select(Registration).order_by(Registration.id)
            found = session.scalars(wanted.where(Registration.state.in_(states)) if states else wanted)
            return [one for one in found if one.id not in self.known]

    def work(self, what: Any) -> Any:
        """One transaction: what is refused changes nothing but counts, as in a view."""
        plugins = self.world.app.extensions["hp_portal.plugins"]
        with self.world.app.test_request_context(), self.world.database.new_session(self._scope()) as session:
            try:
                done = what(session, plugins)
            except HAPPENS as error:
                if isinstance(error, pins.WrongPin | proving.ProofRefused):
                    session.commit()
                return None
            session.commit()
            return done

    @staticmethod
    def _scope() -> Any:
        from hp_portal.scopes import WholeScope

        return WholeScope("a test builds")

    @rule(
        place=st.integers(0, 1), path=st.sampled_from(["check", "mail"]), route=st.sampled_from(["new", "join", "left"])
    )
    def somebody_comes(self, place: int, path: str, route: str) -> None:
        self.register(place, path, route)

    def register(self, place: int, path: str, route: str) -> None:
        number, payee = next(numbers), self.payees[place]
        payment = f"PROOF-{number}"
        self.payments.add(self.world, payment, payee, self.tin, day=self.clock.now().date())

        def finish(session: PortalSession, plugins: Any) -> Any:
            _, draft = drafts.begin(session, f"192.0.{number % 250}.1")
            typed = draft.typed
            typed.path, typed.name, typed.email = path, f"Keeper {number}", f"keeper{number}@office.example"
            typed.tin, typed.npi, typed.vendor_number = self.tin, payee.npi or "", ""
            if path == "check":
                typed.tin, typed.number, typed.amount = "", payment, 10_000
            draft.row.confirmed_at = self.clock.now()
            answer = proving.try_proof(session, self.world.settings, plugins, typed, f"192.0.{number % 250}.1")
            typed.payee_id, typed.proved = answer.payee_id, path == "check"
            if answer.tin_held_by:
                typed.held, typed.target_id = True, (answer.held_by or answer.tin_held_by)[0]
                typed.route, typed.chosen = route, True
                typed.left_reason = "left" if route == "left" else ""
            account = finishing.Account(f"keeper{number}", PASSWORD) if finishing.needs_account(typed) else None
            return finishing.register(session, self.world.settings, plugins, draft, account).registration

        case = self.work(finish)
        if case is not None and case.state == "pin":
            self.pins[case.id] = mailed_pin(self.world)

    def one(self, which: int, *states: str) -> int | None:
        found = self.cases(*states)
        return found[which % len(found)].id if found else None

    @rule(which=st.integers(0, 9), right=st.booleans())
    def enter_pin(self, which: int, right: bool) -> None:
        case = self.one(which)
        if case is not None:
            typed = self.pins.get(case, "") if right else "WRONG234"
            self.work(lambda s, _: own.use_pin(s, self.world.settings, s.get_one(Registration, case), typed))

    @rule(which=st.integers(0, 9), verb=st.sampled_from(["add", "decline", "object"]))
    def delegate_answers(self, which: int, verb: str) -> None:
        case = self.one(which)
        if case is None:
            return

        def answer(session: PortalSession, plugins: Any) -> None:
            row = session.get_one(Registration, case)
            delegates = telling.delegates_of(session, row.organization_id or 0)
            if not delegates or row.route == "new":
                return
            actor = cast(Actor, SimpleNamespace(person_id=delegates[0].id, is_staff=False))
            if verb == "add":
                deciding.add_member(session, self.world.settings, plugins, actor, row)
            elif verb == "decline":
                deciding.decline(session, actor, row, "No.")
            else:
                deciding.object_to(session, actor, row, "")

        self.work(answer)

    @rule(which=st.integers(0, 9), verb=st.sampled_from(["uphold", "dismiss", "decline", "open_without_pin"]))
    def staff_decide(self, which: int, verb: str) -> None:
        case = self.one(which)
        if case is not None:
            decide = getattr(deciding, verb)
            given: list[Any] = [self.staff]
            if verb == "open_without_pin":
                given.insert(0, self.world.settings)
            said = {"answer": "We have called.", "reason": "Called both"}
            self.work(lambda s, _: decide(s, *given, s.get_one(Registration, case), **said))

    @rule(days=st.sampled_from([1, 5, 10, 30]))
    def days_pass(self, days: int) -> None:
        self.clock.advance(days=days)
        self.work(lambda session, _: deciding.tidy(session))

    @rule()
    def mails_leave(self) -> None:
        mails_leave(self.world)

    @invariant()
    def time_makes_nobody_a_delegate_whom_no_delegate_was_told_of(self) -> None:
        with self.world.session() as session:
            for case in self.cases("open"):
                if case.route == "left" and case.decided_by_id is None:
                    told = sa.select(Message.id).where(
                        Message.template == telling.CHALLENGE,
                        Message.state == "sent",
                        Message.about == telling.about(case),
                    )
                    assert session.scalars(told).first() is not None

    @invariant()
    def nobody_is_in_whom_nobody_proved_or_approved(self) -> None:
        if not hasattr(self, "payees"):
            return
        cases = {one.person_id: one for one in self.cases() if one.person_id is not None}
        with self.world.session() as session:
            for person in session.scalars(sa.select(Person).where(Person.id.in_(cases))):
                case = cases[person.id]
                assert person.organization_id in (case.own_id, case.organization_id)
                sees = session.scalar(
                    sa.select(sa.func.count(Grant.id)).where(
                        Grant.organization_id == person.organization_id, Grant.ended_at.is_(None)
                    )
                )
                if sees and person.deactivated_at is None:
                    assert case.proved_at is not None or case.decided_by_id is not None
                if case.route == "left" and case.state != "open":
                    assert person.organization_id == case.own_id, "not before its time"

    @invariant()
    def owners_know_of_each_other_and_organizations_have_delegates(self) -> None:
        if not hasattr(self, "payees"):
            return
        with self.world.session() as session:
            mine = sa.select(Payee.id).where(Payee.tin_is(session, self.tin))
            open_grants = sa.select(Grant.organization_id, Grant.payee_id).where(
                Grant.payee_id.in_(mine),
                Grant.ended_at.is_(None),
                Grant.organization_id.not_in(sa.select(Organization.id).where(provisional())),
            )
            rows = session.execute(open_grants).all()
            for organization_id in {row.organization_id for row in rows}:
                assert telling.delegates_of(session, organization_id)
            for payee_id in {row.payee_id for row in rows}:
                holders = {row.organization_id for row in rows if row.payee_id == payee_id}
                if len(holders) > 1:
                    told = sa.select(sa.func.count(LinkNotice.id)).where(LinkNotice.payee_id == payee_id)
                    assert session.scalar(told), "two owners, and nobody was told"

    @invariant()
    def whatever_waits_has_somebody_or_a_day_it_waits_for(self) -> None:
        for case in self.cases(*WAITING_STATES):
            assert case.state in ("staff", "objected", "pin") or case.due_at is not None


def test_any_order(database_url: str, make_app: MakeApp, clock: Clock, database_kind: str) -> None:
    clock.set(NOW)
    payments = Payments()
    world = World(make_app(database_url, extra_plugins={"payments-of-the-test": payments}))
    staff = cast(Actor, SimpleNamespace(person_id=world.staff("a.staff").id, is_staff=True))
    often = settings(
        max_examples=20 if database_kind == "sqlite" else 8,
        stateful_step_count=18,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    given = {"world": world, "payments": payments, "clock": clock, "staff": staff}
    run_state_machine_as_test(type("OfficeOfTheTest", (Office,), given), settings=often)
