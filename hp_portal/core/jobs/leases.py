"""Which worker runs a job: taken with a lease that a worker renews while it runs, and that runs out when it dies.

Every function commits: a lease that others cannot see is none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.jobs.models import JobRun
from hp_portal.database import PortalSession, lock

LEASE = dt.timedelta(minutes=2)


def announce_jobs(session: PortalSession, keys: Collection[str]) -> None:
    """Make a row for every job that has none, due at once."""
    lock(session, "jobs")
    known = set(session.scalars(sa.select(JobRun.job)))
    session.add_all(JobRun(job=key, due_at=clock.now(), holder="") for key in sorted(set(keys) - known))
    session.commit()


def due_jobs(session: PortalSession) -> set[str]:
    """The jobs that are due and that nobody holds."""
    now = clock.now()
    free = sa.or_(JobRun.leased_until.is_(None), JobRun.leased_until < now)
    found = set(session.scalars(sa.select(JobRun.job).where(JobRun.due_at <= now, free)))
    session.rollback()
    return found


def take(session: PortalSession, key: str, holder: str, *, early: bool = False) -> bool:
    """Take a job that is due, or `early` one that is not; False when another worker holds it or has run it meanwhile."""
    now = clock.now()
    wanted = [JobRun.job == key, sa.or_(JobRun.leased_until.is_(None), JobRun.leased_until < now)]
    if not early:
        wanted.append(JobRun.due_at <= now)
    update = sa.update(JobRun).where(*wanted).values(holder=holder, leased_until=now + LEASE)
    taken = session.scalars(update.returning(JobRun.job)).one_or_none()
    session.commit()
    return taken is not None


def renew(session: PortalSession, keys: Collection[str], holder: str) -> None:
    """Keep the jobs that this worker still holds."""
    session.execute(
        sa.update(JobRun)
        .where(JobRun.job.in_(sorted(keys)), JobRun.holder == holder)
        .values(leased_until=clock.now() + LEASE)
    )
    session.commit()


def give_back(session: PortalSession, key: str, holder: str, every: dt.timedelta) -> bool:
    """Say that a job has run: it is due again after `every`. False when the lease was lost to another worker."""
    update = (
        sa.update(JobRun)
        .where(JobRun.job == key, JobRun.holder == holder)
        .values(holder="", leased_until=None, due_at=clock.now() + every)
    )
    done = session.scalars(update.returning(JobRun.job)).one_or_none()
    session.commit()
    return done is not None
