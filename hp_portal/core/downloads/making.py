"""The worker's part: makes the documents that wait, one at a time, in the scope of who asked for them.

One that takes minutes, such as many PDFs in a ZIP, gives way between its parts: after some seconds of its own, one small document
that waits is made before it goes on. Never are two being written at the same time, and what is begun stays where it is.
"""

from __future__ import annotations

import datetime as dt
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import structlog
from flask import current_app
from sqlalchemy.orm import aliased

from hp_portal import clock, scopes
from hp_portal.core.documents.limited import DocumentError, DocumentTooLarge, Progress
from hp_portal.core.downloads.kinds import find_kind, kinds
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.downloads.queue import ACTIVE, FAILED, MAKING, READY, find_wanted, keep_wanted, kept_for
from hp_portal.core.files.storing import receive_file
from hp_portal.core.kept.keeping import forget_kept
from hp_portal.core.leases.leasing import Lease, LeaseLost, release_lease, renew_lease, take_lease
from hp_portal.database import Database, PortalSession
from hp_portal.hookspecs import DocumentKind, MadeFile, Making
from hp_portal.scopes import OrganizationScope, WholeScope

log = structlog.get_logger(__name__)
STORED_AS = "document"
LEASE = dt.timedelta(minutes=10)
MOST_ATTEMPTS = 3
ROUND = dt.timedelta(minutes=15)
OWN_TURN = dt.timedelta(seconds=5)
"""So long a document of many parts is made before it gives way to another."""
GIVEN_UP = "Making it was begun three times and never came to an end. Tell us, and we will look into it."
GONE = "What it was to be about is no longer there, or no longer yours to see."
NOT_MADE = "It could not be made because of an error in the portal. Try again; if it fails again, tell us."
TOO_LARGE = "It is too large for one document."


def make_documents(session: PortalSession) -> None:
    """The job: make what waits first. One at a time, so that a worker that is told to stop ends with it. Commits as it goes."""
    make_next(session)


def make_next(session: PortalSession, *, small: bool = False) -> bool:
    """Make the next document, or the next `small` one, of a kind that takes no long time; False when none waits."""
    wanted = [DocumentRequest.state.in_(ACTIVE)]
    if small:
        wanted.append(DocumentRequest.kind.in_([kind.key for kind in kinds() if not kind.takes_long]))
    lease = take_lease(session, DocumentRequest, *wanted, lasts=LEASE, first=_fair())
    if lease is None:
        session.rollback()
        return False
    if lease.attempts > MOST_ATTEMPTS:
        release_lease(session, lease, state=FAILED, error=GIVEN_UP)
        session.commit()
        return True
    renew_lease(session, lease, LEASE, state=MAKING, done=0, of=0)
    session.commit()
    others = _Others(lease)
    try:
        _make(session, lease, others.let_through)
    except LeaseLost:
        # Taken out of line meanwhile, or another worker's by now: what was made is nobody's.
        session.rollback()
    if others.failed:
        raise others.failed[0]
    return True


class _Others:
    """Those who wait while one document of many parts is made. What fails of theirs is told at its end, not to it."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._since = time.monotonic()
        self.failed: list[Exception] = []

    def let_through(self) -> None:
        """Make one small document, if the other has had its turn. Raises LeaseLost when nobody waits for that any more."""
        if time.monotonic() - self._since < OWN_TURN.total_seconds():
            return
        database: Database = current_app.extensions["hp_portal.database"]
        with database.new_session(WholeScope("a document between the parts of another")) as session:
            renew_lease(session, self._lease, LEASE)
            session.commit()
            try:
                make_next(session, small=True)
            except Exception as error:  # whatever it is, it is not the fault of the document that gives way
                session.rollback()
                self.failed.append(error)
        self._since = time.monotonic()


def _fair() -> sa.ColumnElement[int]:
    """Whose turn it is: everybody's first document within a quarter of an hour before anybody's second."""
    before = aliased(DocumentRequest)
    turn = (
        sa.select(sa.func.count())
        .select_from(before)
        .where(
            before.person_id == DocumentRequest.person_id,
            before.id < DocumentRequest.id,
            before.requested_at > clock.now() - ROUND,
        )
        .correlate(DocumentRequest)
        .scalar_subquery()
    )
    return turn * sa.literal(1 << 48) + DocumentRequest.id


def _make(session: PortalSession, lease: Lease, give_way: Callable[[], None]) -> None:
    request = session.get_one(DocumentRequest, lease.id, populate_existing=True)
    kind, wanted = find_kind(request.kind), find_wanted(session, request)
    if kind is None or wanted is None:
        _fail(session, lease, GONE)
        return
    try:
        with _as_owner(session, request):
            made = kind.make(session, wanted, Making(at_once=False, progress=_progress(lease), give_way=give_way))
    except DocumentTooLarge as error:
        log.warning("document.too-large", kind=kind.key, document=request.id, said=str(error))
        _fail(session, lease, f"{TOO_LARGE} {kind.instead}".strip())
    except DocumentError as error:
        log.error("document.failed", kind=kind.key, document=request.id, said=str(error))
        _fail(session, lease, NOT_MADE)
    except (LeaseLost, sa.exc.OperationalError):
        session.rollback()
        raise
    except Exception:
        _fail(session, lease, NOT_MADE)
        raise
    else:
        _keep(session, lease, kind, made)


def _keep(session: PortalSession, lease: Lease, kind: DocumentKind, made: MadeFile | None) -> None:
    if made is None:
        _fail(session, lease, GONE)
        return
    session.rollback()  # what was read is read; the file is stored in a transaction of its own
    renew_lease(session, lease, LEASE)
    owner = session.get_one(DocumentRequest, lease.id, populate_existing=True)
    with io.BytesIO(made.body) if isinstance(made.body, bytes) else made.body as body:
        stored = receive_file(session, body, made.name, owner=owner, kind=STORED_AS)
    wanted = owner.wanted
    if made.contents is not None:
        forget_kept(session, wanted)
        wanted = keep_wanted(session, owner, kind.key, made.contents)
    now = clock.now()
    release_lease(
        session,
        lease,
        state=READY,
        wanted=wanted,
        stored_file_id=stored.id,
        size=stored.size,
        left_out="\n".join(made.left_out),
        content_type=made.content_type,
        made_at=now,
        expires_at=now + kept_for(),
    )
    session.commit()
    log.info("document.made", kind=kind.key, document=lease.id, size=stored.size)


@contextmanager
def _as_owner(session: PortalSession, request: DocumentRequest) -> Iterator[None]:
    """See what the person who asked may see, for the length of a block."""
    before = session.context.scope
    if request.organization_id is None:
        scopes.set_scope(session, WholeScope("a document of the payer's staff"))
    else:
        scopes.set_scope(session, OrganizationScope(request.organization_id))
    try:
        yield
    finally:
        scopes.set_scope(session, before or WholeScope("documents"))


def _progress(lease: Lease) -> Progress:
    """Tells those who wait, in a session of its own. Raises LeaseLost: nobody waits any more."""
    database: Database = current_app.extensions["hp_portal.database"]

    def tell(done: int, of: int) -> None:
        with database.new_session(WholeScope("progress of a document")) as session:
            renew_lease(session, lease, LEASE, done=done, of=of)
            session.commit()

    return tell


def _fail(session: PortalSession, lease: Lease, error: str) -> None:
    session.rollback()
    release_lease(session, lease, state=FAILED, error=error[:300])
    session.commit()
