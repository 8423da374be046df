"""One Tax ID with two payees, which people register for over some weeks: what they, delegates and staff may do, in any order."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Acceptance, Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.accounts import deactivate
from hp_portal.core.registration import again, deciding, drafts, finishing, own, proving, transfers
from hp_portal.core.registration.models import WAITING_STATES, Registration, RegistrationPin
from hp_portal.core.staff import registrations as reading
from hp_portal.core.staff.registration_views import choices
from hp_portal.core.tax_ids.by_payer import link_payee
from hp_portal.database import PortalSession
from hp_portal.scopes import WholeScope

from .clock import Clock
from .identifiers import make_npi, make_tin
from .refused import COUNTED, HAPPENS, ways_on
from .registering import ADDRESS, PASSWORD, Payments, mailed_pin, mails_leave
from .world import World

SAID = {"answer": "We have called.", "reason": "Called both"}
numbers = itertools.count(1)
_which = st.integers(0, 9)


def _some(*states: str) -> Callable[[Office], bool]:
    """A rule is tried only where somebody is in one of these states: of those that change nothing, nothing is learned."""
    return lambda office: bool(office.cases(*states))


class Office(RuleBasedStateMachine):
    """A subclass has the portal, and what must never be. In a script the newest case is number -1."""

    world: World
    payments: Payments
    clock: Clock
    staff: Actor

    def __init__(self) -> None:
        super().__init__()
        self.begun = self.changed = self.by_staff = False
        self.mailbox = ""
        self.seen: list[Registration] = []
        self.first_case = self.first_organization = self.newest_pin = 0
        self.pins: dict[int, str] = {}
        self.wrong: dict[int, int] = {}
        self.tokens: dict[int, str] = {}
        self.accepted: set[tuple[int, bool]] = set()
        self.looked: dict[int, tuple[object, ...]] = {}

    @initialize()
    def begin(self) -> None:
        number = next(numbers)
        self.tin = make_tin(10_000 + number)
        self.payees = [
            self.world.payee(self.tin, make_npi(2 * number + place), f"Payee {number} {place}", address=ADDRESS)
            for place in range(2)
        ]
        with self.world.session() as session:
            self.first_case, self.first_organization, self.newest_pin = (
                session.scalar(sa.select(sa.func.max(model.id))) or 0
                for model in (Registration, Organization, RegistrationPin)
            )
        self.neighbor = self.world.organization(f"Neighbor {number}")
        self.world.person(f"neighbor{number}", organization=self.neighbor, delegate=True)
        self.begun = True
        self.register(0, "check", "new")

    def cases(self, *states: str) -> list[Registration]:
        """The registrations for this Tax ID, or those in one of these states."""
        if self.changed:
            wanted = sa.select(Registration).where(Registration.id > self.first_case).order_by(Registration.id)
            with self.world.session() as session:
                self.seen = list(session.scalars(wanted))
            self.changed = False
        return [one for one in self.seen if not states or one.state in states]

    def work(self, what: Any) -> Any:
        """One transaction: what is refused changes nothing but counts, as in a view."""
        plugins = self.world.app.extensions["hp_portal.plugins"]
        scope = WholeScope("a test builds")
        with self.world.app.test_request_context(), self.world.database.new_session(scope) as session:
            try:
                done = what(session, plugins)
            except HAPPENS as error:
                if isinstance(error, COUNTED):
                    session.commit()
                    self.changed = True
                return None
            session.commit()
            self.changed = True
            return done

    def one(self, which: int, *states: str) -> int | None:
        found = self.cases(*states)
        return found[which % len(found)].id if found else None

    # ---- who comes

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
            self.pins[case.id], self.wrong[case.id] = mailed_pin(self.world), 0

    @precondition(_some())
    @rule(which=_which, right=st.booleans())
    def enter_pin(self, which: int, right: bool) -> None:
        """Mostly of those who wait for one; who has it by now enters it once more."""
        case = self.one(which, "pin") or self.one(which)
        if case is None:
            return
        before = {one.id: one.state for one in self.cases()}
        typed = self.pins.get(case, "") if right else "WRONG234"
        self.work(lambda s, _: own.use_pin(s, self.world.settings, s.get_one(Registration, case), typed))
        dead = self.wrong.get(case, 0) >= self.world.settings.pin_attempts
        if not right or dead or case not in self.pins:
            assert {one.id: one.state for one in self.cases()} == before, (
                "no PIN, a wrong one or a dead one opens nothing"
            )
        if not right and before[case] == "pin":
            self.wrong[case] = self.wrong.get(case, 0) + 1

    # ---- who answers

    @precondition(_some("asked", "challenged"))
    @rule(which=_which, verb=st.sampled_from(["add", "decline", "object"]))
    def delegate_answers(self, which: int, verb: str) -> None:
        case = self.one(which, "asked", "challenged") if which else self.one(which)

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

    @precondition(_some(*WAITING_STATES))
    @rule(
        which=_which,
        verb=st.sampled_from(
            ["uphold", "dismiss", "decline", "decline", "open_without_pin", "tell_again", "write_again", "add_member"]
        ),
    )
    def staff_decide(self, which: int, verb: str) -> None:
        """Mostly on what waits; what has been decided is decided once more."""
        case = self.one(which, *WAITING_STATES) if which else self.one(which)
        decide = getattr(deciding, verb)

        def work(session: PortalSession, plugins: Any) -> Registration:
            row = session.get_one(Registration, case)
            given: list[Any] = [self.staff]
            if verb in ("open_without_pin", "tell_again", "write_again"):
                given.insert(0, self.world.settings)
            if verb == "add_member":
                given = [self.world.settings, plugins, self.staff]
            decide(session, *given, row, **SAID)
            return row

        row = self.work(work)
        if row is not None and verb == "write_again":
            self.by_staff = True
            self.note_pin(row)

    @precondition(_some("pin", "staff", "declined"))
    @rule(which=_which, pick=st.integers(0, 3), delegate=st.booleans())
    def staff_move_an_account(self, which: int, pick: int, delegate: bool) -> None:
        case = self.one(which, "pin", "staff", "declined")

        def work(session: PortalSession, _plugins: Any) -> None:
            row = session.get_one(Registration, case)
            payee = session.get(Payee, row.payee_id)
            found = proving.holders(session, sa.select(Payee.id).where(Payee.id == payee.id)) if payee else ()
            if found:
                to = session.get_one(Organization, found[pick % len(found)])
                transfers.transfer(session, self.staff, row, to, delegate=delegate, **SAID)

        self.work(work)

    @precondition(_some("challenged", "objected"))
    @rule(which=_which)
    def staff_close_an_account_on_trial(self, which: int) -> None:
        case = self.one(which, "challenged", "objected")

        def work(session: PortalSession, _plugins: Any) -> None:
            row = session.get_one(Registration, case)
            deactivate(session, session.get_one(Person, row.person_id), "Called both")

        self.work(work)

    # ---- how it goes on

    @precondition(_some("staff"))
    @rule(which=_which, pick=st.integers(0, 3))
    def somebody_says_which_organization(self, which: int, pick: int) -> None:
        case = self.one(which, "staff")

        def work(session: PortalSession, _plugins: Any) -> None:
            row = session.get_one(Registration, case)
            found = sorted(own.followable(session, row))
            if found:
                again.choose_organization(session, self.world.settings, row, found[pick % len(found)])

        self.work(work)

    @precondition(_some("declined", "pin"))
    @rule(which=_which, how=st.sampled_from(["payment", "moved", "other", "letter", "letter"]), place=st.integers(0, 1))
    def somebody_goes_on(self, which: int, how: str, place: int) -> None:
        """After a no, or while they wait for a letter."""
        case = self.one(which, "pin") if how == "letter" else self.one(which, "declined", "pin")
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
            elif how == "letter":
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
        self.changed = True

    # ---- how it stands

    @precondition(_some())
    @rule(which=_which)
    def somebody_looks(self, which: int) -> None:
        """Whatever comes next may hide a page that leads nowhere."""
        self.look(self.cases()[which % len(self.cases())])

    def staff_may_decide(self, case: Registration) -> bool:
        """Is it in the list of what waits for staff, or the person's own, and can staff decide something?"""

        def look(session: PortalSession, _plugins: Any) -> bool:
            row = session.get_one(Registration, case.id)
            held = row.state == "pin" and not row.why and not row.address_wrong_at
            found = reading.list_registrations(session, reading.FOR_STAFF, row.email, reading.REGISTRATIONS.read({}))
            listed = any(one.registration.id == row.id for one in found.rows)
            return (listed or held) and bool(list(choices(reading.view_case(session, row))))

        return bool(self.work(look))

    def look_anew(self, case: Registration) -> None:
        """Where it stands otherwise than when its page was opened last."""
        if self.looked.get(case.id) != (stands := (case.state, case.why, case.person_id, case.address_wrong_at)):
            self.look(case)
            self.looked[case.id] = stands

    def look(self, case: Registration) -> None:
        """The page about a registration says how it goes on, and what waits has a day or somebody who decides."""
        if case.state in WAITING_STATES:
            assert case.due_at is not None or self.staff_may_decide(case), (case.state, case.why, case.route)
        if case.person_id is None:
            client = self.world.client()
            page = client.get(f"/register/status/{self.tokens[case.id]}", follow_redirects=True)
        else:
            with self.world.session() as session:
                person = session.get_one(Person, case.person_id)
                if person.deactivated_at is not None:
                    return
                if (person.id, person.is_delegate) not in self.accepted:
                    known = sa.select(Acceptance.agreement).where(Acceptance.person_id == person.id)
                    self.world.accept_terms(session, person, but=session.scalars(known).all())
                    self.accepted |= {(person.id, person.is_delegate)}
            page = self.world.sign_in(person.username).get("/registration")
        assert page.status_code == 200
        assert ways_on(page.text), page.text
