"""Requests that staff look at: before they are sent, and when somebody does not know who asks. Every verb needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.billing_access.asking import Refused
from hp_portal.core.billing_access.checking import (
    FREE_MAIL,
    NEW_OFFICE,
    NOBODY,
    OTHER_DOMAIN,
    UNKNOWN_TIN,
    Approver,
    Wanted,
    approver_problems,
    why_staff_look,
)
from hp_portal.core.billing_access.sending import end_links, send, tell_asker
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.access_requests import REFUSED, STAFF, UNKNOWN, WAITING, AccessRequest
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.ended import hold_going_on
from hp_portal.database import PortalSession, lock

WHY = {
    UNKNOWN_TIN: "We have no payee with this Tax ID and NPI.",
    FREE_MAIL: "The approver’s address is a free one, and no account of a registered provider has it.",
    OTHER_DOMAIN: "The approver’s e-mail domain is none of those that the accounts of the registered provider have.",
    NEW_OFFICE: "No office of this provider is registered, and the approver’s e-mail domain is none that we know of it.",
    NOBODY: "It is for the delegates of the registered provider, and we know no delegate there who can be asked.",
}

THEIR_OWN_NOW = "The approver’s name or address belongs to the organization that asks."
ASKER_ENDED = "The organization that asks has ended."
SETTLED = "What spoke against it speaks against it no more: it can be sent."


@dataclass(frozen=True)
class ForStaff:
    """A request as staff read it, the TIN masked. `why` in words; `may_be_sent`: is there a payee, and somebody to send it to?"""

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
    found = []
    for one, organization, asker in rows:
        why, may_be_sent = _why_now(session, one) if one.state == STAFF else ("", False)
        shown = ForStaff(
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
            why,
            may_be_sent,
            one.ended_at,
            one.signed_address,
        )
        found.append(shown)
    return found


def _why_now(session: PortalSession, request: AccessRequest) -> tuple[str, bool]:
    """Why a request still waits, in words, as accounts, links and payees are today; and can it be sent?"""
    approver = _approver(request)
    if session.get_one(Organization, request.organization_id).ended_at is not None:
        return ASKER_ENDED, False
    if not request.to_delegates and approver_problems(session, request.organization_id, approver):
        return THEIR_OWN_NOW, False
    npis = tuple(request.npis.split())
    wanted = Wanted(request.whole_tin(session), npis, to_delegates=request.to_delegates, approver=approver)
    why = why_staff_look(session, request.organization_id, wanted)
    return WHY.get(why, SETTLED), why not in (UNKNOWN_TIN, NOBODY)


def _approver(request: AccessRequest) -> Approver:
    return Approver(request.approver_name, request.approver_title, request.approver_email, request.approver_phone)


def view_queue(session: PortalSession) -> tuple[list[ForStaff], list[ForStaff]]:
    """What waits before it is sent, and alarms; recorded as looked at. The caller commits."""
    held, alarms = _read(session, _held), _read(session, *_alarm)
    record(session, "billing.access.queue-listed", held=len(held), alarms=len(alarms))
    return held, alarms


def find_held(session: PortalSession, request_id: int) -> ForStaff | None:
    """A request that waits for staff, or None."""
    return next(iter(_read(session, _held, AccessRequest.id == request_id)), None)


def is_known(session: PortalSession, request_id: int) -> bool:
    """Is there such a request?"""
    return session.scalar(sa.select(AccessRequest.id).where(AccessRequest.id == request_id)) is not None


def _hold(session: PortalSession, request_id: int) -> AccessRequest | None:
    lock(session, f"access-request:{request_id}")
    request = session.get_one(AccessRequest, request_id, populate_existing=True)
    return request if request.state == STAFF else None


def confirm(session: PortalSession, request_id: int, reason: str) -> bool:
    """Send a request that staff have looked at; False when it has changed meanwhile. Its asker sees no difference.

    So its days go on as they began when it was asked: new ones would tell that somebody has looked. Raises Refused: there
    is nobody to send it to, or nothing to approve.
    """
    request = _hold(session, request_id)
    if request is None or (request.due_at or clock.now()) <= clock.now():
        return False
    why, may_be_sent = _why_now(session, request)
    if not may_be_sent:
        raise Refused({"": why})
    hold_going_on(session, request.organization_id)
    shown_at, request.state = request.sent_at, WAITING
    session.flush()
    send(session, request)
    request.sent_at = shown_at or request.sent_at
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
