"""Staff move an account into the organization that holds the payee. Needs a whole scope; the caller commits."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration import telling
from hp_portal.core.registration.deciding import decided
from hp_portal.core.registration.facts import DecidedAlready, hold, move
from hp_portal.core.registration.models import DECLINED, OPEN, PIN, STAFF, Registration
from hp_portal.core.registration.moving import move_person
from hp_portal.core.registration.own import newest_of
from hp_portal.core.registration.pins import end_pins
from hp_portal.core.registration.proving import holders
from hp_portal.core.registration.trials import hold_newcomer
from hp_portal.database import PortalSession, lock


def may_be_moved(session: PortalSession, registration: Registration) -> bool:
    """Has somebody an account that waits or was declined, alone in an organization that sees nothing?"""
    person = session.get(Person, registration.person_id) if registration.person_id else None
    if person is None or person.deactivated_at is not None or registration.state not in (PIN, STAFF, DECLINED):
        return False
    sees = sa.select(Grant.id).where(Grant.organization_id == person.organization_id, Grant.is_open())
    others = sa.select(Person.id).where(Person.organization_id == person.organization_id, Person.id != person.id)
    alone = session.scalar(sees.limit(1)) is None and session.scalar(others.limit(1)) is None
    return alone and newest_of(session, person.id) is registration


def transfer(
    session: PortalSession,
    actor: Actor,
    registration: Registration,
    organization: Organization,
    answer: str,
    *,
    reason: str,
    delegate: bool = False,
) -> Person:
    """Staff know that somebody belongs to an organization that holds the payee: the account goes there, its delegates are told,
    and the organization that it was made with ends. Raises DecidedAlready, or AccountClosed."""
    hold(session, registration, PIN, STAFF, DECLINED)
    if registration.payee_id is None:
        raise DecidedAlready
    payee = session.get_one(Payee, registration.payee_id)
    lock(session, f"registration of:{payee.whole_tin(session)}")
    if not may_be_moved(session, registration):
        raise DecidedAlready
    if organization.id not in holders(session, sa.select(Payee.id).where(Payee.id == payee.id)):
        raise DecidedAlready
    by = decided(session, actor, registration, "moved-delegate" if delegate else "moved", answer, reason)
    person = hold_newcomer(session, registration)
    end_pins(session, registration)
    registration.organization_id, registration.address_wrong_at = organization.id, None
    move_person(session, person, organization, delegate=delegate)
    move(session, registration, OPEN, by=by)
    telling.tell_of_newcomer(session, registration, person)
    telling.tell_outcome(session, registration)
    return person
