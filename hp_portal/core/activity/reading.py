"""Reading the record: one's own, and the staff's search over all of it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import scopes
from hp_portal.core.activity.about import ANY_REFUSAL, deed_label
from hp_portal.core.activity.sentences import sentences
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.web.listing import Listing, page_of
from hp_portal.database import PortalSession
from hp_portal.events import Reference

PAGE = 50


@dataclass(frozen=True)
class Activity:
    """One event as people read it. `sentence` is what was done: parts of text, some with an address."""

    id: int
    at: dt.datetime
    sentence: list[Reference]
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


Kept = tuple[AuditEvent, str | None, str | None]


def _listing(
    session: PortalSession, where: list[sa.ColumnElement[bool]], number: int, newest: int | None
) -> Listing[Kept]:
    """Events with the names of person and organization, newest first."""
    if newest is not None:
        where = [*where, AuditEvent.id <= newest]
    rows = (
        sa.select(AuditEvent, Person.name, Organization.name)
        .outerjoin(Person, Person.id == AuditEvent.person_id)
        .outerjoin(Organization, Organization.id == AuditEvent.organization_id)
        .where(*where)
        .order_by(AuditEvent.id.desc())
    )
    count = sa.select(sa.func.count(AuditEvent.id)).where(*where)
    return page_of(session, rows, number, count=count, size=PAGE, make=tuple)


def _told(session: PortalSession, kept: Listing[Kept], *, for_staff: bool) -> Listing[Activity]:
    """The same page with what was done in sentences, as the session's scope lets one see it."""
    said = sentences(
        session, [(event.event, json.loads(event.fields)) for event, _, _ in kept.rows], for_staff=for_staff
    )
    rows = [
        Activity(
            event.id,
            event.at,
            sentence,
            event.reason,
            event.address,
            event.request_id,
            person or "",
            organization or "",
        )
        for (event, person, organization), sentence in zip(kept.rows, said, strict=True)
    ]
    return Listing(rows, kept.number, kept.size, kept.total)


def _done_or_told(session: PortalSession, actor: Actor) -> sa.ColumnElement[bool]:
    done = AuditEvent.person_id == actor.person_id
    if actor.organization_id is None:
        return done
    told = [spec.key for spec in session.context.events.all() if spec.told]
    ours = AuditEvent.organization_id == actor.organization_id
    return sa.or_(done, sa.and_(ours, AuditEvent.event.in_(told), AuditEvent.person_id.is_(None)))


def own_activity(session: PortalSession, actor: Actor, number: int, newest: int | None = None) -> Listing[Activity]:
    """What the signed-in person did, and what their organization was told, newest first.

    Looking is an event itself, so the list grows as one turns its pages; `newest`, an event's id, holds it still.
    """
    with scopes.whole(session, "one's own activity, whatever the organization"):
        unseen = [spec.key for spec in session.context.events.all() if spec.staff_only]
        mine = [_done_or_told(session, actor), AuditEvent.event.not_in(unseen)]
        kept = _listing(session, mine, number, newest)
        if actor.is_staff:
            return _told(session, kept, for_staff=True)
    # Names and links in the person's own scope: what has been taken from the organization since is not named.
    return _told(session, kept, for_staff=False)


def view_own_activity(
    session: PortalSession, actor: Actor, number: int, newest: int | None = None
) -> Listing[Activity]:
    """As `own_activity`, recorded as looked at. The caller commits."""
    listing = own_activity(session, actor, number, newest)
    record(session, "audit.own.viewed", page=number)
    return listing


def event_kinds(session: PortalSession) -> list[tuple[str, str]]:
    """Refusals of every kind, then every declared kind of event as (key, what people read), by what people read."""
    kinds = sorted(((spec.key, spec.label) for spec in session.context.events.all()), key=lambda kind: kind[1].lower())
    return [(ANY_REFUSAL, deed_label(session, ANY_REFUSAL)), *kinds]


def search_activity(
    session: PortalSession, wanted: ActivityFilter, number: int, newest: int | None = None
) -> Listing[Activity]:
    """Everybody's activity for staff with the permission (a whole scope), newest first; `newest` as in `own_activity`."""
    where: list[sa.ColumnElement[bool]] = []
    if wanted.person:
        people = sa.select(Person.id).where(
            sa.or_(
                Person.name.icontains(wanted.person, autoescape=True),
                Person.username == wanted.person.lower(),
                Person.email == wanted.person.lower(),
            )
        )
        where.append(AuditEvent.person_id.in_(people))
    if wanted.organization:
        organizations = sa.select(Organization.id).where(
            Organization.name.icontains(wanted.organization, autoescape=True)
        )
        where.append(AuditEvent.organization_id.in_(organizations))
    if wanted.event:
        kinds = [spec.key for spec in session.context.events.all() if spec.refusal]
        where.append(AuditEvent.event.in_(kinds if wanted.event == ANY_REFUSAL else [wanted.event]))
    if wanted.since:
        where.append(AuditEvent.at >= wanted.since)
    if wanted.until:
        where.append(AuditEvent.at < wanted.until)
    return _told(session, _listing(session, where, number, newest), for_staff=True)
