"""All lines of a case applied at once, by the worker, a part at a time.

What has moved, and whoever may be on record already, is left for somebody to look at. Each part is a transaction of its own: a
worker that dies has applied what it had committed, and the next one goes on from there.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import (
    Case,
    Job,
    Lease,
    LeaseLost,
    PortalSession,
    portal_step,
    release_lease,
    renew_lease,
    show_count,
    take_lease,
)

from ..proposing.at_once import payer_is_master
from ..proposing.models import WAITING as HANDED_ON
from ..proposing.proposals import NotTheirs
from ..proposing.settling import Choice, open_lines, outcomes_of, settle
from ..proposing.shown import in_order, lines_to_apply
from ..proposing.stages import ALL_APPLIED, ALL_HANDED_ON, WORKING
from ..record.applying import LOCK
from .deciding import MOVED, Undecided, begin_part
from .models import FAILED, READY, WAITING, ApplyAll

LEASE = dt.timedelta(minutes=5)
MOST_ATTEMPTS = 3
AT_ONCE = 500
MEANWHILE = "The case was taken further meanwhile. What had been applied by then stands."
LEFT = "{lines} left to look at: the record has changed since the office began, or it is to be said who somebody is."
GIVEN_UP = "Applying was begun three times and never came to an end. Tell whoever runs the portal."
ERROR = "It stopped because of an error in the portal. What had been applied by then stands."
NO_LONGER = "The organization does not have all of these practitioners and locations any more."


def asked_for(session: PortalSession, case_id: int) -> ApplyAll | None:
    """What was asked for a case, or None. In a whole scope."""
    return session.scalars(sa.select(ApplyAll).where(ApplyAll.case_id == case_id)).one_or_none()


def ask_for_all(session: PortalSession, case_id: int, seen: str) -> ApplyAll:
    """Somebody wants all open lines of a case applied; `seen` is the state in which they saw it. Commits nothing.

    Raises Undecided, and what `cases.staff_step` raises.
    """
    case = begin_part(session, case_id, seen)
    lines = open_lines(session, case_id)
    row = asked_for(session, case_id)
    if row is not None and row.state == WAITING:
        raise Undecided("All lines are being applied already.", moved=True)
    if not lines:
        raise Undecided(MOVED, moved=True)
    if row is None:
        if case.organization_id is None:
            raise LookupError(case_id)
        row = ApplyAll(case_id=case_id, organization_id=case.organization_id)
        session.add(row)
    row.person_id, row.asked_at, row.state = session.context.who.person_id, api.now(), WAITING
    row.total, row.done, row.words, row.attempts = len(lines), 0, "", 0
    session.flush()
    api.record(session, "profiles.change.all_asked", case=case_id, lines=len(lines))
    return row


def apply_all(session: PortalSession) -> None:
    """The job: apply all of the case that waits longest. Commits as it goes."""
    lease = take_lease(session, ApplyAll, ApplyAll.state == WAITING, lasts=LEASE)
    if lease is None:
        session.rollback()
        return
    session.commit()
    if lease.attempts > MOST_ATTEMPTS:
        _end(session, lease, FAILED, GIVEN_UP)
        return
    try:
        _apply(session, lease)
    except LeaseLost:
        session.rollback()
    except NotTheirs:
        _end(session, lease, FAILED, NO_LONGER)
    except sa.exc.OperationalError:
        session.rollback()  # it is tried again when the lease has run out
        raise
    except Exception:
        _end(session, lease, FAILED, ERROR)
        raise


def _end(session: PortalSession, lease: Lease, state: str, words: str) -> None:
    session.rollback()
    try:
        release_lease(session, lease, state=state, words=words)
        session.commit()
    except LeaseLost:
        session.rollback()


def _apply(session: PortalSession, lease: Lease) -> None:
    asked = session.get_one(ApplyAll, lease.id, populate_existing=True)
    case_id, person_id, total = asked.case_id, asked.person_id, asked.total
    lines = in_order(session, case_id, open_lines(session, case_id))
    session.rollback()
    before = max(0, total - len(lines))  # what a worker before this one has applied
    for start in range(0, len(lines), AT_ONCE):
        if not _hold(session, case_id):
            _end(session, lease, READY, MEANWHILE)
            return
        api.lock(session, LOCK)
        part = lines[start : start + AT_ONCE]
        decided = outcomes_of(session, case_id)
        wanted = lines_to_apply(session, case_id, [line for line in part if line not in decided])
        renew_lease(session, lease, LEASE, done=before + start + len(part))
        if wanted:
            settle(session, case_id, Choice(wanted, by=person_id), hold=payer_is_master())
        session.commit()
    _finish(session, lease, case_id, person_id)


def _hold(session: PortalSession, case_id: int) -> bool:
    """Hold the case until the transaction ends: is it still being decided?"""
    api.lock(session, f"case:{case_id}")
    return session.get_one(Case, case_id, populate_existing=True).state == WORKING


def _finish(session: PortalSession, lease: Lease, case_id: int, person_id: int | None) -> None:
    if not _hold(session, case_id):
        _end(session, lease, READY, MEANWHILE)
        return
    left = open_lines(session, case_id)
    words = ""
    if left:
        words = LEFT.format(lines=show_count(len(left), "line"))
    else:
        handed_on = any(row.became == HANDED_ON for row in outcomes_of(session, case_id).values())
        portal_step(session, case_id, ALL_HANDED_ON if handed_on else ALL_APPLIED)
        case = session.get_one(Case, case_id)
        if case.ended_at is not None:
            case.ended_by_id = person_id
    release_lease(session, lease, state=READY, words=words)
    session.commit()


JOB = Job("profiles.apply-all", "Apply all lines of a change", dt.timedelta(seconds=2), apply_all, "long")
