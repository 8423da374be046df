"""How often something may be done in a minute, say: counted in the database, so that all processes count together.

keep_pace(session, "sample pages", address, limit=120, window=dt.timedelta(minutes=1))     # raises TooManyAttempts
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.models import Pace
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole


@in_whole("what is done often is counted for everybody")
def keep_pace(session: PortalSession, kind: str, subject: str, *, limit: int, window: dt.timedelta) -> None:
    """Count one; raise TooManyAttempts where `limit` have been counted in this window already.

    Windows follow each other without a gap: one of a minute begins with each minute. What is refused writes nothing.
    """
    now = clock.now()
    since = dt.datetime.fromtimestamp(now.timestamp() // window.total_seconds() * window.total_seconds(), dt.UTC)
    digest = session.vault.digest(subject, "pace")
    mine = sa.and_(Pace.kind == kind, Pace.subject == digest)
    if _full(session, mine, since, limit):
        raise TooManyAttempts(since + window - now)
    if _count(session, mine, since, limit):
        return
    # Nothing was ever counted, or somebody else has counted the last one just now: only who holds the lock adds a row.
    lock(session, f"pace:{kind}:{subject}")
    if _count(session, mine, since, limit):
        return
    if session.scalar(sa.select(Pace.id).where(mine)) is not None:
        raise TooManyAttempts(since + window - now)
    session.add(Pace(kind=kind, subject=digest, since=since, counted=1))
    session.flush()


def _full(session: PortalSession, mine: sa.ColumnElement[bool], since: dt.datetime, limit: int) -> bool:
    counted = session.scalar(sa.select(Pace.counted).where(mine, Pace.since == since))
    return (counted or 0) >= limit


def _count(session: PortalSession, mine: sa.ColumnElement[bool], since: dt.datetime, limit: int) -> bool:
    """Count one; False where there is no room, or nothing was ever counted."""
    room = sa.or_(Pace.since != since, Pace.counted < limit)
    more = sa.case((Pace.since == since, Pace.counted + 1), else_=1)
    counting = sa.update(Pace).where(mine, room).values(counted=more, since=since).returning(Pace.counted)
    return session.scalar(counting.execution_options(synchronize_session=False)) is not None


def clean_paces(session: PortalSession, older_than: dt.timedelta) -> None:
    """Remove counts of windows that are long over."""
    old = sa.delete(Pace).where(Pace.since < clock.now() - older_than)
    session.execute(old.execution_options(synchronize_session=False))
