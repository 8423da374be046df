"""What delegates, staff and time make of a registration. Every verb needs a whole scope; the caller commits.

A verb that comes second, because somebody else or a double click was first, raises DecidedAlready and changes nothing.
"""

from __future__ import annotations

import contextlib
import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.accounts import create_person, deactivate, draw_username
from hp_portal.core.people.password_links import make_link
from hp_portal.core.registration import challenges, telling
from hp_portal.core.registration.drafts import forget_old
from hp_portal.core.registration.facts import DecidedAlready, hold, move
from hp_portal.core.registration.finishing import find_link, open_access, waiting_join
from hp_portal.core.registration.models import (
    ASKED,
    BILLING,
    CHALLENGED,
    DECLINED,
    EXPIRED,
    JOIN,
    LEFT,
    NO_DELEGATE,
    OBJECTED,
    OPEN,
    PIN,
    STAFF,
    UNTOLD,
    WITHDRAWN,
    Registration,
)
from hp_portal.core.registration.moving import end_if_empty
from hp_portal.core.registration.pins import end_pins, send_pin
from hp_portal.core.registration.proving import holders
from hp_portal.core.registration.trials import end_grants, end_trial, hold_newcomer, take_over
from hp_portal.core.tax_ids.by_payer import link_payee
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.render import settings as portal_settings
from hp_portal.database import PortalSession, lock
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

NOT_REGISTERED = (
    "{organization} is no longer registered on the portal, so nobody can let you in. If it is your organization, register "
    "it yourself."
)


class HeldBy(Exception):
    """The payee is an organization's already: the person can only be added to that one."""

    def __init__(self, organization_id: int) -> None:
        super().__init__("an organization is linked to this payee already")
        self.organization_id = organization_id


def decided(
    session: PortalSession, actor: Actor, registration: Registration, decision: str, answer: str, reason: str
) -> str:
    """Keep who decides and what the person is told; a decision of staff is recorded with its reason."""
    registration.decided_by_id, registration.answer = actor.person_id, answer
    if not actor.is_staff:
        return "delegate"
    record(session, "registration.case.decided", reason=reason, registration=registration.id, decision=decision)
    return "staff"


def add_member(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    actor: Actor,
    registration: Registration,
    *,
    answer: str = "",
    reason: str = "",
    delegate: bool = False,
) -> Person:
    """Let somebody who asked to join in: an account in that organization, with a link to set its password.

    Delegates decide while they are asked; what is before the staff may be about the delegates. Raises DecidedAlready,
    OrganizationEnded, or NameTaken when the address has an account by now.
    """
    hold(session, registration, *((ASKED, STAFF) if actor.is_staff else (ASKED,)))
    if registration.organization_id is None or registration.person_id is not None:
        raise DecidedAlready
    by = decided(session, actor, registration, "delegate" if delegate else "member", answer, reason)
    return _add(session, settings, plugins, actor, registration, registration.organization_id, by, delegate=delegate)


def _add(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    actor: Actor,
    registration: Registration,
    organization_id: int,
    by: str,
    *,
    delegate: bool,
) -> Person:
    person = create_person(
        session,
        actor,
        list(plugins.applications),
        organization_id=organization_id,
        name=registration.name,
        email=registration.email,
        username=draw_username(session, registration.name),
        delegate=delegate,
    )
    registration.person_id, registration.organization_id = person.id, organization_id
    link = make_link(session, settings, actor, person)
    move(session, registration, OPEN, by=by)
    telling.tell_outcome(session, registration, password=absolute_url("people.follow_link", token=link.token))
    if by == "staff":
        telling.tell_of_newcomer(session, registration, person)
    return person


def decline(session: PortalSession, actor: Actor, registration: Registration, answer: str, *, reason: str = "") -> None:
    """Say no, with words for the person: to joining, to an unlisted provider, to a PIN that cannot arrive.

    An account that has been made for it stays, and sees nothing.
    """
    hold(session, registration, ASKED, STAFF, PIN)
    by = decided(session, actor, registration, "decline", answer, reason)
    if registration.own_id is not None:
        end_grants(session, registration.own_id, actor.person_id)
    end_pins(session, registration)
    move(session, registration, DECLINED, by=by)
    telling.tell_outcome(session, registration)


def withdraw(session: PortalSession, registration: Registration) -> None:
    """The person does not want it any more; what was not sent to others about it is not sent."""
    hold(session, registration, ASKED, STAFF)
    move(session, registration, WITHDRAWN, by="person")


