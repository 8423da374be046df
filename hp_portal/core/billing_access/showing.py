"""The requests of a billing organization as it reads them: where each stands, in words, and what to do next."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.core.audit.record import record
from hp_portal.core.documents.sheets import csv_file
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.access_requests import (
    APPROVED,
    DECLINED,
    EXPIRED,
    OPEN_STATES,
    PARTLY,
    REFUSED,
    UNKNOWN,
    WITHDRAWN,
    AccessRequest,
    AccessRequestPayee,
)
from hp_portal.core.organizations.models import BY_PAYER, BY_PROVIDER, Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.web.listing import Listing
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole

REQUESTED, OPENED, REMINDED, REVOKED, ENDED = "requested", "opened", "reminded", "revoked", "ended"
STATUSES = {
    REQUESTED: "Requested",
    OPENED: "Opened",
    REMINDED: "Reminded",
    APPROVED: "Approved",
    PARTLY: "Partly approved",
    DECLINED: "Declined",
    EXPIRED: "Expired",
    REVOKED: "Revoked",
    ENDED: "Ended",
    WITHDRAWN: "Withdrawn",
    REFUSED: "Not sent",
}
TONES = {
    APPROVED: "good",
    PARTLY: "warn",
    DECLINED: "bad",
    REVOKED: "bad",
    REFUSED: "bad",
    EXPIRED: "warn",
    ENDED: "warn",
}
NEXT = {
    REQUESTED: "Wait for the answer. If it takes long, call the office and ask them to look for our e-mail.",
    OPENED: "Somebody has opened it. Wait, or call the office and ask whether anything is unclear.",
    REMINDED: "We have reminded them. Call the office, send it again, or name another approver.",
    APPROVED: "You can see the payments. Ask again before the last day.",
    PARTLY: "You can see what was approved. Ask the office about the rest, then ask for it here again.",
    DECLINED: "Read the reason, clear it up with the office, then ask again.",
    EXPIRED: "Nobody answered in 30 days. Call the office, then ask again, or ask somebody else there.",
    REVOKED: "The provider’s office has ended your access. Talk to them, then ask again.",
    ENDED: "Your access is over. Ask again if you still work for this provider.",
    WITHDRAWN: "You took it back. Ask again whenever you need it.",
    REFUSED: "We could not send it. Read our answer, correct the request, and ask again.",
}
OPEN = (REQUESTED, OPENED, REMINDED)
_SHOWN = 50


@dataclass(frozen=True)
class Shown:
    """A request as its list shows it. The TIN is masked; `status` is a key of STATUSES, `at` since when it stands so."""

    id: int
    provider: str
    tin: str
    npis: tuple[str, ...]
    to_delegates: bool
    approver_name: str
    approver_title: str
    approver_email: str
    approver_phone: str
    asked_at: dt.datetime
    asked_by: str
    status: str
    at: dt.datetime
    due_at: dt.datetime | None
    sent_at: dt.datetime | None
    until: dt.datetime | None
    answer: str
    approved: int
    has_record: bool
    reminded: int

    @property
    def label(self) -> str:
        return STATUSES[self.status]

    @property
    def next(self) -> str:
        return NEXT[self.status]

    @property
    def tone(self) -> str:
        return TONES.get(self.status, "info")

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


@dataclass(frozen=True)
class RequestFilter:
    """What the list is narrowed to; empty values do not filter. `text`: of provider, approver, NPI, or the Tax ID's end."""

    status: str = ""
    text: str = ""


def _status(request: AccessRequest, grants: Sequence[Grant], open_ids: set[int]) -> tuple[str, dt.datetime]:
    if request.state in OPEN_STATES:
        if request.opened_at is not None:
            return OPENED, request.opened_at
        return (REMINDED if request.reminded else REQUESTED), request.asked_at
    at = request.ended_at or request.asked_at
    if request.state == UNKNOWN:  # what was said of them is for staff
        return DECLINED, at
    if request.state in (APPROVED, PARTLY) and grants and not any(one.id in open_ids for one in grants):
        ends = [one.ended_at or one.ends_at or at for one in grants]
        revoked = any(one.ended_how in (BY_PROVIDER, BY_PAYER) for one in grants)
        return (REVOKED if revoked else ENDED), max(ends)
    return request.state, at


def _grants(session: PortalSession, requests: Sequence[AccessRequest]) -> dict[int, list[Grant]]:
    """What was opened by each of these requests, or was open already when it was approved: then the same link goes on."""
    wanted = AccessRequestPayee.request_id.in_([one.id for one in requests]), AccessRequestPayee.approved
    approved: dict[int, set[int]] = defaultdict(set)
    for request_id, payee_id in session.execute(
        sa.select(AccessRequestPayee.request_id, AccessRequestPayee.payee_id).where(*wanted)
    ):
        approved[request_id].add(payee_id)
    of_payee: dict[tuple[int, int], list[Grant]] = defaultdict(list)
    for grant in session.scalars(
        sa.select(Grant).where(
            Grant.organization_id.in_({one.organization_id for one in requests}),
            Grant.payee_id.in_(set().union(*approved.values())),
        )
    ):
        of_payee[grant.organization_id, grant.payee_id].append(grant)
    return {
        one.id: [
            grant
            for payee_id in approved[one.id]
            for grant in of_payee[one.organization_id, payee_id]
            if grant.request_id == one.id or _was_open(grant, one.ended_at or one.asked_at)
        ]
        for one in requests
    }


def _was_open(grant: Grant, at: dt.datetime) -> bool:
    ends = [one for one in (grant.ended_at, grant.ends_at) if one is not None]
    return grant.granted_at <= at and all(one > at for one in ends)


