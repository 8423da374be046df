"""From one organization to another: a person, what they had asked for, and the organization that is left behind empty.

Every verb needs a whole scope; the caller commits.
"""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.billing_access.closing import withdraw_all
from hp_portal.core.downloads.queue import Moved, hand_over_documents, move_documents
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.people.accounts import deactivate, reactivate
from hp_portal.core.people.ended import hold_going_on, hold_organization
from hp_portal.core.people.memberships import find_row
from hp_portal.database import PortalSession


def move_person(session: PortalSession, person: Person, organization: Organization, *, delegate: bool) -> None:
    """Somebody belongs to another organization from the next page on, with the documents that they wait for; the one they come
    from ends when nobody is left in it. Raises OrganizationEnded."""
    before = person.organization_id
    hold_going_on(session, organization.id)
    there = find_row(session, person, organization.id)
    if there is not None and there is not person:
        _go_on_there(session, person, there, delegate=delegate)
        return
    if delegate != person.is_delegate:
        person.delegate_since = clock.now() if delegate else None
    person.organization_id, person.is_delegate = organization.id, delegate
    session.flush()
    event = "registration.delegate.added" if delegate else "registration.member.added"
    record(session, event, person=person.id, organization=organization.id)
    move_documents(session, person.id, organization.id)
    if before is not None:
        end_if_empty(session, before)


def _go_on_there(session: PortalSession, person: Person, there: Person, *, delegate: bool) -> None:
    """Somebody who works for the other organization already: their row there stays and gets the documents that they wait
    for, and the one they come from ends."""
    reactivate(session, there)
    if delegate and not there.is_delegate:
        there.is_delegate, there.delegate_since = True, clock.now()
        session.flush()
        record(session, "registration.delegate.added", person=there.id, organization=there.organization_id)
    deactivate(session, person, "Goes on in another organization")
    hand_over_documents(session, person.id, Moved(there.id, there.organization_id))
    if person.organization_id is not None:
        end_if_empty(session, person.organization_id)


def end_if_empty(session: PortalSession, organization_id: int) -> bool:
    """End an organization in which nobody has an account any more and that sees nobody's payments; False when it goes on."""
    organization = hold_organization(session, organization_id)
    people = sa.select(Person.id).where(Person.organization_id == organization_id, Person.deactivated_at.is_(None))
    links = sa.select(Grant.id).where(Grant.organization_id == organization_id, Grant.is_open())
    if organization.ended_at is not None or any(session.scalar(one.limit(1)) for one in (people, links)):
        return False
    organization.ended_at = clock.now()
    session.flush()
    record(session, "registration.organization.ended", organization=organization_id)
    withdraw_all(session, organization_id)
    return True
