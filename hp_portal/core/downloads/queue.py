"""Asking for a document that the worker makes, and what becomes of it.

Everybody sees and changes their own alone: every statement names the person. Nothing here commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.files.storing import delete_stored
from hp_portal.core.kept.keeping import KeptGone, Owner, find_kept, forget_kept, hand_over_kept, keep_values, move_kept
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import DocumentKind

WAITING, MAKING, READY, FAILED = "waiting", "making", "ready", "failed"
ACTIVE = (WAITING, MAKING)
PER_PERSON = 5
IN_ALL = 200
FRESH = dt.timedelta(minutes=15)
RETRY_AFTER = 30
_OWN = "one's own documents"


class QueueFull(Exception):
    """So many documents wait that no more are taken. `own`: this person's; otherwise everybody's. `kept`: it is the finished
    ones of this person that take too much room."""

    def __init__(self, *, own: bool, kept: bool = False) -> None:
        super().__init__("too many documents")
        self.own, self.kept = own, kept
        self.seconds = RETRY_AFTER


@dataclass(frozen=True)
class Moved:
    """Whose documents are in another organization now."""

    person_id: int
    organization_id: int | None


def kept_for() -> dt.timedelta:
    """How long a finished document is kept."""
    return dt.timedelta(days=settings().documents_kept_days)


def request_document(
    session: PortalSession, actor: Owner, kind: DocumentKind, wanted: Mapping[str, Any], title: str
) -> DocumentRequest:
    """Ask the worker for a document. The same again, while it waits or is fresh, is the one asked for before.

    `wanted` is what `kind.make` needs, of JSON's types. Raises QueueFull.
    """
    with scopes.whole(session, _OWN):
        lock(session, "documents")
        found = _same(session, actor, kind.key, wanted)
        if found is not None:
            return found
        _check_room(session, actor)
        now = clock.now()
        request = DocumentRequest(
            organization_id=actor.organization_id,
            person_id=actor.person_id,
            kind=kind.key,
            title=title[:200],
            wanted=keep_wanted(session, actor, kind.key, wanted),
            state=WAITING,
            requested_at=now,
            expires_at=now + kept_for(),
        )
        session.add(request)
        session.flush()
        record(session, "document.requested", document=request.id, kind=kind.key)
    return request


def keep_wanted(session: PortalSession, actor: Owner, kind: str, wanted: Mapping[str, Any]) -> str:
    """Keep what a document is about, longer than it may wait and then be kept itself; the word for it."""
    return keep_values(session, actor, _kept_as(kind), wanted, kept_for() * 2 + dt.timedelta(days=1))


def _kept_as(kind: str) -> str:
    return f"document {kind}"[:80]


def _same(session: PortalSession, actor: Owner, kind: str, wanted: Mapping[str, Any]) -> DocumentRequest | None:
    fresh = sa.and_(DocumentRequest.state == READY, DocumentRequest.made_at > clock.now() - FRESH)
    rows = session.scalars(
        sa.select(DocumentRequest).where(
            DocumentRequest.person_id == actor.person_id,
            DocumentRequest.organization_id.is_not_distinct_from(actor.organization_id),
            DocumentRequest.kind == kind,
            sa.or_(DocumentRequest.state.in_(ACTIVE), fresh),
        )
    )
    return next((row for row in rows if find_wanted(session, row) == dict(wanted)), None)


def _check_room(session: PortalSession, actor: Owner) -> None:
    active = sa.select(sa.func.count()).select_from(DocumentRequest).where(DocumentRequest.state.in_(ACTIVE))
    if (session.scalar(active.where(DocumentRequest.person_id == actor.person_id)) or 0) >= PER_PERSON:
        raise QueueFull(own=True)
    if (session.scalar(active) or 0) >= IN_ALL:
        raise QueueFull(own=False)
    kept = sa.select(sa.func.sum(DocumentRequest.size)).where(DocumentRequest.person_id == actor.person_id)
    if (session.scalar(kept) or 0) >= settings().documents_kept_mb << 20:
        raise QueueFull(own=True, kept=True)


def find_wanted(session: PortalSession, request: DocumentRequest) -> dict[str, Any] | None:
    """What the document is to be about; None when it is kept no longer."""
    try:
        return find_kept(session, request, _kept_as(request.kind), request.wanted)
    except KeptGone:
        return None


def own_requests(session: PortalSession, actor: Owner) -> Sequence[DocumentRequest]:
    """The person's documents that have not expired, the newest first."""
    with scopes.whole(session, _OWN):
        return session.scalars(_own(actor).order_by(DocumentRequest.id.desc())).all()


