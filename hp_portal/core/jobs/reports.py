"""What jobs say of their last run, for the staff's pages."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.jobs.models import JobReport
from hp_portal.database import PortalSession


def report(session: PortalSession, job: str, said: str, problems: Iterable[str] = ()) -> None:
    """Keep what a job did, in place of what it said before; the caller commits."""
    row = session.get(JobReport, job)
    if row is None:
        session.add(row := JobReport(job=job, at=clock.now(), said="", problems=""))
    row.at, row.said, row.problems = clock.now(), said, "\n".join(problems)


def reports(session: PortalSession) -> list[JobReport]:
    """What every job that reports said last."""
    return list(session.scalars(sa.select(JobReport).order_by(JobReport.job)))


def count_problems(session: PortalSession) -> int:
    """How many problems jobs found when they last ran."""
    return sum(len(row.problems.splitlines()) for row in reports(session))
