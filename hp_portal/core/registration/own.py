"""A person's own registration, once they have an account: the PIN, another letter, a payment instead. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration import challenges, telling
from hp_portal.core.registration.addresses import masked_lines
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.facts import DecidedAlready, facts_of, hold, move
from hp_portal.core.registration.finishing import find_link, hold_letter, must_look_first, open_access
from hp_portal.core.registration.models import (
    AFTER_TRIAL,
    ASKED,
    CHALLENGED,
    JOIN,
    LEFT,
    OPEN,
    PIN,
    STAFF,
    WAITING_STATES,
    WHICH,
    Registration,
)
from hp_portal.core.registration.pins import (
    PinState,
    TooManyLetters,
    end_pins,
    enter_pin,
    may_ask,
    next_letter_at,
    send_another,
    state_of,
)
from hp_portal.core.registration.proving import Answer, ProofRefused, holders, holders_of, try_proof
from hp_portal.core.tax_ids.proving import use_payment
from hp_portal.database import PortalSession, lock
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings


@dataclass(frozen=True)
class OwnView:
    """One's own registration as its page shows it. `again_at`: from when on another letter may be asked for; `told_at`: when the
    delegates were told of somebody on trial; `sees`: payments can be seen meanwhile."""

    registration: Registration
    letter: PinState | None
    again_at: dt.datetime | None
    may_ask: bool
    address: list[str]
    told_at: dt.datetime | None
    sees: bool


def view_own(session: PortalSession, registration: Registration) -> OwnView:
    """How far one's own registration is, recorded as looked at."""
    payee = session.get(Payee, registration.payee_id) if registration.payee_id else None
    letter, again_at = state_of(session, registration), next_letter_at(session, registration)
    record(session, "registration.status.viewed", registration=registration.id)
    return OwnView(
        registration,
        letter,
        again_at,
        again_at is not None and may_ask(letter, again_at),
        masked_lines(payee) if payee else [],
        challenges.told_at(session, registration) if registration.state == CHALLENGED else None,
        registration.why in AFTER_TRIAL,
    )


def followable(session: PortalSession, registration: Registration) -> dict[int, str]:
    """The organizations, by id and name, of which somebody has to say in which they follow a person who has left; none unless the
    PIN has proved the payee, and several hold it."""
    if registration.state != STAFF or registration.why != WHICH or registration.payee_id is None:
        return {}
    found = holders_of(session, session.get_one(Payee, registration.payee_id))
    rows = session.execute(
        sa.select(Organization.id, Organization.name).where(Organization.id.in_(found)).order_by(Organization.name)
    )
    return dict(rows.all())


def ask_for_letter(session: PortalSession, settings: Settings, registration: Registration) -> None:
    """Another letter with a new PIN. Raises TooSoon, NoAddress, TooManyLetters (staff look: the caller commits), or
    DecidedAlready when no PIN is needed any more."""
    hold(session, registration, PIN)
    try:
        send_another(session, settings, registration, session.get_one(Payee, registration.payee_id))
    except TooManyLetters:
        hold_letter(session, registration)
        raise


def own_registration(session: PortalSession, actor: Actor) -> Registration | None:
    """The newest registration that led to the actor's account, or None."""
    return newest_of(session, actor.person_id)


def newest_of(session: PortalSession, person_id: int) -> Registration | None:
    """The newest registration of somebody with an account, or None."""
    wanted = sa.select(Registration).where(Registration.person_id == person_id)
    return session.scalars(wanted.order_by(Registration.id.desc()).limit(1)).one_or_none()


def waiting_registration(session: PortalSession, actor: Actor) -> str:
    """The state of the actor's own registration while it waits for something, or "email" while the e-mail address of one that is
    done is not confirmed; empty: nothing to say."""
    with scopes.whole(session, "one's own registration"):
        row = own_registration(session, actor)
    if row is None:
        return ""
    if row.state in WAITING_STATES:
        return row.state
    return "" if row.email_confirmed_at is not None or row.state != OPEN or row.route == JOIN else "email"


def has_links(session: PortalSession, actor: Actor) -> bool:
    """Can the actor's organization see payments to anybody?"""
    with scopes.whole(session, "the links of the person's own organization"):
        wanted = sa.select(Grant.id).where(Grant.organization_id == actor.organization_id, Grant.is_open())
        return session.scalar(wanted.limit(1)) is not None


def view_status(session: PortalSession, token: str) -> Registration | None:
    """The registration whose status page a link opens, recorded as looked at, or None."""
    registration = by_status_token(session, token)
    if registration is not None:
        record(session, "registration.status.viewed", registration=registration.id)
    return registration


def by_status_token(session: PortalSession, token: str) -> Registration | None:
    """The registration whose status page a link opens, or None."""
    hashed = hash_token(token)
    its = sa.or_(Registration.status_hash == hashed, Registration.again_hash == hashed)
    return session.scalars(sa.select(Registration).where(its)).one_or_none()


def use_pin(session: PortalSession, settings: Settings, registration: Registration, typed: str) -> None:
    """The PIN opens what it was sent for. Raises WrongPin (counted: the caller commits), PinDead, DecidedAlready."""
    hold(session, registration, PIN)
    if registration.payee_id is None:
        raise DecidedAlready
    enter_pin(session, registration, typed)
    open_proved(session, settings, registration, registration.payee_id, "pin")


