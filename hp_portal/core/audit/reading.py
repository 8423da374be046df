"""Reading the record: one's own, and the staff's search over all of it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import scopes
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import EventRegistry
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.web.paging import Listing
from hp_portal.database import PortalSession

PAGE = 50


@dataclass(frozen=True)
class Activity:
    """One event as people read it. `details` are the event's fields, by name."""

    id: int
    at: dt.datetime
    event: str
    label: str
    details: dict[str, Any]
    reason: str
    address: str
    request_id: str
    person: str
    organization: str


@dataclass(frozen=True)
class ActivityFilter:
    """What staff search by; empty values do not filter. Days are inclusive, in the payer's zone, given as moments."""

    person: str = ""
    organization: str = ""
    event: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None


def _with_names(statement: sa.Select[Any]) -> sa.Select[Any]:
    return statement.outerjoin(Person, Person.id == AuditEvent.person_id).outerjoin(
        Organization, Organization.id == AuditEvent.organization_id
    )


def _listing(session: PortalSession, where: list[sa.ColumnElement[bool]], number: int, size: int) -> Listing[Activity]:
    registry: EventRegistry = session.info["events"]
    counted = _with_names(sa.select(sa.func.count(AuditEvent.id)).select_from(AuditEvent))
    total = session.scalar(counted.where(*where)) or 0
    rows = session.execute(
        _with_names(sa.select(AuditEvent, Person.name, Organization.name))
        .where(*where)
        .order_by(AuditEvent.id.desc())
        .limit(size)
        .offset((number - 1) * size)
    ).all()
    found = [
        Activity(
            event.id,
            event.at,
            event.event,
            registry.label(event.event),
            json.loads(event.fields),
            event.reason,
            event.address,
            event.request_id,
            person or "",
            organization or "",
        )
        for event, person, organization in rows
    ]
    return Listing(found, number, size, total)


def own_activity(session: PortalSession, actor: Actor, number: int) -> Listing[Activity]:
    """What the signed-in person did, newest first."""
    with scopes.whole(session, "one's own activity, whatever the organization"):
        return _listing(session, [AuditEvent.person_id == actor.person_id], number, PAGE)


def search_activity(session: PortalSession, wanted: ActivityFilter, number: int) -> Listing[Activity]:
    """Everybody's activity for staff with the permission (a whole scope), newest first."""
    where: list[sa.ColumnElement[bool]] = []
    if wanted.person:
        where.append(
            sa.or_(
                Person.name.icontains(wanted.person, autoescape=True),
                Person.username == wanted.person.lower(),
                Person.email == wanted.person.lower(),
            )
        )
    if wanted.organization:
        where.append(Organization.name.icontains(wanted.organization, autoescape=True))
    if wanted.event:
        where.append(AuditEvent.event == wanted.event)
    if wanted.since:
        where.append(AuditEvent.at >= wanted.since)
    if wanted.until:
        where.append(AuditEvent.at < wanted.until)
    return _listing(session, where, number, PAGE)
