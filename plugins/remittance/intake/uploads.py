"""Files that staff upload: kept sealed in the database, so that any worker can import them, until they are imported.

A worker takes an upload with a lease and reads it through first, saying how far it is; then it imports it in one
transaction, which also removes the pieces and says that it is done. A worker that dies leaves the lease, and the upload is
taken up again when the lease has run out.
"""

from __future__ import annotations

import datetime as dt
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Job, PortalSession

from ..keys import plain
from ..models import Upload, UploadChunk
from ..x12.reader import read
from ..x12.records import FileSummary
from .importing import LOCK, import_file
from .loading import CannotStore

WAITING, READING, SAVING, DONE, FAILED = "waiting", "reading", "saving", "done", "failed"
ACTIVE = (WAITING, READING, SAVING)
PURPOSE = "remittance upload"
CHUNK = 1 << 20
READING_LEASE = dt.timedelta(minutes=2)
SAVING_LEASE = dt.timedelta(minutes=15)
MOST_ATTEMPTS = 5
GIVEN_UP = "The import was begun five times and never came to an end. Nothing was stored. Tell whoever runs the portal."
FAILED_SHOWN = dt.timedelta(days=7)
_LEVEL = 1
_NAME_LENGTH = 300
_STEP = dt.timedelta(milliseconds=500)


class LeaseLost(Exception):
    """Another worker has taken the upload over."""


@dataclass
class Held:
    """An upload that this worker holds, and until when: the time is what tells its lease from another's."""

    id: int
    name: str
    size: int
    person_id: int
    leased_until: dt.datetime | None


def receive(session: PortalSession, stream: BinaryIO, name: str, person_id: int) -> Upload:
    """Keep a file for the worker, piece by piece. Records the audit event; commits nothing."""
    upload = Upload(
        name=plain(name)[:_NAME_LENGTH],
        size=0,
        uploaded_at=api.now(),
        uploaded_by_id=person_id,
        state=WAITING,
        bytes_read=0,
        attempts=0,
        payments_read=0,
    )
    session.add(upload)
    session.flush()
    position = 0
    while piece := stream.read(CHUNK):
        sealed = session.vault.seal(zlib.compress(piece, _LEVEL), PURPOSE)
        values = {"upload_id": upload.id, "position": position, "sealed": sealed}
        session.execute(sa.insert(UploadChunk), values)
        upload.size += len(piece)
        position += 1
    api.record(session, "remittance.file.uploaded", upload=upload.id, size=upload.size)
    return upload


class KeptStream(io.RawIOBase):
    """An upload as a stream: one piece in memory at a time."""

    def __init__(self, session: PortalSession, upload_id: int) -> None:
        self._session = session
        self._upload_id = upload_id
        self._position = 0
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to a piece of the file, whatever `size` asks beyond that; empty at its end."""
        if not self._rest:
            self._rest = self._next()
        taken, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return taken

    def _next(self) -> bytes:
        sealed = self._session.scalar(
            sa.select(UploadChunk.sealed).where(
                UploadChunk.upload_id == self._upload_id, UploadChunk.position == self._position
            )
        )
        self._position += 1
        return b"" if sealed is None else zlib.decompress(self._session.vault.open(sealed, PURPOSE))


def import_uploads(session: PortalSession) -> None:
    """The worker's job: import the oldest upload that waits, if there is one. Commits as it goes."""
    held = take(session)
    if held is None:
        return
    try:
        read_through(session, held)
        save(session, held)
    except LeaseLost:
        session.rollback()
    except Exception as error:
        session.rollback()
        # When the database was away or busy the upload keeps its lease and is tried again after that has run out.
        if not (isinstance(error, sa.exc.OperationalError) or (isinstance(error, CannotStore) and error.passing)):
            _fail(session, held, error)
        raise