def open_proved(
    session: PortalSession, settings: Settings, registration: Registration, payee_id: int, proof: str
) -> Grant | None:
    """Open access; None when staff have to decide, as somebody else has been linked to the payee meanwhile."""
    payee = session.get_one(Payee, payee_id)
    lock(session, f"registration of:{payee.whole_tin(session)}")
    person = session.get_one(Person, registration.person_id)
    organization = session.get_one(Organization, person.organization_id)
    now = clock.now()
    registration.proved_at, registration.payee_id = now, payee.id
    others = set(holders(session, sa.select(Payee.id).where(Payee.id == payee.id))) - {organization.id}
    if registration.route != LEFT and others:
        move(session, registration, STAFF, by="person")
        telling.tell_outcome(session, registration)
        return None
    if registration.route == LEFT and registration.organization_id is None:
        found = holders_of(session, payee)
        if len(found) != 1:
            move(session, registration, STAFF, by="person", why=WHICH)
            return None
        registration.organization_id = found[0]
    follows = registration.organization_id if registration.route == LEFT else None
    if follows is not None and must_look_first(session, settings, follows):
        move(session, registration, STAFF, by="person")
        telling.tell_outcome(session, registration)
        return None
    # Staff may have linked the organization by hand meanwhile.
    grant = find_link(session, organization, payee) or open_access(session, organization, payee, proof, person)
    organization.validated_at = organization.validated_at or now
    if registration.route == LEFT:
        due = now + dt.timedelta(days=settings.registration_challenge_days)
        move(session, registration, CHALLENGED, due_at=due, by="person")
        telling.tell_of_challenge(session, settings, registration)
    else:
        move(session, registration, OPEN, by="person")
    return grant


def open_by_payment(session: PortalSession, settings: Settings, registration: Registration, answer: Answer) -> bool:
    """Open access by a payment, which opens no other one then; False when staff have to decide."""
    grant = open_proved(session, settings, registration, answer.payee_id, "check")
    if grant is not None:
        use_payment(session, answer.number, grant)
    return grant is not None


def prove_by_payment(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    registration: Registration,
    typed: Typed,
    address: str,
) -> bool:
    """A check has arrived before the letter: prove by it at once; False when staff have to decide.

    Raises ProofRefused (the caller commits), MoreAsked, TooManyAttempts, DecidedAlready.
    """
    hold(session, registration, PIN)
    if registration.payee_id is None:
        raise DecidedAlready
    asked = session.get_one(Payee, registration.payee_id).whole_tin(session)
    # In the order in which the last step of registering locks the same two.
    lock(session, f"registration of:{asked}")
    answer: Answer = try_proof(session, settings, plugins, typed, address)
    # It proves what the registration is about, not somebody else's Tax ID.
    if answer.used or session.get_one(Payee, answer.payee_id).whole_tin(session) != asked:
        raise ProofRefused
    opened = open_by_payment(session, settings, registration, answer)
    end_pins(session, registration)
    return opened


def requests_of(session: PortalSession, actor: Actor) -> list[Registration]:
    """Who asks to join the actor's organization or has registered in place of one of its people: those that wait first.

    In the scope of the organization; recorded as looked at.
    """
    rows = session.scalars(sa.select(Registration).where(*_asks(actor)).order_by(Registration.id.desc()).limit(100))
    found = sorted(rows, key=lambda row: row.state not in (ASKED, CHALLENGED))
    record(session, "registration.joins.listed", shown=len(found))
    return found


def request_of(session: PortalSession, actor: Actor, registration_id: int) -> Registration | None:
    """One of them, or None. In the scope of the organization."""
    wanted = sa.select(Registration).where(Registration.id == registration_id, *_asks(actor))
    return session.scalars(wanted).one_or_none()


def count_requests(session: PortalSession, actor: Actor) -> int:
    """How many wait for an answer of the actor's organization."""
    waiting = Registration.state.in_((ASKED, CHALLENGED))
    with scopes.whole(session, "requests to the person's own organization"):
        return session.scalar(sa.select(sa.func.count(Registration.id)).where(waiting, *_asks(actor))) or 0


def _asks(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Registration.organization_id == actor.organization_id,
        Registration.route.in_((JOIN, LEFT)),
        # Not before something is proved: a PIN that is still on its way asks nothing of anybody.
        Registration.state != PIN,
    )


def view_request(session: PortalSession, registration: Registration) -> Typed:
    """What the person said of themselves, recorded as looked at."""
    record(session, "registration.join.viewed", registration=registration.id)
    return facts_of(session, registration)


def say_address_is_wrong(session: PortalSession, registration: Registration) -> bool:
    """The letter cannot arrive: staff look at the address on record. False when they were told already."""
    try:
        hold(session, registration, PIN)
    except DecidedAlready:
        return False
    if registration.address_wrong_at is not None:
        return False
    registration.address_wrong_at = clock.now()
    session.flush()
    record(session, "registration.address.disputed", registration=registration.id)
    return True
