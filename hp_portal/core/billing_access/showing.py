"""The requests of a billing organization as it reads them: where each stands, in words, and what to do next."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

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
from hp_portal.core.organizations.models import BY_PAYER, BY_PROVIDER, WITH_OFFICE, Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.ending import HOW_ENDED
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
_AT_ONCE = 500


@dataclass(frozen=True)
class Shown:
    """A request as its list shows it. The TIN is masked; `status` is a key of STATUSES, `at` since when it stands so,
    `until` the last moment of its access."""

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


@dataclass(frozen=True)
class _Access:
    """What a request was approved for, as it stands: the access that was there, or was opened, when it was approved."""

    open: bool
    until: dt.datetime | None
    how: str

    @property
    def revoked(self) -> bool:
        return self.how in (BY_PROVIDER, BY_PAYER)

    @property
    def words(self) -> str:
        """How it stands; why it has ended where nobody has decided that and no day was given."""
        if self.open:
            return "Approved"
        return HOW_ENDED[self.how].capitalize() if self.how == WITH_OFFICE else "Ended"


def _access(session: PortalSession, *where: sa.ColumnElement[bool]) -> dict[int, dict[int, _Access]]:
    """The access to each approved payee of these requests, by request and payee. Needs a whole scope.

    Access that one request has opened another may have prolonged, so it is found by organization and payee.
    """
    opened = sa.case((Grant.request_id == AccessRequest.id, True), else_=False)
    rows = session.execute(
        sa.select(
            AccessRequest.id,
            AccessRequest.ended_at,
            opened,
            Grant.payee_id,
            Grant.ended_at,
            Grant.ends_at,
            Grant.ended_how,
            sa.case((Grant.is_open(), True), else_=False),
        )
        .join(AccessRequestPayee, AccessRequestPayee.request_id == AccessRequest.id)
        .join(
            Grant,
            sa.and_(
                Grant.organization_id == AccessRequest.organization_id, Grant.payee_id == AccessRequestPayee.payee_id
            ),
        )
        .where(AccessRequestPayee.approved, *where)
        .order_by(opened.desc(), Grant.id)
    )
    found: dict[int, dict[int, _Access]] = defaultdict(dict)
    for request_id, approved_at, its_own, payee_id, ended_at, ends_at, how, is_open in rows:
        end = min(filter(None, (ended_at, ends_at)), default=None)
        over_before = approved_at is None or (end is not None and end <= approved_at)
        if over_before and not its_own:  # another took its place
            continue
        found[request_id].setdefault(payee_id, _Access(is_open, end, how or ""))
    return found


def _status(request: Any, access: Collection[_Access]) -> tuple[str, dt.datetime]:
    """A key of STATUSES, and since when. `request`: one, or what `_LIGHT` has of it."""
    if request.state in OPEN_STATES:
        if request.opened_at is not None:
            return OPENED, request.opened_at
        return (REMINDED if request.reminded else REQUESTED), request.asked_at
    at = request.ended_at or request.asked_at
    if request.state == UNKNOWN:  # what was said of them is for staff
        return DECLINED, at
    if request.state in (APPROVED, PARTLY) and not any(one.open for one in access):
        revoked = any(one.revoked for one in access)
        return (REVOKED if revoked else ENDED), max((one.until for one in access if one.until), default=at)
    return request.state, at


def _last_moment(end: dt.datetime | None) -> dt.datetime | None:
    """As people are told it: access ends at midnight, which is the next day's already."""
    return end - dt.timedelta(seconds=1) if end else None


def _read(session: PortalSession, ids: Sequence[int]) -> list[Shown]:
    """These requests in this order: a page of them, or a part of a file."""
    rows = {
        request.id: (request, asker)
        for request, asker in session.execute(
            sa.select(AccessRequest, Person.name)
            .outerjoin(Person, Person.id == AccessRequest.asked_by_id)
            .where(AccessRequest.id.in_(ids))
        )
    }
    access = _access(session, AccessRequest.id.in_(ids))
    found = []
    for request, asker in (rows[one] for one in ids):
        own = access[request.id].values()
        status, at = _status(request, own)
        ends = [one.until for one in own if one.open]
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
                _last_moment(min((end for end in ends if end), default=None)) if ends else request.last_moment,
                request.answer,
                len(ends),
                request.state in (APPROVED, PARTLY),
                request.reminded,
            )
        )
    return found