def take(session: PortalSession) -> Held | None:
    """Lease the oldest upload that waits, or whose worker has not been heard of since its lease ran out. Commits."""
    now = api.now()
    left_behind = sa.and_(Upload.state.in_((READING, SAVING)), Upload.leased_until < now)
    oldest = sa.select(Upload.id).where(sa.or_(Upload.state == WAITING, left_behind)).order_by(Upload.id).limit(1)
    if session.scalar(oldest) is None:
        session.rollback()
        return None
    api.lock(session, "remittance uploads")
    # A worker that imports for longer than its lease still holds the row: it is not dead, and need not be waited for.
    upload_id = session.scalar(oldest.with_for_update(skip_locked=True))
    if upload_id is None:
        session.rollback()
        return None
    upload = session.get_one(Upload, upload_id, populate_existing=True)
    if upload.attempts == MOST_ATTEMPTS:
        upload.state, upload.leased_until, upload.error = FAILED, None, GIVEN_UP
        session.execute(sa.delete(UploadChunk).where(UploadChunk.upload_id == upload.id))
        session.commit()
        return None
    upload.attempts += 1
    upload.state, upload.leased_until = READING, now + READING_LEASE
    upload.bytes_read = upload.payments_read = 0
    held = Held(upload.id, upload.name, upload.size, upload.uploaded_by_id, upload.leased_until)
    session.commit()
    return held


def read_through(session: PortalSession, held: Held) -> None:
    """Read the upload once without storing anything, so that people see how far it is; small commits."""
    shown, payments = api.now(), 0
    for bytes_read, payments in _progress(KeptStream(session, held.id)):
        now = api.now()
        if now - shown >= _STEP:
            shown = now
            _renew(session, held, now + READING_LEASE, bytes_read=bytes_read, payments_read=payments)
            session.commit()
    _renew(session, held, api.now() + SAVING_LEASE, state=SAVING, bytes_read=held.size, payments_read=payments)
    session.commit()


def _progress(stream: KeptStream) -> Iterator[tuple[int, int]]:
    """Bytes and payments read, after each payment and at the end."""
    payments = 0
    for found in read(cast(BinaryIO, stream)):
        if isinstance(found, FileSummary):
            yield found.size, payments
        else:
            payments += found.importable
            yield found.offset + len(found.raw), payments


def save(session: PortalSession, held: Held) -> None:
    """Import, and say that it is done, in one transaction. Raises LeaseLost when another worker has taken over."""
    api.lock(session, LOCK)
    _renew(session, held, held.leased_until)
    stream = cast(BinaryIO, KeptStream(session, held.id))
    report = import_file(session, stream, held.name, person_id=held.person_id)
    _renew(session, held, None, state=DONE, file_id=report.file_id)
    session.execute(sa.delete(UploadChunk).where(UploadChunk.upload_id == held.id))
    session.commit()


def _renew(session: PortalSession, held: Held, leased_until: dt.datetime | None, **values: object) -> None:
    """Change the upload if its lease is still this worker's. Raises LeaseLost."""
    changed = session.execute(
        sa.update(Upload)
        .where(Upload.id == held.id, Upload.leased_until == held.leased_until)
        .values(leased_until=leased_until, **values),
        execution_options={"synchronize_session": False},
    )
    if cast("sa.CursorResult[object]", changed).rowcount != 1:
        raise LeaseLost
    held.leased_until = leased_until


def _fail(session: PortalSession, held: Held, error: Exception) -> None:
    # The kind of error only: its text may quote the file.
    text = f"{type(error).__name__}. Please upload the file again; if it fails again, tell whoever runs the portal."
    try:
        _renew(session, held, None, state=FAILED, error=text)
    except LeaseLost:
        session.rollback()
        return
    session.execute(sa.delete(UploadChunk).where(UploadChunk.upload_id == held.id))
    session.commit()


JOB = Job(
    "remittance.import-uploads", "Import uploaded remittances", dt.timedelta(seconds=2), import_uploads, lane="long"
)