def unseen(session: PortalSession, actor: Owner) -> Sequence[DocumentRequest]:
    """The person's documents that are made, or failed, and that they have not looked at since; the newest first."""
    ended = DocumentRequest.state.in_((READY, FAILED))
    with scopes.whole(session, _OWN):
        wanted = _own(actor).where(ended, DocumentRequest.seen_at.is_(None))
        return session.scalars(wanted.order_by(DocumentRequest.id.desc())).all()


def note_seen(session: PortalSession, request: DocumentRequest) -> bool:
    """The person sees how a document ended. Was it news?"""
    if request.state in ACTIVE or request.seen_at is not None:
        return False
    with scopes.whole(session, _OWN):
        request.seen_at = clock.now()
        session.flush()
    return True


def find_request(session: PortalSession, actor: Owner, document_id: int) -> DocumentRequest | None:
    """One of the person's documents; None when it is another's, expired, or none."""
    with scopes.whole(session, _OWN):
        return session.scalars(_own(actor).where(DocumentRequest.id == document_id)).one_or_none()


def _own(actor: Owner) -> sa.Select[DocumentRequest]:
    return sa.select(DocumentRequest).where(
        DocumentRequest.person_id == actor.person_id,
        DocumentRequest.organization_id.is_not_distinct_from(actor.organization_id),
        DocumentRequest.expires_at > clock.now(),
    )


def before_it(session: PortalSession, request: DocumentRequest) -> int:
    """How many documents of others and one's own are in line at all before this one, at most."""
    with scopes.whole(session, _OWN):
        earlier = sa.select(sa.func.count()).select_from(DocumentRequest)
        active = DocumentRequest.state.in_(ACTIVE)
        return session.scalar(earlier.where(active, DocumentRequest.id < request.id)) or 0


def ask_again(session: PortalSession, actor: Owner, request: DocumentRequest) -> None:
    """Put a document that failed back into line. Raises QueueFull."""
    with scopes.whole(session, _OWN):
        lock(session, "documents")
        session.refresh(request)
        if request.state != FAILED:
            return
        _check_room(session, actor)
        request.state, request.error, request.done, request.of, request.attempts = WAITING, "", 0, 0, 0
        request.seen_at = None
        session.flush()
        record(session, "document.requested", document=request.id, kind=request.kind)


def remove(session: PortalSession, request: DocumentRequest) -> None:
    """Take a document out of line, or throw the finished file away. A worker that is at it notices at its end."""
    with scopes.whole(session, _OWN):
        record(session, "document.removed", document=request.id, kind=request.kind)
        _forget(session, request)


def move_documents(session: PortalSession, person_id: int, organization_id: int) -> None:
    """Somebody belongs to another organization now: what they had asked for is theirs there, and made anew of what that one sees.
    Needs a whole scope."""
    lock(session, "documents")
    move_kept(session, person_id, organization_id)
    _move(session, person_id, Moved(person_id, organization_id))


def hand_over_documents(session: PortalSession, person_id: int, to: Owner) -> None:
    """The same for somebody who has a row in the other organization already: what they had asked for is that one's."""
    lock(session, "documents")
    hand_over_kept(session, person_id, to)
    _move(session, person_id, to)


def _move(session: PortalSession, person_id: int, to: Owner) -> None:
    rows = sa.select(DocumentRequest).where(
        DocumentRequest.person_id == person_id, DocumentRequest.organization_id.is_distinct_from(to.organization_id)
    )
    for request in session.scalars(rows.execution_options(populate_existing=True)).all():
        file_id, request.stored_file_id = request.stored_file_id, None
        request.person_id, request.organization_id, request.size = to.person_id, to.organization_id, None
        if request.state != FAILED:
            request.state, request.done, request.of, request.attempts, request.seen_at = WAITING, 0, 0, 0, None
            # A worker that is at it notices at its end.
            request.lease_token = request.leased_until = None
        session.flush()
        if file_id is not None:
            delete_stored(session, file_id)
        record(session, "document.moved", document=request.id, kind=request.kind)


def forget_expired(session: PortalSession) -> None:
    """Remove documents whose time is over, with their files. Needs a whole scope; the worker does it."""
    over = sa.select(DocumentRequest).where(DocumentRequest.expires_at <= clock.now())
    for request in session.scalars(over).all():
        _forget(session, request)


def forget_documents(session: PortalSession, kind: str, **about: Any) -> None:
    """Remove everybody's documents of a kind that are about this, finished or not: nobody may read them any more. Needs a whole
    scope."""
    for request in session.scalars(sa.select(DocumentRequest).where(DocumentRequest.kind == kind)).all():
        wanted = find_wanted(session, request) or {}
        if about.items() <= wanted.items():
            _forget(session, request)


def _forget(session: PortalSession, request: DocumentRequest) -> None:
    file_id, word = request.stored_file_id, request.wanted
    session.delete(request)
    session.flush()
    forget_kept(session, word)
    if file_id is not None:
        delete_stored(session, file_id)
