"""The worker's part: has the files that wait looked at for viruses, and cleaned.

Nothing is given out before both are done. When the scanner does not answer, files wait for it, longer each time; a file
that ends the process which opens it, or with which the scanner comes to no end, is tried three times, and then the staff's.
"""

from __future__ import annotations

import datetime as dt
import io

import sqlalchemy as sa
import structlog

from hp_portal import clock
from hp_portal.core.attachments.attaching import NAMELESS, STORED_AS
from hp_portal.core.attachments.cleaning import clean_apart
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.refused import Refused
from hp_portal.core.attachments.scanning import NotScanned, ScannerAway, ScannerSlow, find_virus
from hp_portal.core.attachments.states import DAMAGED, FAILED, QUARANTINED, READY, REFUSED, WAITING
from hp_portal.core.audit.record import record
from hp_portal.core.documents.limited import DocumentError, DocumentKilled
from hp_portal.core.files.storing import find_stored, open_stored, receive_file
from hp_portal.core.leases.leasing import Lease, LeaseLost, release_lease, renew_lease, take_leases
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.file_store import StoreAway
from hp_portal.session import Who
from hp_portal.vault import SealBroken

log = structlog.get_logger(__name__)
LEASE = dt.timedelta(minutes=10)
AT_A_TIME = 10
MOST_ATTEMPTS = 3
RETRY, LONGEST_RETRY = dt.timedelta(seconds=20), dt.timedelta(minutes=10)
"""How long a file waits for the scanner: at first, doubled each time, and at most."""
GIVEN_UP = "Looking at it was begun three times and never came to an end."
_OWN_EVENTS = {QUARANTINED: "attachment.file.quarantined", REFUSED: "attachment.file.refused"}
NO_SCANNER = "A virus was found in it before, and no virus scanner is set up now."


def check_files(session: PortalSession) -> None:
    """The job: look at some of the files that wait, the oldest first. Commits as it goes."""
    for _ in range(AT_A_TIME):
        if not check_next(session):
            return


def _due() -> tuple[sa.ColumnElement[bool], ...]:
    return AttachedFile.state == WAITING, sa.or_(AttachedFile.retry_at.is_(None), AttachedFile.retry_at <= clock.now())


def check_next(session: PortalSession) -> bool:
    """Look at the next file that waits, new ones first; False when none does, or what is needed is away."""
    first = (AttachedFile.retry_at.asc().nulls_first(), AttachedFile.id)
    leases = take_leases(session, AttachedFile, *_due(), lasts=LEASE, most=1, first=first)
    if not leases:
        session.rollback()
        return False
    session.commit()
    [lease] = leases
    try:
        if lease.attempts > MOST_ATTEMPTS:
            _end(session, lease, state=FAILED, found=GIVEN_UP)
        else:
            _check(session, lease)
    except ScannerSlow as error:
        _too_slow(session, lease, str(error))
        return False
    except ScannerAway as error:
        _wait(session, lease, str(error))
        return False
    except StoreAway as error:
        session.rollback()
        _wait(session, lease, f"The store of files does not answer: {error}.")
        return False
    except LeaseLost:
        # Taken away meanwhile, or another worker's by now.
        session.rollback()
    return True


