"""The worker: runs the periodic jobs of the core and of every plugin.

Several workers may run at once, on one machine or more; a job that must not run twice at a time takes a lock or a lease.
"""

from __future__ import annotations

import datetime as dt
import signal
import threading
import time
from types import FrameType

import sqlalchemy as sa
import structlog
from flask import Flask

from hp_portal import clock
from hp_portal.core.activity import sealing
from hp_portal.core.identity.models import SignIn
from hp_portal.core.kept import keeping
from hp_portal.core.limits import attempts
from hp_portal.database import Database, PortalSession
from hp_portal.hookspecs import Job
from hp_portal.plugins import Plugins
from hp_portal.scopes import WholeScope
from hp_portal.settings import Settings

log = structlog.get_logger(__name__)
SIGN_INS_KEPT = dt.timedelta(days=90)


def core_jobs(settings: Settings) -> list[Job]:
    """Sealing the audit, ending sign-ins that ran out, forgetting old counts and kept values."""

    def seal(session: PortalSession) -> None:
        while sealing.seal(session) == sealing.BATCH:
            session.commit()

    def end_sign_ins(session: PortalSession) -> None:
        now = clock.now()
        over = sa.or_(
            SignIn.last_seen_at <= now - dt.timedelta(minutes=settings.idle_minutes),
            SignIn.created_at <= now - dt.timedelta(hours=settings.absolute_hours),
        )
        session.execute(
            sa.update(SignIn).where(SignIn.ended_at.is_(None), over).values(ended_at=now, end_reason="timed out")
        )

    def forget_attempts(session: PortalSession) -> None:
        attempts.clean(session, dt.timedelta(days=1))

    return [
        Job("audit.seal", "Seal the audit record", dt.timedelta(seconds=5), seal),
        Job("identity.end-sign-ins", "End sessions that ran out", dt.timedelta(minutes=1), end_sign_ins),
        Job("identity.forget-attempts", "Forget old failed attempts", dt.timedelta(hours=1), forget_attempts),
        Job("kept.forget-expired", "Forget kept values", dt.timedelta(minutes=30), keeping.forget_expired),
    ]


def all_jobs(app: Flask) -> list[Job]:
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    jobs = core_jobs(app.extensions["hp_portal.settings"])
    for _, found in plugins.collect("portal_jobs"):
        jobs += found
    return jobs


def run_job(app: Flask, job: Job) -> bool:
    """Run one job in a session of its own and commit; a failure is logged and the job tried again next time."""
    database: Database = app.extensions["hp_portal.database"]
    try:
        with database.new_session(WholeScope(f"job {job.key}")) as session:
            job.run(session)
            session.commit()
    except Exception as error:
        log.error("job.failed", job=job.key, exc_info=error)
        return False
    return True


def run_once(app: Flask) -> bool:
    """Run every job once; False when one failed."""
    with app.app_context():
        failed = [job.key for job in all_jobs(app) if not run_job(app, job)]
    return not failed


def run_forever(app: Flask) -> None:
    """Run every job when it is due, until SIGTERM or SIGINT; the job in progress is finished first."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    jobs = all_jobs(app)
    due = {job.key: 0.0 for job in jobs}
    log.info("worker.started", jobs=[job.key for job in jobs])
    with app.app_context():
        while not stop.is_set():
            for job in jobs:
                if stop.is_set():
                    break
                if time.monotonic() >= due[job.key]:
                    run_job(app, job)
                    due[job.key] = time.monotonic() + job.every.total_seconds()
            stop.wait(max(0.05, min(due.values()) - time.monotonic()))
    log.info("worker.stopped")
