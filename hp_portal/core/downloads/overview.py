"""What of the documents waits and what failed, for the payer's staff: whose, and of which kind, not what they are about."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.downloads.kinds import find_kind
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.downloads.queue import ACTIVE, FAILED, READY, WAITING
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession

LONG = dt.timedelta(minutes=15)
"""So long nothing should wait."""
LATELY = dt.timedelta(days=1)
LONGEST = 200


@dataclass(frozen=True)
class Asked:
    """A document that waits, is being made, or failed lately. `late`: it has waited for longer than it should."""

    id: int
    what: str
    person_id: int
    person: str
    organization_id: int | None
    organization: str
    state: str
    done: int
    of: int
    error: str
    requested_at: dt.datetime
    late: bool


@dataclass(frozen=True)
class Overview:
    """What is under way or failed, those first that have waited longest; and how many finished ones are kept, in bytes."""

    asked: list[Asked]
    kept: int
    size: int


def _failed() -> sa.ColumnElement[bool]:
    return sa.and_(DocumentRequest.state == FAILED, DocumentRequest.requested_at > clock.now() - LATELY)


def _late() -> sa.ColumnElement[bool]:
    return sa.and_(DocumentRequest.state == WAITING, DocumentRequest.requested_at < clock.now() - LONG)


def count_failed(session: PortalSession) -> int:
    """Documents of the last day that could not be made. Needs a whole scope."""
    return session.scalar(sa.select(sa.func.count()).select_from(DocumentRequest).where(_failed())) or 0


def count_late(session: PortalSession) -> int:
    """Documents that have waited too long: is a worker running? Needs a whole scope."""
    return session.scalar(sa.select(sa.func.count()).select_from(DocumentRequest).where(_late())) or 0


def view_overview(session: PortalSession) -> Overview:
    """The overview, recorded. Needs a whole scope; the caller commits."""
    rows = session.execute(
        sa.select(DocumentRequest, Person.name, Organization.name)
        .join(Person, Person.id == DocumentRequest.person_id)
        .outerjoin(Organization, Organization.id == DocumentRequest.organization_id)
        .where(sa.or_(DocumentRequest.state.in_(ACTIVE), _failed()))
        .order_by(DocumentRequest.state == FAILED, DocumentRequest.id)
        .limit(LONGEST)
    )
    asked = [_asked(request, person, organization or "") for request, person, organization in rows]
    finished = DocumentRequest.state == READY
    kept = session.scalar(sa.select(sa.func.count()).select_from(DocumentRequest).where(finished)) or 0
    size = session.scalar(sa.select(sa.func.sum(DocumentRequest.size)).where(finished)) or 0
    record(session, "document.queue-viewed", shown=len(asked))
    return Overview(asked, kept, int(size))


def _asked(request: DocumentRequest, person: str, organization: str) -> Asked:
    kind = find_kind(request.kind)
    return Asked(
        request.id,
        kind.label if kind else "Document of an application that is gone",
        request.person_id,
        person,
        request.organization_id,
        organization,
        request.state,
        request.done,
        request.of,
        request.error,
        request.requested_at,
        request.state == WAITING and request.requested_at < clock.now() - LONG,
    )
