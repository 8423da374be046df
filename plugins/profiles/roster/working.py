"""The worker's part: reads a roster that waits and compares it with the record.

A worker that dies leaves its lease, and the roster is read anew when that has run out. Giving up takes the lease away.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import (
    Job,
    Lease,
    LeaseLost,
    PortalSession,
    delete_stored,
    of_organization,
    release_lease,
    renew_lease,
    settings,
    sheets,
    take_lease,
    today,
)

from ..loading.specialties import specialty_words
from ..record.facts import holding, in_parts
from .comparing import Comparison, Wish, compare
from .layout import make_layout
from .models import CAN_BE_SENT, CANCELED, COLUMNS, FAILED, READY, WAITING, RosterRow, RosterUpload
from .rows import Compared, pack_differences
from .standing import load_standing
from .uploads import STORED_AS

LEASE = dt.timedelta(minutes=5)
MOST_ATTEMPTS = 3
KEPT = dt.timedelta(days=60)
GIVEN_UP = "Comparing it was begun three times and never came to an end. Tell us, and we will look into it."
DAMAGED = "The file that was sent can no longer be read. Send it again."
FAILED_WORDS = "It could not be compared because of an error in the portal. Try again; if it fails again, tell us."
EMPTY = "The table has headings, and no row below them."
KNOWN_ELSEWHERE = (
    "NPI {npi} is on record already, and not at a location of yours. Our staff decide whether it is the same person."
)
_SAMPLE_ROWS, _AT_ONCE = 60, 500


@dataclass(frozen=True)
class _Sender:
    person_id: int
    organization_id: int


def compare_rosters(session: PortalSession) -> None:
    """The job: compare the roster that waits longest. Commits as it goes."""
    lease = take_lease(session, RosterUpload, RosterUpload.state == WAITING, lasts=LEASE)
    if lease is None:
        session.rollback()
        return
    if lease.attempts > MOST_ATTEMPTS:
        release_lease(session, lease, state=FAILED, error=GIVEN_UP)
        session.commit()
        return
    session.commit()
    try:
        _compare(session, lease)
    except LeaseLost:
        session.rollback()
    except sheets.UnreadableSheet as error:
        _fail(session, lease, str(error))
    except api.SealBroken:
        _fail(session, lease, DAMAGED)
    except (sa.exc.OperationalError, api.StoreAway):
        # Nothing was done: it is tried again when the lease has run out.
        session.rollback()
        raise
    except Exception:
        _fail(session, lease, FAILED_WORDS)
        raise


def _fail(session: PortalSession, lease: Lease, words: str) -> None:
    session.rollback()
    try:
        release_lease(session, lease, state=FAILED, error=words[:500])
        session.commit()
    except LeaseLost:
        session.rollback()


def stored_body(session: PortalSession, upload: RosterUpload) -> bytes:
    """The file as it was sent. Raises SealBroken."""
    stored = api.find_stored(session, upload.stored_file_id, STORED_AS)
    if stored is None:
        raise api.SealBroken(f"stored file {upload.stored_file_id} is missing")
    with api.open_stored(session, stored) as body:
        return body.read()


def _compare(session: PortalSession, lease: Lease) -> None:
    upload = session.get_one(RosterUpload, lease.id, populate_existing=True)
    sender = _Sender(upload.person_id, upload.organization_id)
    name, sheet, effective_on, complete_on = upload.name, upload.sheet, upload.effective_on, upload.complete_on
    body, words = stored_body(session, upload), specialty_words(session)
    session.rollback()  # no transaction is open while the file is read
    layout = make_layout(words)
    read = sheets.read_sheet(body, layout, sheets.LARGE_SHEET, sheet=sheet)
    with of_organization(session, sender.organization_id):
        columns = sheets.columns_of(session, sender.organization_id, layout, read)
    sample = replace(read, rows=read.rows[:_SAMPLE_ROWS])
    asked = columns.doubts or read.others
    table = sheets.keep_sheet(session, sender, layout, name, sample).token if asked else ""
    if columns.doubts:
        release_lease(session, lease, state=COLUMNS, table=table)
        session.commit()
        return
    renew_lease(session, lease, LEASE, table=table)
    session.commit()
    mapping = columns.mapping
    rows = list(sheets.check_rows(read, layout, mapping))
    if not rows:
        raise sheets.UnreadableSheet(EMPTY)
    notes = sheets.reading_notes(read, mapping, remembered=columns.remembered)
    del read, body, sample
    _tell(session, lease, 0, len(rows))
    with of_organization(session, sender.organization_id):
        standing = load_standing(session, today(settings().payer.zone))
    session.rollback()
    wish = Wish(layout, effective_on, complete_on)

    def progress(done: int) -> None:
        if done % _AT_ONCE == 0:
            _tell(session, lease, done, len(rows))

    found = compare(standing, rows, wish, progress)
    _doubt(session, found)
    _keep(session, lease, sender.organization_id, found, notes=[*notes, *found.notes], head=mapping.head)


def _tell(session: PortalSession, lease: Lease, done: int, total: int) -> None:
    renew_lease(session, lease, LEASE, done=done, total=total)
    session.commit()


def _doubt(session: PortalSession, found: Comparison) -> None:
    """Say of whom the record knows the NPI elsewhere; nothing else is told. In a whole scope."""
    new = {row.npi for row in found.rows if (row.practitioner_id or 0) < 0}
    known: set[str] = set()
    ordered = sorted(new)
    for part in in_parts(range(len(ordered))):
        npis = [ordered[place] for place in part]
        statement = holding("practitioner", "npi", today(settings().payer.zone), value=npis)
        known |= {value for _, _, value in session.execute(statement)}
    for row in found.rows:
        if row.npi in known and (row.practitioner_id or 0) < 0:
            row.doubts.append(KNOWN_ELSEWHERE.format(npi=row.npi))


def _keep(
    session: PortalSession, lease: Lease, organization_id: int, found: Comparison, *, notes: list[str], head: int
) -> None:
    """Rows and state in one transaction: a worker that dies leaves nothing half."""
    renew_lease(session, lease, LEASE)
    session.execute(sa.delete(RosterRow).where(RosterRow.roster_id == lease.id))
    rows = [row_values(lease.id, organization_id, row) for row in found.rows]
    for start in range(0, len(rows), _AT_ONCE):
        session.execute(sa.insert(RosterRow), rows[start : start + _AT_ONCE])
    release_lease(
        session,
        lease,
        state=READY,
        done=len(found.rows),
        total=len(found.rows),
        head=head,
        notes="\n".join(notes),
        error="",
    )
    session.commit()


def row_values(roster_id: int, organization_id: int, row: Compared) -> dict[str, Any]:
    """The columns of a row."""
    return {
        "roster_id": roster_id,
        "organization_id": organization_id,
        "number": row.number,
        "outcome": row.outcome,
        "chosen": row.outcome in CAN_BE_SENT,
        "name": row.name[:500],
        "npi": row.npi,
        "place": row.place[:500],
        "practitioner_id": row.practitioner_id,
        "location_id": row.location_id,
        "affiliation_id": row.affiliation_id,
        "differences": pack_differences(row.differences),
        "words": " ".join(row.words),
        "doubt": " ".join(row.doubts),
        "unknown_place": row.unknown_place.pack() if row.unknown_place else "",
    }


def tidy_rosters(session: PortalSession) -> None:
    """The job: forget rosters that were given up, and those of some time ago; what was sent stays with its case. Commits."""
    old = sa.or_(RosterUpload.state == CANCELED, RosterUpload.sent_at < api.now() - KEPT)
    for upload in session.scalars(sa.select(RosterUpload).where(old).order_by(RosterUpload.id).limit(50)).all():
        stored_id = upload.stored_file_id
        session.execute(sa.delete(RosterRow).where(RosterRow.roster_id == upload.id))
        session.delete(upload)
        session.flush()
        delete_stored(session, stored_id)
        session.commit()
    session.commit()


def words_by_row(session: PortalSession, roster_id: int) -> tuple[dict[int, str], list[int]]:
    """What the office's own file says beside each row, and the rows that cannot be sent."""
    found = sa.select(RosterRow.number, RosterRow.outcome, RosterRow.words, RosterRow.doubt)
    words, bad = {}, []
    for number, outcome, text, doubt in session.execute(found.where(RosterRow.roster_id == roster_id)):
        if number:
            words[number] = " ".join(filter(None, (f"{outcome.capitalize()}.", text, doubt)))
            if text:
                bad.append(number)
    return words, bad


JOBS = (
    Job(
        "profiles.compare-rosters", "Compare rosters with the record", dt.timedelta(seconds=2), compare_rosters, "long"
    ),
    Job("profiles.tidy-rosters", "Forget old rosters", dt.timedelta(hours=6), tidy_rosters),
)
