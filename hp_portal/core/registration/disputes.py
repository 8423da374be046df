"""Whose a billing organization is: nothing proves it but what staff find out, so whatever is said of it is put before them.

Its Tax ID is on no payment. Somebody may register one that is not theirs; it sees nothing before a provider lets it, staff are
asked to look at every new one, and whoever finds theirs taken can say so. Every verb needs a whole scope; the caller commits.
"""

from __future__ import annotations

import contextlib

import sqlalchemy as sa

from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.accounts import deactivate
from hp_portal.core.registration import telling
from hp_portal.core.registration.deciding import add_member, answer_waiting, decided
from hp_portal.core.registration.facts import DecidedAlready, facts_of, hold, move
from hp_portal.core.registration.models import (
    ASKED,
    BILLING,
    DECLINED,
    DISPUTED,
    JOIN,
    NEW_BILLING,
    OPEN,
    STAFF,
    Registration,
)
from hp_portal.core.registration.moving import end_if_empty
from hp_portal.core.registration.trials import end_grants
from hp_portal.database import PortalSession, lock
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

OTHERS = "We have found that the organization is somebody else’s."


def may_dispute(session: PortalSession, registration: Registration) -> bool:
    """Has a billing organization declined somebody, so that they can say that it is theirs? Not once staff have decided, nor once
    the organization has ended: then they can register it."""
    if (registration.path, registration.route, registration.state) != (BILLING, JOIN, DECLINED):
        return False
    if session.get_one(Organization, registration.organization_id).ended_at is not None:
        return False
    by = session.get(Person, registration.decided_by_id) if registration.decided_by_id else None
    return by is not None and not by.is_staff


def dispute(session: PortalSession, registration: Registration) -> None:
    """The person says that the organization is theirs, and that they do not know who has declined: staff decide.

    Raises DecidedAlready.
    """
    lock(session, f"join:{registration.organization_id}:{registration.email}")
    hold(session, registration, DECLINED)
    again = sa.select(Registration.id).where(
        Registration.organization_id == registration.organization_id,
        Registration.email == registration.email,
        Registration.route == JOIN,
        Registration.state.in_((ASKED, STAFF)),
    )
    if not may_dispute(session, registration) or session.scalars(again).first() is not None:
        raise DecidedAlready
    move(session, registration, STAFF, by="person", why=DISPUTED)


def replace_people(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    actor: Actor,
    registration: Registration,
    answer: str,
    *,
    reason: str,
) -> Person:
    """The organization is theirs and not of those who have registered it: their accounts are closed, the person is its delegate.
    Nobody has to look any more at how it was registered.

    Raises DecidedAlready, NameTaken, OrganizationEnded.
    """
    # In the order in which `end_new` holds the same.
    unseen = _hold_unseen(session, registration.organization_id)
    hold(session, registration, STAFF)
    if registration.why != DISPUTED or registration.organization_id is None:
        raise DecidedAlready
    organization = session.get_one(Organization, registration.organization_id)
    lock(session, "names of accounts")  # before any account, as whoever disowns a change holds them
    close_accounts(session, actor, organization, "It was found to be somebody else's organization")
    for one in unseen:
        one.answer = OTHERS
        move(session, one, DECLINED, by="staff")
        telling.tell_outcome(session, one)
    organization.name = facts_of(session, registration).organization or organization.name
    return add_member(session, settings, plugins, actor, registration, answer=answer, reason=reason, delegate=True)


def _hold_unseen(session: PortalSession, organization_id: int | None) -> list[Registration]:
    """The registrations of an organization, held, at which staff were still to look."""
    wanted = sa.select(Registration).where(
        Registration.organization_id == organization_id, Registration.state == OPEN, Registration.why == NEW_BILLING
    )
    held = []
    for one in session.scalars(wanted.order_by(Registration.id)).all():
        with contextlib.suppress(DecidedAlready):
            _hold_new(session, one)
            held.append(one)
    return held


def close_accounts(session: PortalSession, actor: Actor, organization: Organization, reason: str) -> None:
    """Close every account of an organization, and end what it sees."""
    people = sa.select(Person).where(Person.organization_id == organization.id, Person.deactivated_at.is_(None))
    for person in session.scalars(people.order_by(Person.id)).all():
        deactivate(session, person, reason)
    end_grants(session, organization.id, actor.person_id)


def _hold_new(session: PortalSession, registration: Registration) -> None:
    hold(session, registration, OPEN)
    if registration.why != NEW_BILLING:
        raise DecidedAlready


def confirm_new(
    session: PortalSession, actor: Actor, registration: Registration, answer: str, *, reason: str = ""
) -> None:
    """Staff have looked at a new billing organization: it is what it says. Raises DecidedAlready."""
    _hold_new(session, registration)
    by = decided(session, actor, registration, "confirm", answer, reason)
    move(session, registration, OPEN, by=by)
    telling.tell_outcome(session, registration)


def end_new(session: PortalSession, actor: Actor, registration: Registration, answer: str, *, reason: str = "") -> None:
    """A new billing organization is not whose it was said to be: its accounts are closed, and its Tax ID is free again. Whoever
    waits to be let into it is told so.

    Raises DecidedAlready.
    """
    _hold_new(session, registration)
    by = decided(session, actor, registration, "end", answer, reason)
    organization = session.get_one(Organization, registration.organization_id)
    answer_waiting(session, organization, by=by)
    close_accounts(session, actor, organization, "The new billing organization was not confirmed")
    end_if_empty(session, organization.id)
    move(session, registration, DECLINED, by=by)
    telling.tell_outcome(session, registration)
