"""Requests that staff look at: before they are sent, and when somebody does not know who asks. Every verb needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.billing_access.asking import LASTS
from hp_portal.core.billing_access.checking import FREE_MAIL, NOBODY, UNKNOWN_TIN, payees_of
from hp_portal.core.billing_access.sending import end_links, send, tell_asker
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.access_requests import REFUSED, STAFF, UNKNOWN, WAITING, AccessRequest
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession, lock

WHY = {
    UNKNOWN_TIN: "We have no payee with this Tax ID and NPI.",
    FREE_MAIL: "The approver’s address is a free one, and the registered provider has a domain of its own.",
    NOBODY: "It is for the delegates of the registered provider, and nobody is registered for this Tax ID.",
}


@dataclass(frozen=True)
class ForStaff:
    """A request as staff read it. The TIN is masked; `why` in words; `may_be_sent`: somebody can approve it."""

    id: int
    organization_id: int
    organization: str
    asked_by: str
    asked_at: dt.datetime
    provider: str
    tin: str
    npis: tuple[str, ...]
    to_delegates: bool
    approver_name: str
    approver_title: str
    approver_email: str
    approver_phone: str
    why: str
    may_be_sent: bool
    ended_at: dt.datetime | None
    signed_address: str


_held = AccessRequest.state == STAFF
_alarm = (AccessRequest.state == UNKNOWN, AccessRequest.settled_at.is_(None))


def count_held(session: PortalSession) -> int:
    """How many requests wait for staff to look before they are sent."""
    return session.scalar(sa.select(sa.func.count(AccessRequest.id)).where(_held)) or 0


def count_alarms(session: PortalSession) -> int:
    """How many requests came from somebody whom the approver does not know, and nobody has looked."""
    return session.scalar(sa.select(sa.func.count(AccessRequest.id)).where(*_alarm)) or 0


def _read(session: PortalSession, *where: sa.ColumnElement[bool]) -> list[ForStaff]:
    rows = session.execute(
        sa.select(AccessRequest, Organization.name, Person.name)
        .join(Organization, Organization.id == AccessRequest.organization_id)
        .outerjoin(Person, Person.id == AccessRequest.asked_by_id)
        .where(*where)
        .order_by(AccessRequest.asked_at, AccessRequest.id)
    ).all()
    return [
        ForStaff(
            one.id,
            one.organization_id,
            organization,
            asker or "",
            one.asked_at,
            one.provider,
            one.masked_tin(session),
            tuple(one.npis.split()),
            one.to_delegates,
            one.approver_name,
            one.approver_title,
            one.approver_email,
            one.approver_phone,
            WHY.get(one.why, ""),
            _may_be_sent(session, one),
            one.ended_at,
            one.signed_address,
        )
        for one, organization, asker in rows
    ]


def _may_be_sent(session: PortalSession, request: AccessRequest) -> bool:
    """Is there somebody to send it to, and something that they could approve?"""
    return not request.to_delegates and bool(
        payees_of(session, request.whole_tin(session), tuple(request.npis.split()))
    )


def view_queue(session: PortalSession) -> tuple[list[ForStaff], list[ForStaff]]:
    """What waits before it is sent, and alarms; recorded as looked at. The caller commits."""
    held, alarms = _read(session, _held), _read(session, *_alarm)
    record(session, "billing.access.queue-listed", held=len(held), alarms=len(alarms))
    return held, alarms


def find_held(session: PortalSession, request_id: int) -> ForStaff | None:
    """A request that waits for staff, or None."""
    return next(iter(_read(session, _held, AccessRequest.id == request_id)), None)


def _hold(session: PortalSession, request_id: int) -> AccessRequest | None:
    lock(session, f"access-request:{request_id}")
    request = session.get_one(AccessRequest, request_id, populate_existing=True)
    return request if request.state == STAFF else None


def confirm(session: PortalSession, request_id: int, reason: str) -> bool:
    """Send a request that staff have looked at; False when it has changed meanwhile. The 30 days begin now."""
    request = _hold(session, request_id)
    if request is None or not _may_be_sent(session, request):
        return False
    request.state, request.due_at = WAITING, clock.now() + LASTS
    session.flush()
    send(session, request)
    record(session, "billing.access.confirmed", reason=reason, request=request.id)
    return True


def refuse(session: PortalSession, actor: Actor, request_id: int, answer: str) -> bool:
    """Do not send a request: whoever asked reads the answer; False when it has changed meanwhile."""
    request = _hold(session, request_id)
    if request is None:
        return False
    request.state, request.ended_at, request.answer = REFUSED, clock.now(), answer
    request.decided_by_id = actor.person_id
    session.flush()
    end_links(session, request)
    record(session, "billing.access.refused", reason=answer, request=request.id)
    tell_asker(session, request, "We could not send your request.", payees=[])
    return True


def settle_alarm(session: PortalSession, actor: Actor, request_id: int) -> bool:
    """Somebody has looked into an alarm; False when somebody had before."""
    done = session.execute(
        sa.update(AccessRequest)
        .where(AccessRequest.id == request_id, *_alarm)
        .values(settled_at=clock.now(), settled_by_id=actor.person_id)
        .returning(AccessRequest.id)
        .execution_options(synchronize_session=False)
    ).first()
    if done is None:
        return False
    record(session, "billing.access.alarm-settled", request=request_id)
    return True