_LIGHT = (
    AccessRequest.id,
    AccessRequest.state,
    AccessRequest.opened_at,
    AccessRequest.reminded,
    AccessRequest.asked_at,
    AccessRequest.ended_at,
    AccessRequest.provider,
    AccessRequest.approver_name,
    AccessRequest.approver_email,
    AccessRequest.npis,
    AccessRequest.token,
    AccessRequest.tin_sealed,
)


def _fits_text(session: PortalSession, row: Any, text: str) -> bool:
    typed = " ".join((row.provider, row.approver_name, row.approver_email, *row.npis.split())).lower()
    if text.lower() in typed:
        return True
    digits = "".join(filter(str.isdigit, text))
    if len(digits) != 4:  # else no Tax ID is opened
        return False
    request = AccessRequest(token=row.token, tin_sealed=row.tin_sealed)
    return request.masked_tin(session).endswith(digits)


@in_whole("the requests of the actor's own organization, with what became of them")
def own_requests(session: PortalSession, actor: Actor, wanted: RequestFilter) -> list[int]:
    """The ids of those requests of the actor's organization that fit, the newest first."""
    own = AccessRequest.organization_id == actor.organization_id
    newest = (AccessRequest.asked_at.desc(), AccessRequest.id.desc())
    if not wanted.status and not wanted.text:
        return list(session.scalars(sa.select(AccessRequest.id).where(own).order_by(*newest)))
    access = _access(session, own) if wanted.status else {}
    statuses = OPEN if wanted.status == "open" else (wanted.status,)
    return [
        row.id
        for row in session.execute(sa.select(*_LIGHT).where(own).order_by(*newest))
        if (not wanted.status or _status(row, access.get(row.id, {}).values())[0] in statuses)
        and (not wanted.text or _fits_text(session, row, wanted.text))
    ]


@in_whole("a page of requests of the actor's own organization")
def _shown(session: PortalSession, ids: Sequence[int]) -> list[Shown]:
    return _read(session, ids)


def list_requests(session: PortalSession, actor: Actor, wanted: RequestFilter, number: int) -> Listing[Shown]:
    """One page of them, recorded as looked at. The caller commits."""
    ids = own_requests(session, actor, wanted)
    number = max(1, min(number, -(-len(ids) // _SHOWN) or 1))
    record(session, "billing.access.listed", shown=len(ids))
    rows = _shown(session, ids[(number - 1) * _SHOWN : number * _SHOWN])
    return Listing(rows, number, _SHOWN, len(ids), None)


@in_whole("a request of the actor's own organization, with what became of it")
def own_request(session: PortalSession, actor: Actor, request_id: int) -> Shown | None:
    """One of them, or None."""
    own = AccessRequest.organization_id == actor.organization_id
    found = session.scalars(sa.select(AccessRequest.id).where(own, AccessRequest.id == request_id)).all()
    return next(iter(_read(session, found)), None)


@in_whole("what was decided of a request of the actor's own organization")
def decided(session: PortalSession, actor: Actor, request_id: int) -> list[tuple[str, str, str]]:
    """What was approved of a request, each with how it stands: name, NPI, words. What was left out is a number, without names."""
    own = (AccessRequest.id == request_id, AccessRequest.organization_id == actor.organization_id)
    rows = session.execute(
        sa.select(Payee, AccessRequestPayee.approved)
        .join(AccessRequestPayee, AccessRequestPayee.payee_id == Payee.id)
        .join(AccessRequest, AccessRequest.id == AccessRequestPayee.request_id)
        .where(*own)
        .order_by(Payee.name, Payee.npi)
    ).all()
    stands = {payee_id: one.words for payee_id, one in _access(session, *own)[request_id].items()}
    found = [(payee.name, payee.npi or "", stands.get(payee.id, "Ended")) for payee, approved in rows if approved]
    left_out = sum(1 for _, approved in rows if not approved)
    return [*found, *([(f"{left_out} more of this Tax ID", "", "Not approved")] if left_out else [])]


def requests_csv(session: PortalSession, actor: Actor, wanted: RequestFilter) -> bytes:
    """The same as a CSV file, recorded. The caller commits."""
    ids = own_requests(session, actor, wanted)
    record(session, "billing.access.csv", shown=len(ids))
    zone = settings().payer.zone
    rows = [one for start in range(0, len(ids), _AT_ONCE) for one in _shown(session, ids[start : start + _AT_ONCE])]
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
                one.until.astimezone(zone).date() if one.until else None,
                one.answer,
                one.next,
            )
            for one in rows
        ],
        zone=zone,
    )
