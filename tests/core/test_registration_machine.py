"""Registrations, PINs, joins, objections and decisions in any order: nobody gets in whom nobody proved or approved."""

from __future__ import annotations

import datetime as dt
import itertools
from types import SimpleNamespace
from typing import Any, cast

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hp_portal.core.delivery.models import Message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of, has_delegate
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration import again, deciding, drafts, finishing, own, proving, telling, transfers
from hp_portal.core.registration.facts import asked_about
from hp_portal.core.registration.models import WAITING_STATES, Registration, RegistrationPin
from hp_portal.core.staff import registrations as reading
from hp_portal.core.staff.registration_views import choices
from hp_portal.core.tax_ids.by_payer import link_payee
from hp_portal.core.tax_ids.models import LinkNotice
from hp_portal.database import PortalSession
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.refused import COUNTED, HAPPENS, ways_on
from tests.support.registering import ADDRESS, PASSWORD, Payments, mailed_pin, mails_leave
from tests.support.world import World

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
SAID = {"answer": "We have called.", "reason": "Called both"}
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
        self.mailbox = ""

    @initialize()
    def begin(self) -> None:
        number = next(numbers)
        self.tin = make_tin(10_000 + number)
        self.payees = [
            self.world.payee(self.tin, make_npi(2 * number + place), f"Payee {number} {place}", address=ADDRESS)
            for place in range(2)
        ]
        self.pins: dict[int, str] = {}
        self.tokens: dict[int, str] = {}
        self.by_staff = 0
        self.known = {one.id for one in self.cases()}
        self.neighbor = self.world.organization(f"Neighbor {number}")
        self.world.person(f"neighbor{number}", organization=self.neighbor, delegate=True)
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
                if isinstance(error, COUNTED):
                    session.commit()
                return None
            session.commit()
            return done

    @staticmethod
    def _scope() -> Any:
        from hp_portal.scopes import WholeScope

        return WholeScope("a test builds")

    @rule(
        place=st.integers(0, 1),
        path=st.sampled_from(["check", "mail"]),
        route=st.sampled_from(["new", "join", "left", "left"]),
        pick=st.integers(0, 3),
        same=st.booleans(),
    )
    def somebody_comes(self, place: int, path: str, route: str, pick: int, same: bool) -> None:
        self.register(place, path, route, pick, same=same)

    @rule(place=st.integers(0, 1))
    def staff_link_another_organization(self, place: int) -> None:
        """So that several hold the payee."""
        payee = self.payees[place]
        self.work(lambda s, _: link_payee(s, self.staff, s.get_one(Organization, self.neighbor.id), payee, "Called"))

    def pay(self, payee: Payee) -> str:
        """The number of a payment to a payee that has proved nothing yet."""
        payment = f"PROOF-{next(numbers)}"
        self.payments.add(self.world, payment, payee, self.tin, day=self.clock.now().date())
        return payment

    def register(self, place: int, path: str, route: str, pick: int = 0, *, same: bool = False) -> None:
        """`same`: whoever came last comes once more."""
        number, payee = next(numbers), self.payees[place]
        self.mailbox = self.mailbox if same else f"keeper{number}@office.example"
        payment = self.pay(payee)

        def finish(session: PortalSession, plugins: Any) -> Any:
            _, draft = drafts.begin(session, f"192.0.{number % 250}.1")
            typed = draft.typed
            typed.path, typed.name, typed.email = path, f"Keeper {number}", self.mailbox
            typed.tin, typed.npi, typed.vendor_number = self.tin, payee.npi or "", ""
            if path == "check":
                typed.tin, typed.number, typed.amount = "", payment, 10_000
            draft.row.confirmed_at = self.clock.now()
            answer = proving.try_proof(session, self.world.settings, plugins, typed, f"192.0.{number % 250}.1")
            typed.payee_id, typed.proved = answer.payee_id, path == "check"
            typed.hold_by(answer.held_by or answer.tin_held_by)
            if typed.held:
                typed.route, typed.chosen = route, True
                if typed.proved:
                    typed.target_id = typed.holders[pick % len(typed.holders)]
                typed.left_reason = "left" if route == "left" else ""
            account = finishing.Account(f"keeper{number}", PASSWORD) if finishing.needs_account(typed) else None
            return finishing.register(session, self.world.settings, plugins, draft, account)

        done = self.work(finish)
        if done is not None:
            self.tokens[done.registration.id] = done.token
            self.note_pin(done.registration)

    def note_pin(self, case: Registration | None) -> None:
        """The letter of a registration, when one has been written."""
        if case is not None and case.state == "pin" and not case.why:
            self.pins[case.id] = mailed_pin(self.world)

    def one(self, which: int, *states: str) -> int | None:
        found = self.cases(*states)
        return found[which % len(found)].id if found else None

    @rule(which=st.integers(0, 9), right=st.booleans())
    def enter_pin(self, which: int, right: bool) -> None:
        case, opened = self.one(which), {one.id for one in self.cases("open", "challenged")}
        if case is not None:
            typed = self.pins.get(case, "") if right else "WRONG234"
            self.work(lambda s, _: own.use_pin(s, self.world.settings, s.get_one(Registration, case), typed))
            assert right or case not in {one.id for one in self.cases("open", "challenged")} - opened, (
                "a wrong PIN opens nothing"
            )

    @rule(which=st.integers(0, 9), verb=st.sampled_from(["add", "decline", "object"]))
    def delegate_answers(self, which: int, verb: str) -> None:
        case = self.one(which)
        if case is None:
            return

        def answer(session: PortalSession, plugins: Any) -> None:
            row = session.get_one(Registration, case)
            delegates = delegates_of(session, [row.organization_id])
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

    @rule(
        which=st.integers(0, 9),
        verb=st.sampled_from(
            ["uphold", "dismiss", "decline", "decline", "open_without_pin", "tell_again", "write_again"]
        ),
    )
    def staff_decide(self, which: int, verb: str) -> None:
        case = self.one(which)
        if case is None:
            return
        decide = getattr(deciding, verb)
        given: list[Any] = [self.staff]
        if verb in ("open_without_pin", "tell_again", "write_again"):
            given.insert(0, self.world.settings)

        def work(session: PortalSession, _plugins: Any) -> Registration:
            row = session.get_one(Registration, case)
            decide(session, *given, row, **SAID)
            return row

        row = self.work(work)
        if row is not None and verb == "write_again":
            self.by_staff += 1
            self.note_pin(row)

    @rule(which=st.integers(0, 9), pick=st.integers(0, 3), delegate=st.booleans())
    def staff_move_an_account(self, which: int, pick: int, delegate: bool) -> None:
        case = self.one(which, "pin", "staff", "declined")
        if case is None:
            return

        def work(session: PortalSession, _plugins: Any) -> None:
            row = session.get_one(Registration, case)
            payee = session.get(Payee, row.payee_id)
            found = proving.holders(session, sa.select(Payee.id).where(Payee.id == payee.id)) if payee else ()
            if found:
                to = session.get_one(Organization, found[pick % len(found)])
                transfers.transfer(session, self.staff, row, to, delegate=delegate, **SAID)

        self.work(work)

    @rule(which=st.integers(0, 9), pick=st.integers(0, 3))
    def somebody_says_which_organization(self, which: int, pick: int) -> None:
        case = self.one(which, "staff")
        if case is None:
            return

        def work(session: PortalSession, _plugins: Any) -> None:
            row = session.get_one(Registration, case)
            found = sorted(own.followable(session, row))
            if found:
                again.choose_organization(session, self.world.settings, row, found[pick % len(found)])

        self.work(work)

    @rule(
        which=st.integers(0, 9), how=st.sampled_from(["payment", "moved", "other", "letter"]), place=st.integers(0, 1)
    )
    def somebody_goes_on(self, which: int, how: str, place: int) -> None:
        """After a no, or while they wait for a letter."""
        case = self.one(which, "declined", "pin")
        if case is None:
            return
        payee, number = self.payees[place], next(numbers)
        payment, from_address = self.pay(payee), f"192.0.{number % 250}.1"

        def work(session: PortalSession, plugins: Any) -> Any:
            row = session.get_one(Registration, case)
            if row.person_id is None or own.newest_of(session, row.person_id) is not row:
                return None
            chosen = self.world.settings
            if how == "payment":
                typed = drafts.Typed(path="check", npi=payee.npi or "", number=payment, amount=10_000)
                prove = own.prove_by_payment if row.state == "pin" else again.prove_again
                prove(session, chosen, plugins, row, typed, from_address)
            elif how == "letter" and row.state == "pin":
                own.ask_for_letter(session, chosen, row)
                return row
            elif how == "moved":
                session.get_one(Payee, row.payee_id).address = f"{number} Lantern Street\nDuluth MN 55802"
                return again.mail_again(session, chosen, row)
            elif how == "other":
                typed = drafts.Typed(path="mail", tin=self.tin, npi=payee.npi or "")
                return again.mail_other(session, chosen, plugins, row, typed, from_address)
            return None

        self.note_pin(self.work(work))

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
                        Message.about == asked_about(case),
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
            open_grants = sa.select(Grant.id, Grant.organization_id, Grant.payee_id).where(
                Grant.payee_id.in_(mine),
                Grant.ended_at.is_(None),
                Grant.organization_id.not_in(sa.select(Organization.id).where(Organization.provisional)),
            )
            rows = session.execute(open_grants).all()
            for organization_id in {row.organization_id for row in rows}:
                assert has_delegate(session, organization_id)
            for payee_id in {row.payee_id for row in rows}:
                owners = sorted((row for row in rows if row.payee_id == payee_id), key=lambda row: row.id)
                for earlier, later in itertools.combinations(owners, 2):
                    told = sa.select(LinkNotice.id).where(
                        LinkNotice.grant_id == later.id, LinkNotice.organization_id == earlier.organization_id
                    )
                    assert session.scalar(told) is not None, "two owners, and one was not told"

    @invariant()
    def no_organization_is_left_behind(self) -> None:
        with self.world.session() as session:
            people = sa.select(Person.organization_id).where(
                Person.deactivated_at.is_(None), Person.organization_id.is_not(None)
            )
            links = sa.select(Grant.organization_id).where(Grant.ended_at.is_(None))
            empty = sa.and_(Organization.id.not_in(people), Organization.id.not_in(links))
            left_behind = sa.select(Organization.name).where(empty, Organization.ended_at.is_(None))
            assert session.scalars(left_behind).all() == []
            ended = sa.select(Organization.name).where(~empty, Organization.ended_at.is_not(None))
            assert session.scalars(ended).all() == [], "somebody is in it still"

    @invariant()
    def no_payee_gets_letters_without_end(self) -> None:
        if not hasattr(self, "payees"):
            return
        chosen = self.world.settings
        since = self.clock.now() - dt.timedelta(days=chosen.pin_letters_days)
        with self.world.session() as session:
            for payee in self.payees:
                written = sa.select(sa.func.count(RegistrationPin.id)).join(
                    Registration, Registration.id == RegistrationPin.registration_id
                )
                mine = written.where(Registration.payee_id == payee.id, RegistrationPin.made_at > since)
                assert (session.scalar(mine) or 0) <= chosen.pin_letters_per_payee + self.by_staff

    @invariant()
    def one_request_to_join_waits_for_an_address(self) -> None:
        waiting = [(one.email, one.organization_id) for one in self.cases("asked", "staff") if one.route == "join"]
        assert len(waiting) == len(set(waiting))

    def staff_may_decide(self, case: Registration) -> bool:
        """Is it in the list of what waits for staff, or the person's own, and can staff decide something?"""

        def look(session: PortalSession, _plugins: Any) -> bool:
            row = session.get_one(Registration, case.id)
            held = row.state == "pin" and not row.why and not row.address_wrong_at
            found = reading.list_registrations(session, reading.FOR_STAFF, row.email, reading.REGISTRATIONS.read({}))
            listed = any(one.registration.id == row.id for one in found.rows)
            return (listed or held) and bool(list(choices(reading.view_case(session, row))))

        return bool(self.work(look))

    def teardown(self) -> None:
        """Every page about a registration says how it goes on, and whatever waits has a day or somebody who decides."""
        if not hasattr(self, "payees"):
            return
        cases = self.cases()
        for case in self.cases(*WAITING_STATES):
            assert case.due_at is not None or self.staff_may_decide(case), (case.state, case.why, case.route)
        with self.world.session() as session:
            mine = Person.id.in_([case.person_id for case in cases])
            rows = session.scalars(sa.select(Person).where(mine, Person.deactivated_at.is_(None))).all()
            people = {one.id: one.username for one in rows}
            for one in rows:
                self.world.accept_terms(session, one)
        for case in cases:
            if case.person_id is None:
                client = self.world.client()
                page = client.get(f"/register/status/{self.tokens[case.id]}", follow_redirects=True)
            elif case.person_id in people:
                page = self.world.sign_in(people[case.person_id]).get("/registration")
            else:
                continue
            assert page.status_code == 200
            assert ways_on(page.text), page.text


def test_any_order(database_url: str, make_app: MakeApp, clock: Clock, database_kind: str) -> None:
    clock.set(NOW)
    payments = Payments()
    world = World(make_app(database_url, extra_plugins={"payments-of-the-test": payments}))
    staff = cast(Actor, SimpleNamespace(person_id=world.staff("a.staff").id, is_staff=True))
    often = settings(
        max_examples=16 if database_kind == "sqlite" else 6,
        stateful_step_count=18,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    given = {"world": world, "payments": payments, "clock": clock, "staff": staff}
    run_state_machine_as_test(type("OfficeOfTheTest", (Office,), given), settings=often)
