"""The worker: runs the periodic jobs of the core and of every plugin.

Several workers may run at once, on one machine or more; a job is run by one of them at a time.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import signal
import socket
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import FrameType

import sqlalchemy as sa
import structlog
from flask import Flask

from hp_portal.core.account import second_step, signing_in
from hp_portal.core.activity import heads, sealing, verifying
from hp_portal.core.applications.menu import plugins as installed_plugins
from hp_portal.core.applications.menu import start_settings
from hp_portal.core.attachments import checking
from hp_portal.core.audit import reports
from hp_portal.core.audit.refusals import close_windows
from hp_portal.core.billing_access import overdue
from hp_portal.core.cases import public_asking, public_status, telling_files
from hp_portal.core.delegates import finding, leaving, requests, review_reminding
from hp_portal.core.delivery import returns, sending
from hp_portal.core.downloads import making, queue
from hp_portal.core.drafts import tending
from hp_portal.core.factors import passkeys
from hp_portal.core.files import away, sweeping
from hp_portal.core.jobs import failures, leases
from hp_portal.core.jobs import reports as job_reports
from hp_portal.core.kept import keeping
from hp_portal.core.limits import attempts, paces, sign_ins
from hp_portal.core.openid import entering
from hp_portal.core.people import email_changes, factor_resets, password_links, resting
from hp_portal.core.recovery import asking
from hp_portal.core.refusals import judging
from hp_portal.core.registration import deciding
from hp_portal.core.tax_ids import billing_access, ending, use
from hp_portal.database import Database, PortalSession, lock
from hp_portal.hookspecs import LANES, Job
from hp_portal.plugins import Plugins, confined
from hp_portal.scopes import WholeScope
from hp_portal.settings import ConfigurationError, Settings

log = structlog.get_logger(__name__)
AT_A_TIME = {"short": 2, "long": 2, "render": 1, "mail": 2}  # jobs of a lane that one worker runs at a time
FILES_SWEPT = "files.sweep"
MINUTES = dt.timedelta(minutes=5)
LOOK_EVERY = 0.5  # seconds between looks at what is due


def sweep_files(session: PortalSession, settings: Settings) -> None:
    """Remove stored files that nothing refers to, and tell staff what is missing of the others."""
    swept = sweeping.sweep(session)
    said = swept.said
    if (store := session.context.store) is not None:
        removed = away.sweep(session, store, dt.timedelta(days=settings.files_kept_days))
        said = f"{said} {removed:,} objects were removed from the store." if removed else said
    job_reports.report(session, FILES_SWEPT, said, swept.problems)


def forget_attempts(session: PortalSession) -> None:
    """Remove what is of no use any more: counts of failed tries and look-ups, requests nobody confirmed, halves of sign-ins."""
    attempts.clean(session, dt.timedelta(days=1))
    paces.clean_paces(session, dt.timedelta(days=1))
    sign_ins.clean(session)
    finding.forget_lookups(session)
    requests.forget_unconfirmed(session)
    second_step.forget_halves(session)
    passkeys.forget_challenges(session)
    email_changes.forget_old(session)
    asking.forget_old(session)
    entering.forget_states(session)
    public_asking.forget_forms(session)
    public_status.forget_passes(session)


def seal(session: PortalSession) -> None:
    """Seal what was recorded; a record that is broken is told to staff."""
    try:
        sealing.seal_everything(session)
    except sealing.RecordBroken as error:
        session.rollback()
        reports.note_change(session, reports.SEALING, str(error))
        raise
    reports.note_change(session, reports.SEALING, "")


def verify(session: PortalSession) -> None:
    """Verify the whole record; staff are told of what is broken."""
    found = verifying.verify(session)
    session.rollback()
    reports.note(session, reports.VERIFIED, problem=found.broken or "")
    session.commit()
    if found.broken:
        raise sealing.RecordBroken(found.broken)


def _people_jobs(settings: Settings) -> list[Job]:
    """Ending sessions that ran out, and what accounts need."""
    return [
        Job(
            "identity.end-sign-ins",
            "End sessions that ran out",
            dt.timedelta(minutes=1),
            lambda session: signing_in.end_overdue(session, settings),
        ),
        Job(
            "recovery.answer",
            "Write to people who forgot their password or user name",
            dt.timedelta(seconds=2),
            lambda session: asking.answer_all(session, settings),
        ),
        Job(
            "people.reset-factors",
            "Remove lost second factors that delegates asked for",
            dt.timedelta(minutes=1),
            factor_resets.reset_due,
        ),
        Job(
            "people.rest-accounts",
            "Remind people of accounts that nobody uses, and deactivate them",
            dt.timedelta(hours=6),
            lambda session: resting.rest_accounts(session, settings),
        ),
        Job(
            "delegates.access-reviews",
            "Begin access reviews, and remind delegates of them",
            dt.timedelta(hours=6),
            lambda session: review_reminding.go_on_with_reviews(session, settings),
        ),
        Job(
            "people.leave",
            "Deactivate the accounts of people who leave today, and hand over what they had open",
            dt.timedelta(minutes=1),
            lambda session: leaving.leave_due(session, settings, installed_plugins()),
        ),
        Job("people.forget-links", "Forget old password links", dt.timedelta(hours=1), password_links.forget_dead),
    ]


def core_jobs(settings: Settings) -> list[Job]:
    """Sealing the audit, ending sign-ins that ran out, forgetting old counts, kept values and password links."""

    return [
        Job("audit.seal", "Seal the audit record", dt.timedelta(seconds=5), seal),
        Job(
            "audit.publish-heads",
            "Publish the newest seal of the audit record",
            dt.timedelta(seconds=10),
            lambda session: heads.publish(session, settings),
        ),
        Job("audit.verify", "Verify the audit record", dt.timedelta(days=1), verify, lane="long"),
        Job("audit.close-windows", "Record how often refusals were repeated", dt.timedelta(minutes=1), close_windows),
        Job("identity.forget-attempts", "Forget old failed attempts", dt.timedelta(hours=1), forget_attempts),
        Job("delivery.returns", "Take mail that came back", dt.timedelta(minutes=1), returns.collect_due, lane="mail"),
        Job("delivery.forget-returns", "Believe in addresses again", dt.timedelta(hours=1), returns.forget_returns),
        Job("delivery.send", "Send e-mails", dt.timedelta(seconds=1), sending.send_due, lane="mail"),
        Job("delivery.send-paper", "Send faxes", dt.timedelta(seconds=1), sending.send_paper_due, lane="mail"),
        Job("documents.make", "Make documents", dt.timedelta(seconds=1), making.make_documents, lane="render"),
        Job("attachments.check", "Check attached files", dt.timedelta(seconds=1), checking.check_files, lane="long"),
        Job("attachments.tell", "Tell whose files went wrong", dt.timedelta(minutes=1), telling_files.tell_of_files),
        Job("documents.forget", "Forget old documents", dt.timedelta(minutes=30), queue.forget_expired),
        Job(
            FILES_SWEPT,
            "Remove stored files that nothing refers to",
            dt.timedelta(days=1),
            lambda session: sweep_files(session, settings),
            lane="long",
        ),
        Job("kept.forget-expired", "Forget kept values", dt.timedelta(minutes=30), keeping.forget_expired),
        Job(
            "drafts.tend",
            "Warn of the end of drafts, and delete old ones",
            dt.timedelta(hours=1),
            lambda session: tending.tend_drafts(session, settings),
        ),
        Job("refusals.judge", "Look up whose rows were asked for", dt.timedelta(seconds=30), judging.judge),
        Job("refusals.forget", "Forget old refusals", dt.timedelta(hours=6), judging.forget_old),
        Job("registration.tidy", "End what is overdue among registrations", dt.timedelta(minutes=5), deciding.tidy),
        Job("tax-ids.end-access", "Note the end of access that is over", dt.timedelta(minutes=1), ending.end_overdue),
        Job("billing.tend-requests", "Remind of requests for access, and end old ones", MINUTES, overdue.tend),
        Job(
            "tax-ids.ask-about-ends",
            "Ask whether access that ends soon goes on",
            dt.timedelta(hours=1),
            billing_access.ask_about_endings,
        ),
        Job("tax-ids.count-use", "Count what organizations open", dt.timedelta(minutes=1), use.count_use),
        Job("delegates.answer", "Answer for ended organizations", dt.timedelta(minutes=5), requests.answer_for_ended),
        *_people_jobs(settings),
    ]


def owned_jobs(app: Flask) -> list[tuple[str, Job]]:
    """Every job with the plugin it belongs to, `core` for the core's. A plugin that answers with wrong ones has none."""
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    jobs = [("core", job) for job in core_jobs(app.extensions["hp_portal.settings"])]
    for name, found in plugins.collect("portal_jobs"):
        jobs += [(name, job) for job in found]
    if twice := [key for key, count in Counter(job.key for _, job in jobs).items() if count > 1]:
        raise ConfigurationError(f"Two jobs are called {twice[0]!r}.")
    return jobs


