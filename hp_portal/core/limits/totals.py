"""Failed tries counted in all, not within a window: after some free ones each makes the next wait longer.

slower = Growing(free=20, first=dt.timedelta(minutes=1), slowest=dt.timedelta(hours=6))
check_total(session, "sign-in", "name:alex", slower)     # raises TooManyAttempts
count_total(session, "sign-in", "name:alex")
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.models import FailureTotal
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole


@dataclass(frozen=True)
class Growing:
    """How waits grow: none for `free` failed tries, then `first`, doubled with each further one up to `slowest`."""

    free: int
    first: dt.timedelta
    slowest: dt.timedelta

    def wait(self, failed: int) -> dt.timedelta:
        """How long after the last of `failed` tries the next may be made."""
        if failed < self.free:
            return dt.timedelta()
        # Doubling ends long before a number could become too large.
        times = 1 << min(failed - self.free, 32)
        return min(self.first * times, self.slowest)


def _is(session: PortalSession, kind: str, subjects: Iterable[str]) -> sa.ColumnElement[bool]:
    digests = [digest for subject in subjects for digest in session.vault.digests(subject, "failure total")]
    return sa.and_(FailureTotal.kind == kind, FailureTotal.subject.in_(digests))


@in_whole("failed tries are counted for everybody")
def check_total(session: PortalSession, kind: str, subject: str, growing: Growing) -> None:
    """Raise TooManyAttempts when the wait after the last failed try is not over.

    Holds a lock for this subject until the transaction ends, so that parallel tries are counted one by one. Needs a whole scope,
    as everything here does.
    """
    lock(session, f"total:{kind}:{subject}")
    wait = total_waits(session, kind, [subject], growing).get(subject)
    if wait is not None:
        raise TooManyAttempts(wait)


@in_whole("failed tries are counted for everybody")
def total_waits(
    session: PortalSession, kind: str, subjects: Iterable[str], growing: Growing
) -> dict[str, dt.timedelta]:
    """How long each of these subjects still has to wait; those who need not are left out. Takes no lock."""
    wanted = list(subjects)
    by_digest = {digest: one for one in wanted for digest in session.vault.digests(one, "failure total")}
    rows = session.execute(
        sa.select(FailureTotal.subject, FailureTotal.failed, FailureTotal.last_at).where(_is(session, kind, wanted))
    )
    now, found = clock.now(), {}
    for digest, failed, last_at in rows:
        left = last_at + growing.wait(failed) - now
        if left > dt.timedelta():
            found[by_digest[digest]] = left
    return found


@in_whole("failed tries are counted for everybody")
def count_total(session: PortalSession, kind: str, subject: str) -> int:
    """Count one failed try; how many there are now."""
    lock(session, f"total:{kind}:{subject}")
    counted = session.scalar(
        sa.update(FailureTotal)
        .where(_is(session, kind, [subject]))
        .values(failed=FailureTotal.failed + 1, last_at=clock.now())
        .returning(FailureTotal.failed)
        .execution_options(synchronize_session=False)
    )
    if counted is not None:
        return counted
    digest = session.vault.digest(subject, "failure total")
    session.add(FailureTotal(kind=kind, subject=digest, failed=1, last_at=clock.now()))
    session.flush()
    return 1


@in_whole("failed tries are counted for everybody")
def forget_total(session: PortalSession, kind: str, subject: str) -> None:
    """A success starts the count anew."""
    forget = sa.delete(FailureTotal).where(_is(session, kind, [subject]))
    session.execute(forget.execution_options(synchronize_session=False))


def clean_totals(session: PortalSession, kind: str, quiet_for: dt.timedelta) -> None:
    """Forget the totals of subjects at which nobody has failed for so long."""
    old = sa.delete(FailureTotal).where(FailureTotal.kind == kind, FailureTotal.last_at < clock.now() - quiet_for)
    session.execute(old.execution_options(synchronize_session=False))
