"""What time does to requests: reminders, and the end after 30 days. The worker does it, in a whole scope."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.billing_access.sending import cancel, end_links, forget_unsent, send, tell_asker
from hp_portal.core.organizations.access_requests import (
    EXPIRED,
    OPEN_STATES,
    WAITING,
    AccessRequest,
    AccessRequestLink,
)
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession, lock

REMINDED_AFTER = tuple(dt.timedelta(days=days) for days in (7, 14, 21, 28))
KEPT = dt.timedelta(days=400)


def tend(session: PortalSession) -> None:
    """Expire what nobody has answered, remind of the rest, and forget old links."""
    expire_due(session)
    remind_due(session)
    session.execute(sa.delete(AccessRequestLink).where(AccessRequestLink.expires_at < clock.now() - KEPT))


def _open(session: PortalSession, request_id: int) -> AccessRequest | None:
    lock(session, f"access-request:{request_id}")
    request = session.get_one(AccessRequest, request_id, populate_existing=True)
    return request if request.state in OPEN_STATES else None


def expire_due(session: PortalSession) -> None:
    """Requests that nobody has answered in time end; whoever asked is told."""
    due = sa.select(AccessRequest.id).where(AccessRequest.ended_at.is_(None), AccessRequest.due_at <= clock.now())
    for request_id in session.scalars(due.order_by(AccessRequest.id).limit(500)).all():
        request = _open(session, request_id)
        if request is None or (request.due_at or clock.now()) > clock.now():
            continue
        expire(session, request)


def expire(session: PortalSession, request: AccessRequest) -> None:
    """A request that is held, and that nobody has answered in time, ends; whoever asked is told."""
    forget_unsent(request)
    request.state, request.ended_at = EXPIRED, clock.now()
    session.flush()
    cancel(session, request)
    end_links(session, request)
    who = Who(organization_id=request.organization_id, request_id=get_who(session).request_id)
    record(session, "billing.access.expired", who=who, request=request.id)
    tell_asker(session, request, "Nobody has answered your request in 30 days: it has expired.", payees=[])


def remind_due(session: PortalSession) -> None:
    """Remind of requests, 7, 14, 21 and 28 days after they were sent; after a pause of the worker once, not four times.

    Those that staff look at first are counted alike, and nothing is sent: whoever asked cannot tell them from others.
    """
    now = clock.now()
    waits = sa.select(AccessRequest.id).where(
        AccessRequest.ended_at.is_(None),
        AccessRequest.state.in_(OPEN_STATES),
        AccessRequest.sent_at <= now - REMINDED_AFTER[0],
        AccessRequest.organization_id.in_(sa.select(Organization.id).where(Organization.ended_at.is_(None))),
    )
    for request_id in session.scalars(waits.order_by(AccessRequest.id)).all():
        request = _open(session, request_id)
        if request is None or request.sent_at is None:
            continue
        due = sum(1 for after in REMINDED_AFTER if request.sent_at + after <= now)
        if due <= request.reminded:
            continue
        request.reminded = due
        if request.state == WAITING:
            cancel(session, request)
            send(session, request, reminder=due)
        record(
            session,
            "billing.access.reminded",
            who=Who(organization_id=request.organization_id),
            request=request.id,
            reminder=due,
        )
