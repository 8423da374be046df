"""The worker: short jobs beside long ones, leases between workers, failures that stay their plugin's."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal import clock, worker
from hp_portal.core.identity.applications import ApplicationSetting
from hp_portal.core.jobs import leases
from hp_portal.core.jobs.models import JobRun, PluginFailure
from hp_portal.database import PortalSession
from hp_portal.hookspecs import Job, hookimpl
from hp_portal.scopes import WholeScope
from hp_portal.worker import Worker, run_once
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.databases import database_of
from tests.support.plugins import plugins_of, write_plugin
from tests.support.world import World

HOUR = dt.timedelta(hours=1)
PATIENCE = 120  # seconds after which a test gives up; none takes that long

Run = Callable[[PortalSession], None]


def plugin(*jobs: object) -> ModuleType:
    module = ModuleType("trial")
    module.portal_jobs = hookimpl(lambda: list(jobs), specname="portal_jobs")  # type: ignore[attr-defined]
    return module


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def start(app: Flask, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=Worker(app).run, args=[stop])
    thread.start()
    return thread


def test_short_jobs_run_while_a_long_one_does(database_url: str, make_app: MakeApp, stop: threading.Event) -> None:
    """The long jobs, more than run at a time, end only when a short one has run meanwhile, twice."""
    begun, short_ran, kept = threading.Event(), threading.Semaphore(0), threading.Event()

    def long(session: PortalSession) -> None:
        begun.set()
        if all(short_ran.acquire(timeout=PATIENCE) for _ in range(2)):
            kept.set()

    def short(session: PortalSession) -> None:
        if begun.is_set():
            short_ran.release()

    def also_long(session: PortalSession) -> None:
        kept.wait(PATIENCE)

    more = (Job(f"trial.long-{n}", "x", HOUR, also_long, lane="long") for n in range(sum(worker.AT_A_TIME.values())))
    short_job = Job("trial.short", "x", dt.timedelta(microseconds=1), short)
    jobs = Job("trial.long", "x", HOUR, long, lane="long"), *more, short_job
    thread = start(make_app(database_url, extra_plugins={"trial": plugin(*jobs)}), stop)
    assert kept.wait(PATIENCE)
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_what_runs_is_finished_when_the_worker_is_told_to_stop(
    database_url: str, make_app: MakeApp, stop: threading.Event
) -> None:
    begun, go_on, written = threading.Event(), threading.Event(), threading.Event()

    def slow(session: PortalSession) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        written.set()

    app = make_app(database_url, extra_plugins={"trial": plugin(Job("trial.slow", "x", HOUR, slow))})
    thread = start(app, stop)
    assert begun.wait(PATIENCE)
    stop.set()
    go_on.set()
    thread.join(PATIENCE)
    assert written.is_set()
    with World(app).session() as session:
        row = session.get_one(JobRun, "trial.slow")
        assert (row.holder, row.leased_until) == ("", None)
        assert row.due_at > clock.now()


def test_two_workers_never_run_a_job_at_once(database_url: str, make_app: MakeApp, stop: threading.Event) -> None:
    """Two workers on one database: while one is in the job the other asks for it, and is refused."""
    ran: list[str] = []

    def job(session: PortalSession) -> None:
        ran.append("one")
        with other.app.app_context():
            assert other.run_held(*other.jobs["trial.alone"], early=True) is None

    apps = [
        make_app(database_url, extra_plugins={"trial": plugin(Job("trial.alone", "x", HOUR, job))}) for _ in range(2)
    ]
    first, other = (Worker(app) for app in apps)
    with first.session() as session:
        leases.announce_jobs(session, first.jobs)
    with first.app.app_context():
        assert first.run_held(*first.jobs["trial.alone"])
    assert ran == ["one"]
    with other.session() as session:
        assert "trial.alone" not in leases.due_jobs(session), "it has run, for both"
        assert not leases.take(session, "trial.alone", other.name), "also when it had been due a moment ago"


def test_a_dead_workers_job_is_taken_again(world: World, clock: Clock) -> None:
    with world.session() as session:
        leases.announce_jobs(session, ["trial.a"])
        assert leases.take(session, "trial.a", "the dead one")
        assert not leases.take(session, "trial.a", "another")
        clock.advance(leases.LEASE * 0.9)
        leases.renew(session, ["trial.a"], "the dead one")
        clock.advance(leases.LEASE * 0.9)
        assert not leases.take(session, "trial.a", "another"), "it was renewed"
        assert "trial.a" not in leases.due_jobs(session)
        clock.advance(leases.LEASE * 0.2)
        assert "trial.a" in leases.due_jobs(session)
        assert leases.take(session, "trial.a", "another")
        assert not leases.give_back(session, "trial.a", "the dead one", HOUR), "it holds nothing any more"
        leases.renew(session, ["trial.a"], "the dead one")
        assert session.get_one(JobRun, "trial.a").holder == "another"
        assert leases.give_back(session, "trial.a", "another", HOUR)


def test_leases_are_renewed_while_a_job_runs(
    database_url: str, make_app: MakeApp, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed, done = threading.Event(), threading.Event()
    real = leases.renew

    def renew(session: PortalSession, keys: set[str], holder: str) -> None:
        real(session, keys, holder)
        if "trial.slow" in keys:
            renewed.set()

    def slow(session: PortalSession) -> None:
        if renewed.wait(PATIENCE):
            done.set()

    monkeypatch.setattr(leases, "renew", renew)
    monkeypatch.setattr(leases, "LEASE", dt.timedelta(seconds=1))
    app = make_app(database_url, extra_plugins={"trial": plugin(Job("trial.slow", "x", HOUR, slow))})
    thread = start(app, stop)
    assert done.wait(PATIENCE)
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_running_every_job_once_keeps_its_leases(
    database_url: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise another worker would take a long job in the midst of it."""
    renewed, real = threading.Event(), leases.renew

    def renew(session: PortalSession, keys: set[str], holder: str) -> None:
        real(session, keys, holder)
        if "trial.slow" in keys:
            renewed.set()

    def slow(session: PortalSession) -> None:
        assert renewed.wait(PATIENCE)

    monkeypatch.setattr(leases, "renew", renew)
    monkeypatch.setattr(leases, "LEASE", dt.timedelta(seconds=1))
    monkeypatch.setattr(worker, "core_jobs", lambda settings: [])
    job = Job("trial.slow", "x", HOUR, slow)
    assert run_once(make_app(database_url, extra_plugins={"trial": plugin(job)}), ["short"])