def _until(request: AccessRequest, open_now: Sequence[Grant]) -> dt.datetime | None:
    """The last moment of what is open, which may have been extended; None where it has no end."""
    ends = [one.ends_at for one in open_now]
    return max(filter(None, ends), default=request.access_until) if all(ends) else None


def _read(session: PortalSession, *where: sa.ColumnElement[bool]) -> list[Shown]:
    rows = session.execute(
        sa.select(AccessRequest, Person.name)
        .outerjoin(Person, Person.id == AccessRequest.asked_by_id)
        .where(*where)
        .order_by(AccessRequest.asked_at.desc(), AccessRequest.id.desc())
    ).all()
    grants = _grants(session, [request for request, _ in rows])
    every = {one.id for own in grants.values() for one in own}
    open_ids = set(session.scalars(sa.select(Grant.id).where(Grant.id.in_(every), Grant.is_open())))
    found = []
    for request, asker in rows:
        own = grants[request.id]
        status, at = _status(request, own, open_ids)
        found.append(
            Shown(
                request.id,
                request.provider,
                request.masked_tin(session),
                tuple(request.npis.split()),
                request.to_delegates,
                request.approver_name,
                request.approver_title,
                request.approver_email,
                request.approver_phone,
                request.asked_at,
                asker or "",
                status,
                at,
                request.due_at,
                request.sent_at,
                _until(request, [one for one in own if one.id in open_ids]),
                request.answer,
                sum(1 for one in own if one.id in open_ids),
                request.state in (APPROVED, PARTLY),
                request.reminded,
            )
        )
    return found


def _fits(one: Shown, wanted: RequestFilter) -> bool:
    if wanted.status and one.status not in (OPEN if wanted.status == "open" else (wanted.status,)):
        return False
    digits = "".join(filter(str.isdigit, wanted.text))
    text = " ".join((one.provider, one.approver_name, one.approver_email, *one.npis)).lower()
    return wanted.text.lower() in text or (len(digits) == 4 and one.tin.endswith(digits))


@in_whole("the requests of the actor's own organization, with what became of them")
def own_requests(session: PortalSession, actor: Actor, wanted: RequestFilter) -> list[Shown]:
    """The requests of the actor's organization, the newest first."""
    rows = _read(session, AccessRequest.organization_id == actor.organization_id)
    return [one for one in rows if _fits(one, wanted)]


def list_requests(session: PortalSession, actor: Actor, wanted: RequestFilter, number: int) -> Listing[Shown]:
    """One page of them, recorded as looked at. The caller commits."""
    rows = own_requests(session, actor, wanted)
    number = max(1, min(number, -(-len(rows) // _SHOWN) or 1))
    record(session, "billing.access.listed", shown=len(rows))
    return Listing(rows[(number - 1) * _SHOWN : number * _SHOWN], number, _SHOWN, len(rows), None)


@in_whole("a request of the actor's own organization, with what became of it")
def own_request(session: PortalSession, actor: Actor, request_id: int) -> Shown | None:
    """One of them, or None."""
    own = AccessRequest.organization_id == actor.organization_id
    return next(iter(_read(session, own, AccessRequest.id == request_id)), None)


@in_whole("what was decided of a request of the actor's own organization")
def decided(session: PortalSession, actor: Actor, request_id: int) -> list[tuple[str, str, str]]:
    """What was approved of a request, each with how it stands: name, NPI, words. What was left out is a number, without names."""
    of_own = AccessRequest.id == request_id, AccessRequest.organization_id == actor.organization_id
    rows = session.execute(
        sa.select(AccessRequest, Payee, AccessRequestPayee.approved)
        .join(AccessRequestPayee, AccessRequestPayee.request_id == AccessRequest.id)
        .join(Payee, Payee.id == AccessRequestPayee.payee_id)
        .where(*of_own)
        .order_by(Payee.name, Payee.npi)
    ).all()
    grants = [one for own in _grants(session, [request for request, _, _ in rows[:1]]).values() for one in own]
    open_now = set(
        session.scalars(sa.select(Grant.payee_id).where(Grant.id.in_([one.id for one in grants]), Grant.is_open()))
    )
    found = [
        (payee.name, payee.npi or "", "Approved" if payee.id in open_now else "Ended")
        for _, payee, approved in rows
        if approved
    ]
    left_out = sum(1 for _, _, approved in rows if not approved)
    return [*found, *([(f"{left_out} more of this Tax ID", "", "Not approved")] if left_out else [])]


def requests_csv(session: PortalSession, actor: Actor, wanted: RequestFilter) -> bytes:
    """The same as a CSV file, recorded. The caller commits."""
    rows = own_requests(session, actor, wanted)
    record(session, "billing.access.csv", shown=len(rows))
    columns = (
        "request", "provider", "tin_ends_in", "npis", "approver", "title", "email", "phone", "asked_at", "asked_by",
        "status", "status_since", "expires_at", "access_until", "answer", "what_to_do_next",
    )  # fmt: skip
    return csv_file(
        columns,
        [
            (
                one.id,
                one.provider,
                one.tin[-4:],
                " ".join(one.npis) or "all",
                "the provider's delegates" if one.to_delegates else one.approver_name,
                one.approver_title,
                one.approver_email,
                one.approver_phone,
                one.asked_at,
                one.asked_by,
                one.label,
                one.at,
                one.due_at if one.is_open else None,
                one.until,
                one.answer,
                one.next,
            )
            for one in rows
        ],
        zone=settings().payer.zone,
    )