def object_to(session: PortalSession, actor: Actor, registration: Registration, objection: str) -> None:
    """A delegate says that the person does not belong to the organization: staff decide."""
    hold(session, registration, CHALLENGED)
    registration.objected_by_id, registration.objection = actor.person_id, objection
    move(session, registration, OBJECTED, by="delegate")
    telling.tell_outcome(session, registration)


def uphold(session: PortalSession, actor: Actor, registration: Registration, answer: str, *, reason: str = "") -> None:
    """The objection is right, or staff found it so: the access ends, and the account is closed."""
    _hold_trial(session, registration)
    by = decided(session, actor, registration, "uphold", answer, reason)
    end_grants(session, registration.own_id, actor.person_id)
    person = session.get(Person, registration.person_id) if registration.person_id else None
    if person is not None:
        deactivate(session, person, "The objection to the registration was upheld")
    if registration.own_id is not None:
        end_if_empty(session, registration.own_id)
    move(session, registration, DECLINED, by=by)
    telling.tell_outcome(session, registration)


def dismiss(session: PortalSession, actor: Actor, registration: Registration, answer: str, *, reason: str = "") -> None:
    """The objection does not hold, or staff know that nobody has one: the person becomes a delegate of the registered
    organization at once, or goes on in their own where that one has ended.

    Raises DecidedAlready, or AccountClosed.
    """
    _hold_trial(session, registration)
    target = session.get_one(Organization, registration.organization_id)
    decision = "dismiss" if target.ended_at is None else "alone"
    take_over(session, registration, decided(session, actor, registration, decision, answer, reason))


def _hold_trial(session: PortalSession, registration: Registration) -> None:
    hold(session, registration, OBJECTED, CHALLENGED, STAFF)
    if registration.own_id is None or registration.organization_id is None:
        raise DecidedAlready


def tell_again(
    session: PortalSession,
    settings: Settings,
    actor: Actor,
    registration: Registration,
    answer: str,
    *,
    reason: str = "",
) -> None:
    """No delegate had been told, and now they can be: the days in which they can object begin anew.

    Raises DecidedAlready, or AccountClosed.
    """
    hold(session, registration, STAFF)
    if registration.why not in (UNTOLD, NO_DELEGATE):
        raise DecidedAlready
    hold_newcomer(session, registration)
    by = decided(session, actor, registration, "again", answer, reason)
    due = clock.now() + dt.timedelta(days=settings.registration_challenge_days)
    move(session, registration, CHALLENGED, due_at=due, by=by)
    telling.tell_of_challenge(session, settings, registration)
    telling.tell_outcome(session, registration)


def add_unlisted(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    actor: Actor,
    registration: Registration,
    payee: Payee,
    *,
    reason: str,
    answer: str,
) -> Person:
    """Staff have found or added the provider: a new organization linked to the payee, the person its delegate.

    Raises HeldBy, DecidedAlready, NameTaken.
    """
    hold(session, registration, STAFF)
    if registration.person_id is not None or registration.organization_id is not None:
        raise DecidedAlready
    lock(session, f"registration of:{payee.whole_tin(session)}")
    if held := holders(session, sa.select(Payee.id).where(Payee.id == payee.id)):
        raise HeldBy(held[0])
    by = decided(session, actor, registration, "new", answer, reason)
    organization = Organization(
        name=payee.name, audience=payee.provider_type, validated_at=clock.now(), created_at=clock.now()
    )
    session.add(organization)
    session.flush()
    record(session, "registration.organization.made", organization=organization.id)
    person = _add(session, settings, plugins, actor, registration, organization.id, by, delegate=True)
    registration.payee_id = payee.id
    link_payee(session, actor, organization, payee, reason)
    return person


def add_to(session: PortalSession, registration: Registration, organization: Organization) -> None:
    """Staff say which organization somebody belongs to, who is not listed: the rest is as with everybody who wants to join.

    Raises DecidedAlready, also for somebody who has named an organization or has an account.
    """
    hold(session, registration, STAFF)
    if registration.person_id is not None or registration.organization_id is not None:
        raise DecidedAlready
    if registration.route == JOIN and waiting_join(session, organization.id, registration.email) is not None:
        raise DecidedAlready
    registration.organization_id = organization.id
    session.flush()


