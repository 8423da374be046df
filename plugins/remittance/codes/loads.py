"""Code lists that staff upload: kept sealed until the worker has loaded them, so that no page waits for a large file.

A worker takes one with a lease, reads it through, and puts it in the place of what was loaded in one transaction, which also says
what came of it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import BinaryIO

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import FileOwner, Job, Lease, LeaseLost, PortalSession

from ..keys import plain
from . import lists
from .models import CodeUpload

WAITING, READING, DONE, FAILED = "waiting", "reading", "done", "failed"
ACTIVE = (WAITING, READING)
KIND = "remittance code list"
LEASE = dt.timedelta(minutes=5)
MOST_ATTEMPTS = 3
SHOWN = dt.timedelta(days=7)
GIVEN_UP = (
    "Loading it was begun three times and never came to an end. Nothing was loaded. Tell whoever runs the portal."
)
NOT_LOADED = "An error in the portal kept it from being loaded. Upload it again; if it fails again, tell whoever runs the portal."
_STEP = dt.timedelta(milliseconds=500)


def receive(session: PortalSession, stream: BinaryIO, name: str, list_name: str, owner: FileOwner) -> CodeUpload:
    """Keep a file for the worker. Raises UnusableList for a file that is too large; commits nothing."""
    try:
        stored = api.receive_file(session, stream, name, owner=owner, kind=KIND, most=lists.MOST_BYTES)
    except api.FileTooLarge:
        session.rollback()
        raise lists.UnusableList(lists.TOO_LARGE) from None
    upload = CodeUpload(
        list=list_name,
        name=plain(stored.name),
        uploaded_at=stored.stored_at,
        uploaded_by_id=owner.person_id,
        state=WAITING,
        rows_read=0,
        stored_file_id=stored.id,
    )
    session.add(upload)
    session.flush()
    api.record(session, "remittance.codes.uploaded", list=list_name, size=stored.size)
    return upload


def recent_loads(session: PortalSession) -> Sequence[CodeUpload]:
    """What is on its way, and what came of those of the last days, the newest first."""
    lately = CodeUpload.uploaded_at > api.now() - SHOWN
    wanted = sa.select(CodeUpload).where(sa.or_(CodeUpload.state.in_(ACTIVE), lately))
    return session.scalars(wanted.order_by(CodeUpload.id.desc()).limit(20)).all()


def errors_of(upload: CodeUpload) -> list[str]:
    """Why it could not be loaded, a line for each reason."""
    found: list[str] = json.loads(upload.errors or "[]")
    return found


def load_uploads(session: PortalSession) -> None:
    """The worker's job: load the oldest list that waits, if there is one. Commits as it goes."""
    lease = api.take_lease(session, CodeUpload, CodeUpload.state.in_(ACTIVE), lasts=LEASE)
    if lease is None:
        session.rollback()
        return
    upload = session.get_one(CodeUpload, lease.id, populate_existing=True)
    if lease.attempts > MOST_ATTEMPTS or upload.stored_file_id is None:
        _end(session, lease, upload.stored_file_id, FAILED, errors=json.dumps([GIVEN_UP]))
        session.commit()
        return
    api.renew_lease(session, lease, LEASE, state=READING, rows_read=0)
    list_name, name, file_id, person_id = upload.list, upload.name, upload.stored_file_id, upload.uploaded_by_id
    session.commit()
    try:
        _load(session, lease, list_name, name, file_id, person_id)
    except LeaseLost:
        session.rollback()
    except lists.UnusableList as error:
        _fail(session, lease, file_id, error.errors)
    except (sa.exc.OperationalError, api.StoreAway):
        session.rollback()  # tried again when the lease has run out
        raise
    except Exception:
        _fail(session, lease, file_id, (NOT_LOADED,))
        raise


def _load(session: PortalSession, lease: Lease, list_name: str, name: str, file_id: int, person_id: int) -> None:
    stored = api.find_stored(session, file_id, KIND)
    if stored is None:
        raise lists.UnusableList("The uploaded file is no longer there. Upload it again.")
    rows = lists.read_list(api.open_stored(session, stored), name, _progress(session, lease))
    who = api.Who(person_id=person_id)
    report = lists.load_list(session, list_name, rows, name, who=who)
    said = (
        f"{api.show_count(report.rows, 'row')} loaded ({report.added:,} new, {report.changed:,} changed, "
        f"{report.removed:,} no longer there)."
    )
    _end(session, lease, file_id, DONE, rows_read=report.rows, report=said)
    session.commit()


def _progress(session: PortalSession, lease: Lease) -> Callable[[int], None]:
    """Says from time to time how many rows have been read; small commits, before anything is changed."""
    shown = api.now()

    def tell(rows: int) -> None:
        nonlocal shown
        if api.now() - shown >= _STEP:
            shown = api.now()
            api.renew_lease(session, lease, LEASE, rows_read=rows)
            session.commit()

    return tell


def _end(session: PortalSession, lease: Lease, file_id: int | None, state: str, **values: object) -> None:
    """Give the upload back for good: its file is needed no longer. Raises LeaseLost."""
    api.release_lease(session, lease, state=state, stored_file_id=None, **values)
    if file_id is not None:
        api.delete_stored(session, file_id)


def _fail(session: PortalSession, lease: Lease, file_id: int, errors: Sequence[str]) -> None:
    session.rollback()
    try:
        _end(session, lease, file_id, FAILED, errors=json.dumps(list(errors)))
    except LeaseLost:
        session.rollback()
        return
    session.commit()


JOB = Job("remittance.load-code-lists", "Load uploaded code lists", dt.timedelta(seconds=2), load_uploads, lane="long")
