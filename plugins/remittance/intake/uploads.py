"""Files that staff upload: stored sealed, so that any worker can import them, until they are imported.

A worker takes an upload with a lease and imports it in steps, saying in each how far it is; the last one also removes the file
and says that it is done. A worker that dies leaves the lease, and the upload is taken up again when the lease has run out.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import BinaryIO

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import FileOwner, Job, Lease, LeaseLost, PortalSession

from ..keys import plain
from .importing import import_in_steps
from .loading import CannotStore
from .models import Upload
from .reports import ImportReport
from .statistics import refresh_after
from .steps import LEASE, Busy

WAITING, SAVING, DONE, FAILED = "waiting", "saving", "done", "failed"
ACTIVE = (WAITING, SAVING, "reading")  # the last one: by an earlier version
KIND = "remittance upload"
MOST_ATTEMPTS = 5
GIVEN_UP = "The import was begun five times and never came to an end. Nothing was stored. Tell whoever runs the portal."
FAILED_SHOWN = dt.timedelta(days=7)


@dataclass
class Held:
    """An upload that this worker holds."""

    id: int
    name: str
    size: int
    person_id: int
    file_id: int
    lease: Lease


def receive(session: PortalSession, stream: BinaryIO, name: str, owner: FileOwner) -> Upload:
    """Keep a file for the worker. Records the audit event; commits nothing."""
    stored = api.receive_file(session, stream, name, owner=owner, kind=KIND)
    upload = Upload(
        name=plain(stored.name),
        size=stored.size,
        uploaded_at=stored.stored_at,
        uploaded_by_id=owner.person_id,
        state=WAITING,
        bytes_read=0,
        payments_read=0,
        stored_file_id=stored.id,
    )
    session.add(upload)
    session.flush()
    api.record(session, "remittance.file.uploaded", upload=upload.id, size=upload.size)
    return upload


def import_uploads(session: PortalSession) -> None:
    """The worker's job: import the oldest upload that waits, if there is one. Commits as it goes."""
    held = take(session)
    if held is None:
        return
    try:
        save(session, held)
    except Busy:
        # Nothing was done: another import goes on, and this one waits for it.
        session.rollback()
        api.release_lease(session, held.lease, state=WAITING, attempts=held.lease.attempts - 1)
        session.commit()
    except LeaseLost:
        session.rollback()
    except api.StoreAway:
        # Nothing was done: the upload waits until its file can be read, and whoever looks at the jobs sees why.
        session.rollback()
        api.release_lease(session, held.lease, state=WAITING, attempts=held.lease.attempts - 1)
        session.commit()
        raise
    except Exception as error:
        session.rollback()
        # When the database was away or busy the upload keeps its lease and is tried again after that has run out.
        if not (isinstance(error, sa.exc.OperationalError) or (isinstance(error, CannotStore) and error.passing)):
            _fail(session, held, error)
        raise


def take(session: PortalSession) -> Held | None:
    """Lease the oldest upload that waits, or whose worker has not been heard of since its lease ran out. Commits."""
    lease = api.take_lease(session, Upload, Upload.state.in_(ACTIVE), lasts=LEASE)
    if lease is None:
        session.rollback()
        return None
    upload = session.get_one(Upload, lease.id, populate_existing=True)
    if lease.attempts > MOST_ATTEMPTS or upload.stored_file_id is None:
        _end(session, lease, upload.stored_file_id, state=FAILED, error=GIVEN_UP)
        session.commit()
        return None
    api.renew_lease(session, lease, LEASE, state=SAVING, bytes_read=0, payments_read=0)
    held = Held(upload.id, upload.name, upload.size, upload.uploaded_by_id, upload.stored_file_id, lease)
    session.commit()
    return held


def _end(session: PortalSession, lease: Lease, stored_id: int | None, **values: object) -> None:
    """Give the upload back for good: its file is needed no longer. Raises LeaseLost."""
    api.release_lease(session, lease, stored_file_id=None, **values)
    if stored_id is not None:
        api.delete_stored(session, stored_id)


def open_file(session: PortalSession, file_id: int) -> BinaryIO:
    """The uploaded file as a stream. Raises SealBroken, also while it is read."""
    stored = api.find_stored(session, file_id, KIND)
    if stored is None:
        raise api.SealBroken(f"stored file {file_id} is missing")
    return api.open_stored(session, stored)


def save(session: PortalSession, held: Held) -> None:
    """Import; the last transaction says that it is done. Raises LeaseLost when another worker has taken over, and Busy."""

    def on_step(bytes_read: int, payments: int) -> None:
        api.renew_lease(session, held.lease, LEASE, bytes_read=bytes_read, payments_read=payments)

    def at_the_end(report: ImportReport) -> None:
        _end(session, held.lease, held.file_id, state=DONE, file_id=report.file_id)

    api.renew_lease(session, held.lease, LEASE)
    session.commit()
    report = import_in_steps(
        session,
        open_file(session, held.file_id),
        held.name,
        size=held.size,
        person_id=held.person_id,
        on_step=on_step,
        at_the_end=at_the_end,
    )
    refresh_after(session, report)


def _fail(session: PortalSession, held: Held, error: Exception) -> None:
    # The kind of error only: its text may quote the file.
    text = f"{type(error).__name__}. Please upload the file again; if it fails again, tell whoever runs the portal."
    try:
        _end(session, held.lease, held.file_id, state=FAILED, error=text)
    except LeaseLost:
        session.rollback()
        return
    session.commit()


JOB = Job(
    "remittance.import-uploads", "Import uploaded remittances", dt.timedelta(seconds=2), import_uploads, lane="long"
)