class Watched(set[str]):
    """A set that can only be gone through while nobody else may change it."""

    def __init__(self, guard: threading.Condition) -> None:
        super().__init__()
        self.guard = guard

    def __iter__(self) -> Iterator[str]:
        held: list[bool] = []
        other = threading.Thread(target=lambda: held.append(not self.guard.acquire(blocking=False)))
        other.start()
        other.join()
        assert held == [True], "a job that ends meanwhile would end the worker"
        return super().__iter__()


def test_a_job_that_ends_while_others_begin_does_not_end_the_worker(sqlite_app: Flask, stop: threading.Event) -> None:
    found = Worker(sqlite_app)
    found.running = Watched(found._changed)
    found.running.add("audit.seal")
    with found.session() as session:
        leases.announce_jobs(session, found.jobs)
    found._begin_due({lane: Recorded() for lane in worker.AT_A_TIME})  # type: ignore[misc]
    with found._changed:
        assert len(found.running) > 1


class Recorded:
    """A pool that runs nothing."""

    def submit(self, *_given: object) -> None:
        return


def test_only_the_lanes_asked_for(sqlite_app: Flask) -> None:
    assert "remittance.import-uploads" in Worker(sqlite_app, ["long"]).jobs
    assert "remittance.import-uploads" not in Worker(sqlite_app, ["short"]).jobs
    assert "audit.seal" in Worker(sqlite_app, ["short"]).jobs


# Failures


def ends_the_process(session: PortalSession) -> None:
    raise SystemExit(3)


def quotes_data(session: PortalSession) -> None:
    raise ValueError("member 123-45-6789")


def failing(app: Flask) -> dict[str, tuple[str, str, int]]:
    with World(app).session() as session:
        rows = session.scalars(sa.select(PluginFailure)).all()
        return {row.place: (row.plugin, row.error, row.times) for row in rows}