def open_without_pin(
    session: PortalSession,
    settings: Settings,
    actor: Actor,
    registration: Registration,
    answer: str,
    *,
    reason: str = "",
) -> None:
    """Staff know in another way that the person belongs to the payee: access without a PIN.

    In place of somebody who has left, it is on trial as after a PIN: the delegates are told, and may object. Raises
    DecidedAlready, or AccountClosed.
    """
    hold(session, registration, PIN, STAFF)
    if registration.person_id is None or registration.payee_id is None:
        raise DecidedAlready
    if registration.route == LEFT and registration.organization_id is None:  # in place of whom is not known yet
        raise DecidedAlready
    payee = session.get_one(Payee, registration.payee_id)
    lock(session, f"registration of:{payee.whole_tin(session)}")
    person = hold_newcomer(session, registration)
    by = decided(session, actor, registration, "open", answer, reason)
    organization = session.get_one(Organization, person.organization_id)
    now = clock.now()
    if find_link(session, organization, payee) is None:
        open_access(session, organization, payee, "payer", person)
    elif organization.validated_at is None:
        organization.validated_at = now
    end_pins(session, registration)
    registration.proved_at, registration.address_wrong_at = now, None
    if registration.route == LEFT:
        due = now + dt.timedelta(days=settings.registration_challenge_days)
        move(session, registration, CHALLENGED, due_at=due, by=by)
        telling.tell_of_challenge(session, settings, registration)
    else:
        move(session, registration, OPEN, by=by)
    telling.tell_outcome(session, registration)


def write_again(
    session: PortalSession,
    settings: Settings,
    actor: Actor,
    registration: Registration,
    answer: str = "",
    *,
    reason: str = "",
) -> None:
    """The address on record is right now: another letter with a new PIN. Raises NoAddress when it still fits no
    envelope, DecidedAlready, or AccountClosed."""
    hold(session, registration, PIN)
    hold_newcomer(session, registration)
    decided(session, actor, registration, "letter", answer, reason)
    registration.address_wrong_at, registration.why = None, ""
    send_pin(session, settings, registration, session.get_one(Payee, registration.payee_id))
    telling.tell_outcome(session, registration)


def answer_waiting(session: PortalSession, organization: Organization, *, by: str) -> None:
    """An organization has ended, or is about to: those without an account who wait to be let into it are told to register it."""
    waiting = sa.select(Registration).where(
        Registration.organization_id == organization.id,
        Registration.person_id.is_(None),
        Registration.state.in_((ASKED, STAFF)),
    )
    for registration in session.scalars(waiting.order_by(Registration.id)).all():
        with contextlib.suppress(DecidedAlready):
            hold(session, registration, ASKED, STAFF)
            registration.answer = NOT_REGISTERED.format(organization=organization.name)
            move(session, registration, DECLINED, by=by)
            telling.tell_outcome(session, registration)


def answer_for_ended(session: PortalSession) -> None:
    """Who asked to be let into an organization as it ended waits for nobody. The worker does it."""
    waited_for = sa.select(Registration.organization_id).where(Registration.state.in_((ASKED, STAFF)))
    ended = sa.select(Organization).where(Organization.ended_at.is_not(None), Organization.id.in_(waited_for))
    for organization in session.scalars(ended.order_by(Organization.id)).all():
        answer_waiting(session, organization, by="time")


def pass_on_overdue(session: PortalSession) -> None:
    """What ends by itself: joins that nobody answered, and challenges to which nobody objected. The worker does it."""
    now = clock.now()
    due = session.scalars(
        sa.select(Registration)
        .where(Registration.state.in_((ASKED, CHALLENGED)), Registration.due_at <= now)
        .order_by(Registration.id)
        .limit(100)
    ).all()
    for registration in due:
        try:
            hold(session, registration, ASKED, CHALLENGED)
        except DecidedAlready:
            continue
        if registration.state == CHALLENGED:
            end_trial(session, registration)
        elif registration.proved_at is not None or registration.path == BILLING:
            move(session, registration, STAFF, by="time")
            telling.tell_outcome(session, registration)
        else:
            move(session, registration, EXPIRED, by="time")
            telling.tell_outcome(session, registration)


def tidy(session: PortalSession) -> None:
    """The worker's turn: what waits for nobody or is overdue, and old drafts. Needs an app context."""
    challenges.start_days(session, portal_settings())
    answer_for_ended(session)
    pass_on_overdue(session)
    forget_old(session)