def all_jobs(app: Flask) -> list[Job]:
    return [job for _, job in owned_jobs(app)]


def run_job(app: Flask, job: Job, owner: str = "core") -> bool:
    """Run one job in a session of its own and commit; a failure is logged, noted, and the job tried again next time."""
    database: Database = app.extensions["hp_portal.database"]
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    done = False
    try:
        with confined(), database.new_session(WholeScope(f"job {job.key}")) as session:
            job.run(session)
            session.commit()
    except Exception as error:
        log.error("job.failed", job=job.key, exc_info=error)
        plugins.failed(owner, job.key, error)
    else:
        plugins.succeeded(owner, job.key)
        done = True
    failures.write_outcomes(app)
    return done


class Worker:
    """Runs jobs when they are due, side by side: some short ones at a time, and long ones in a lane of their own.

    A job runs once at a time whatever the number of workers: each takes it with a lease in the database, which is renewed while
    the job runs and runs out when its worker dies.
    """

    def __init__(self, app: Flask, lanes: Collection[str] = LANES) -> None:
        self.app = app
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.jobs = {job.key: (owner, job) for owner, job in owned_jobs(app) if job.lane in lanes}
        self.running: set[str] = set()
        self._database: Database = app.extensions["hp_portal.database"]
        self._changed = threading.Condition()
        self._stopped = False

    def session(self) -> PortalSession:
        return self._database.new_session(WholeScope("the worker's leases"))

    def run(self, stop: threading.Event) -> None:
        """Until `stop`: then nothing new is begun, and what runs is finished."""
        plugins: Plugins = self.app.extensions["hp_portal.plugins"]
        with self.session() as session:
            # A plugin without migrations needs no `db upgrade`: its place in the matrix begins here.
            lock(session, "applications start")
            start_settings(session, plugins.applications)
            leases.announce_jobs(session, self.jobs)
        log.info("worker.started", worker=self.name, jobs=sorted(self.jobs))
        with self.renewing(), ExitStack() as stack:
            pools = {lane: stack.enter_context(ThreadPoolExecutor(size, lane)) for lane, size in AT_A_TIME.items()}
            while not stop.is_set():
                self._begin_due(pools)
                stop.wait(LOOK_EVERY)
            with self._changed:
                log.info("worker.stopping", running=sorted(self.running))
        # The pools have waited for what was running.
        log.info("worker.stopped", worker=self.name)

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """For the length of a block, keep the leases of what runs in it."""
        thread = threading.Thread(target=self._renew, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            thread.join()

    def _begin_due(self, pools: dict[str, ThreadPoolExecutor]) -> None:
        try:
            with self.session() as session:
                due = leases.due_jobs(session)
        except sa.exc.SQLAlchemyError as error:
            log.error("worker.database-away", exc_info=error)
            return
        for key, (owner, job) in self.jobs.items():
            with self._changed:
                busy = sum(1 for name in self.running if self.jobs[name][1].lane == job.lane)
                begins = key in due and key not in self.running and busy < AT_A_TIME[job.lane]
                if begins:
                    self.running.add(key)
            if begins:
                pools[job.lane].submit(self._run, owner, job)

    def _run(self, owner: str, job: Job) -> None:
        try:
            with self.app.app_context():
                self.run_held(owner, job)
        except Exception as error:
            log.error("worker.database-away", job=job.key, exc_info=error)
        finally:
            self._ended(job)

    def _ended(self, job: Job) -> None:
        with self._changed:
            self.running.discard(job.key)

    def run_all(self) -> bool:
        """Run every job once, one after the other, due or not; False when one failed. Needs an app context."""
        ended = []
        with self.renewing():
            for owner, job in self.jobs.values():
                with self._changed:
                    self.running.add(job.key)
                try:
                    ended.append(self.run_held(owner, job, early=True))
                finally:
                    self._ended(job)
        return False not in ended

    def run_held(self, owner: str, job: Job, *, early: bool = False) -> bool | None:
        """Run a job under its lease. None: another worker holds it. Needs an app context."""
        with self.session() as session:
            if not leases.take(session, job.key, self.name, early=early):
                return None
        done = run_job(self.app, job, owner)
        with self.session() as session:
            leases.give_back(session, job.key, self.name, job.every)
        return done

    def _renew(self) -> None:
        """Keep the leases of what runs, until nothing runs any more and the worker stops."""
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._stopped, leases.LEASE.total_seconds() / 4):
                    return
                held = set(self.running)
            try:
                with self.session() as session:
                    leases.renew(session, held, self.name)
            except sa.exc.SQLAlchemyError as error:
                log.error("worker.lease-not-renewed", exc_info=error)


def run_once(app: Flask, lanes: Collection[str] = LANES) -> bool:
    """Run every job once, due or not; False when one failed. What another worker is at is left to it."""
    worker = Worker(app, lanes)
    with worker.session() as session:
        leases.announce_jobs(session, worker.jobs)
    with app.app_context():
        return worker.run_all()


def run_forever(app: Flask, lanes: Collection[str] = LANES) -> None:
    """Run every job when it is due, until SIGTERM or SIGINT; what runs is finished first."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    Worker(app, lanes).run(stop)