def _check(session: PortalSession, lease: Lease) -> None:
    row = session.get_one(AttachedFile, lease.id, populate_existing=True)
    kind, owner = row.kind, row
    held, found = row.quarantined_at, row.found
    try:
        body = _body(session, row)
    except SealBroken as error:
        log.error("attachment.damaged", file=lease.id, said=str(error))
        _end(session, lease, state=FAILED, found=DAMAGED)
        return
    session.rollback()  # what was read is read: no transaction is open while others work on it
    scanner = settings().scanner
    scanned = False
    try:
        virus = find_virus(scanner, body) if scanner else ""
        scanned = scanner is not None
        if virus or (held and not scanned):
            virus = virus or found or NO_SCANNER
            _end(session, lease, scanned=scanned, state=QUARANTINED, found=virus[:500], quarantined_at=clock.now())
            return
        given_as, cleaned = clean_apart(kind, body)
    except NotScanned as error:
        _end(session, lease, state=FAILED, found=str(error)[:500])
    except Refused as error:
        _end(session, lease, scanned=scanned, state=REFUSED, why=str(error))
    except DocumentKilled as error:
        log.error("attachment.killed", file=lease.id, kind=kind, said=str(error))
        if lease.attempts >= MOST_ATTEMPTS:
            _end(session, lease, scanned=scanned, state=FAILED, found=str(error)[:500])
            return
        # As if this worker had ended with it: tried again when the lease has run out.
        renew_lease(session, lease, RETRY)
        session.commit()
    except DocumentError as error:
        log.error("attachment.not-opened", file=lease.id, kind=kind, said=str(error))
        _end(session, lease, scanned=scanned, state=FAILED, found=str(error)[:500])
    else:
        renew_lease(session, lease, LEASE)
        owner = session.get_one(AttachedFile, lease.id, populate_existing=True)
        cleaned_id = owner.original_id
        if cleaned is not None:
            with io.BytesIO(cleaned) as stream:
                stored = receive_file(session, stream, NAMELESS, owner=owner, kind=STORED_AS)
            cleaned_id = stored.id
        # What the first bytes left open is known by now.
        settled = given_as if cleaned is None else kind
        _end(session, lease, scanned=scanned, state=READY, kind=settled, given_as=given_as, cleaned_id=cleaned_id)


def _body(session: PortalSession, row: AttachedFile) -> bytes:
    stored = find_stored(session, row.original_id, STORED_AS)
    if stored is None:
        raise SealBroken(f"stored file {row.original_id} is missing")
    return open_stored(session, stored).read()


def _later(pauses: int) -> dt.datetime:
    return clock.now() + min(RETRY * (1 << min(pauses, 10)), LONGEST_RETRY)


def _wait(session: PortalSession, lease: Lease, said: str) -> None:
    """For the scanner or the store, as all that would be looked at now; that is nobody's attempt."""
    log.warning("attachment.waits", file=lease.id, said=said)
    row = session.get(AttachedFile, lease.id, populate_existing=True)
    if row is None:  # taken away meanwhile
        session.rollback()
        return
    waits = {"retry_at": _later(row.pauses), "pauses": AttachedFile.pauses + 1}
    try:
        release_lease(session, lease, attempts=lease.attempts - 1, found=_kept(row) or said[:500], **waits)
    except LeaseLost:
        session.rollback()
        return
    free = sa.or_(AttachedFile.leased_until.is_(None), AttachedFile.leased_until < clock.now())
    others = sa.update(AttachedFile).where(*_due(), free, AttachedFile.quarantined_at.is_(None))
    session.execute(others.values(found=said[:500], **waits).execution_options(synchronize_session=False))
    session.commit()


def _too_slow(session: PortalSession, lease: Lease, said: str) -> None:
    """The scanner came to no end with it: an attempt, of which it has three."""
    log.warning("attachment.scanner-slow", file=lease.id, said=said)
    try:
        if lease.attempts >= MOST_ATTEMPTS:
            _end(session, lease, state=FAILED, found=said[:500])
            return
        row = session.get(AttachedFile, lease.id, populate_existing=True)
        if row is None:
            raise LeaseLost
        later = _later(row.pauses)
        release_lease(session, lease, retry_at=later, pauses=row.pauses + 1, found=_kept(row) or said[:500])
        session.commit()
    except LeaseLost:
        session.rollback()


def _kept(row: AttachedFile) -> str:
    """What is known of a virus stays known."""
    return row.found if row.quarantined_at is not None else ""


def _end(session: PortalSession, lease: Lease, *, scanned: bool = False, **values: object) -> None:
    """The file is looked at, and for a virus too if it was `scanned` to its end. Raises LeaseLost."""
    ended = {"why": "", "found": "", "retry_at": None, "checked_at": clock.now(), **values}
    release_lease(session, lease, **ended)
    row = session.get_one(AttachedFile, lease.id, populate_existing=True)
    more = {"found": row.found} if row.state == QUARANTINED else {}
    if row.state not in _OWN_EVENTS:
        more["state"] = row.state
    whose, event = Who(organization_id=row.organization_id), _OWN_EVENTS.get(row.state, "attachment.file.checked")
    record(session, event, who=whose, file=row.id, about=row.about, kind=row.kind, scanned=scanned, **more)
    log.info("attachment.checked", file=row.id, kind=row.kind, state=row.state)
    session.commit()