def test_failures_show_on_the_page_of_every_process_until_they_succeed(database_url: str, make_app: MakeApp) -> None:
    broken = [True]

    def sometimes(session: PortalSession) -> None:
        if broken[0]:
            quotes_data(session)

    jobs = Job("trial.exit", "x", HOUR, ends_the_process), Job("trial.sometimes", "x", HOUR, sometimes)
    app = make_app(database_url, extra_plugins={"trial": plugin(*jobs)})
    assert not run_once(app)
    assert not run_once(app)
    found = failing(app)
    assert found["trial.exit"][0] == "trial"
    assert found["trial.exit"][1].startswith("SystemExit (test_worker.py, line ")
    assert found["trial.exit"][2] == 2
    web = make_app(database_url, extra_plugins={"trial": plugin(*jobs)})
    world = World(web)
    world.staff("a.keeper", permissions=("staff:console:open", "staff:plugins:read"))
    keeper = world.sign_in("a.keeper")
    page = keeper.get("/staff/plugins").text
    assert "trial.exit" in page
    assert "trial.sometimes" in page
    assert "123-45-6789" not in page
    broken[0] = False
    run_once(app)
    assert failing(app).keys() == {"trial.exit"}
    assert "trial.sometimes" not in keeper.get("/staff/plugins").text


def test_a_hook_that_ends_the_process_or_fails_in_a_page_is_noted(database_url: str, make_app: MakeApp) -> None:
    def told(event: object) -> None:
        raise SystemExit(4)

    module = ModuleType("trial")
    module.portal_event = hookimpl(told, specname="portal_event")  # type: ignore[attr-defined]
    app = make_app(database_url, extra_plugins={"trial": module})
    with app.app_context(), World(app).session() as session:
        plugins_of(app).first("portal_event", event=None)
        session.rollback()
    assert failing(app)["portal_event"][:1] == ("trial",)


def a_job(key: str = "trial.a", **values: object) -> object:
    return Job(key, "x", **{"every": HOUR, "run": quotes_data, **values})  # type: ignore[arg-type]


WRONG_JOBS: dict[str, tuple[list[object], str]] = {
    "another's key": ([a_job("remittance.import-uploads")], "must start with 'trial.'"),
    "the core's key": ([a_job("audit.seal")], "must start with 'trial.'"),
    "twice": ([a_job(), a_job()], "two jobs are called 'trial.a'"),
    "never": ([a_job(every=dt.timedelta(0))], "must be a time span"),
    "no time": ([a_job(every=5)], "must be a time span"),
    "nothing to run": ([a_job(run=None)], "cannot be called"),
    "no such lane": ([a_job(lane="fast")], "no lane 'fast'"),
    "no job": ([object()], "holds object instead of Job"),
}


@pytest.mark.parametrize("case", WRONG_JOBS)
def test_wrong_jobs_are_a_failure_of_their_plugin(
    case: str,
    sqlite_app: Flask,
    make_app: MakeApp,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    jobs, words = WRONG_JOBS[case]
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    app = make_app(url, extra_plugins={"trial": plugin(*jobs)})
    assert run_once(app), "the others' jobs ran"
    assert failing(app)["portal_jobs"][0] == "trial"
    keys = [job.key for job in worker.all_jobs(app)]
    assert "audit.seal" in keys
    assert len(keys) == len(set(keys))
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("answer", [None, "text", 5, {"a": 1}, [object()]])
def test_wrong_answers_of_the_demo(answer: object, sqlite_app: Flask, make_app: MakeApp) -> None:
    module = ModuleType("trial")
    module.portal_demo = hookimpl(lambda session: answer, specname="portal_demo")  # type: ignore[attr-defined]
    app = make_app(sqlite_app.extensions["hp_portal.settings"].database_url, extra_plugins={"trial": module})
    with app.app_context(), World(app).session() as session:
        assert "trial" not in dict(plugins_of(app).collect("portal_demo", session=session))
        session.commit()
    assert failing(app)["portal_demo"][1].startswith("TypeError")


def test_import_that_ends_the_process(sqlite_app: Flask, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    class Entry:
        name, module, dist = "trial", "trial_of_nothing", None

        def load(self) -> object:
            raise SystemExit("bye")

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Entry()])
    app = make_app(sqlite_app.extensions["hp_portal.settings"].database_url)
    assert plugins_of(app).states["trial"].error.startswith("import: SystemExit: bye (test_worker.py, line")


def test_the_worker_gives_new_applications_their_place_in_the_matrix(
    database_url: str, make_app: MakeApp, stop: threading.Event, tmp_path: Path
) -> None:
    """Of a plugin that was installed without an upgrade of the database."""
    app = make_app(database_url, extra_plugins={"claim-status": write_plugin(tmp_path, "claim-status")})
    stop.set()
    Worker(app).run(stop)
    with database_of(app).new_session(WholeScope("x")) as session:
        cells = session.scalars(
            sa.select(ApplicationSetting.audience).where(ApplicationSetting.application == "claim-status")
        ).all()
    assert len(cells) == 6
