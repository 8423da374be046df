"""Tries that failed: what counts, for how long, and what a success takes back."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal.core.limits.attempts import (
    TooManyAttempts,
    check_attempts,
    clean,
    count_failure,
    forget_failures,
    take_back,
    waits,
)
from hp_portal.core.limits.models import Attempt
from hp_portal.database import PortalSession
from hp_portal.worker import core_jobs, run_job
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.world import PASSWORD, World

START = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
WINDOW = dt.timedelta(minutes=15)
NEW = "purple-anchor-window-2031"


def wait(session: PortalSession, subject: str, *, kind: str = "sign-in", limit: int = 3) -> dt.timedelta | None:
    """How long one would have to wait for another try; None when there is one left."""
    try:
        check_attempts(session, kind, subject, limit=limit, window=WINDOW)
    except TooManyAttempts as error:
        return error.wait
    return None


def test_the_last_tries_within_the_window_count(world: World, clock: Clock) -> None:
    clock.set(START)
    with world.session() as session:
        for _ in range(3):
            assert wait(session, "a") is None
            count_failure(session, "sign-in", "a")
            clock.advance(minutes=2)
        # The first of the three leaves the window 15 minutes after it was made.
        assert wait(session, "a") == dt.timedelta(minutes=9)
        assert wait(session, "b") is None
        assert wait(session, "a", kind="proof") is None
        clock.advance(minutes=8, seconds=59)
        assert wait(session, "a") == dt.timedelta(seconds=1)
        clock.advance(seconds=1)
        assert wait(session, "a") is None
        count_failure(session, "sign-in", "a")
        assert wait(session, "a") == dt.timedelta(minutes=2), "until the second one leaves"


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (1, 1), (60, 1), (61, 2), (899, 15), (900, 15)])
def test_a_wait_is_told_in_whole_minutes(seconds: int, minutes: int) -> None:
    error = TooManyAttempts(dt.timedelta(seconds=seconds))
    assert (error.minutes, error.wait) == (minutes, dt.timedelta(seconds=seconds))
    assert str(error) == "too many attempts"


def test_what_is_forgotten_and_what_is_taken_back(world: World) -> None:
    with world.session() as session:
        for subject in ("a", "b"):
            for kind in ("sign-in", "proof"):
                for _ in range(3):
                    count_failure(session, kind, subject)
        take_back(session, "sign-in", "a")
        assert wait(session, "a") is None, "one of three is taken back"
        assert wait(session, "a", limit=2) is not None, "two are left"
        assert wait(session, "a", kind="proof") is not None
        assert wait(session, "b") is not None
        forget_failures(session, "sign-in", "a")
        assert wait(session, "a", limit=1) is None
        assert wait(session, "a", kind="proof") is not None
        assert wait(session, "b") is not None
        take_back(session, "sign-in", "nobody")
        assert session.scalar(sa.select(sa.func.count(Attempt.id))) == 9


def test_the_waits_of_many_at_once_are_those_of_each(world: World, clock: Clock) -> None:
    clock.set(START)
    with world.session() as session:
        for subject, tries in (("a", 3), ("b", 2), ("c", 4)):
            for _ in range(tries):
                count_failure(session, "sign-in", subject)
                clock.advance(minutes=1)
        count_failure(session, "proof", "d")
        count_failure(session, "proof", "d")
        for limit in (1, 2, 3, 4, 5):
            found = waits(session, "sign-in", ["a", "b", "c", "d"], limit=limit, window=WINDOW)
            one_by_one = {subject: wait(session, subject, limit=limit) for subject in ("a", "b", "c", "d")}
            assert found == {subject: length for subject, length in one_by_one.items() if length is not None}
        assert waits(session, "sign-in", ["b"], limit=1, window=WINDOW).keys() == {"b"}
        clock.set(START + dt.timedelta(minutes=8) + WINDOW)
        assert waits(session, "sign-in", ["c"], limit=1, window=WINDOW) == {}, "the last one has just left the window"


def test_a_subject_is_kept_as_a_keyed_hash(world: World) -> None:
    with world.session() as session:
        count_failure(session, "sign-in", "person:1")
        session.flush()
        kept = session.scalars(sa.select(Attempt.subject)).one()
        assert kept == session.vault.digest("person:1", "attempt")


def test_only_counts_that_no_window_reaches_are_removed(world: World, clock: Clock) -> None:
    clock.set(START)
    with world.session() as session:
        for hours in (0, 1, 1):
            clock.advance(hours=hours)
            count_failure(session, "sign-in", "a")
        session.flush()
        for minutes, left in ((120, 3), (90, 2), (60, 2), (59, 1)):
            clean(session, dt.timedelta(minutes=minutes))
            assert session.scalar(sa.select(sa.func.count(Attempt.id))) == left


def test_the_worker_leaves_what_still_counts(world: World, clock: Clock) -> None:
    clock.set(START)
    world.person("a.clerk")
    job = next(job for job in core_jobs(world.settings) if job.key == "identity.forget-attempts")
    for _ in range(5):
        world.client().post("/sign-in", {"username": "a.clerk", "password": "wrong", "next": ""})
    for hours, left in ((23, 10), (2, 0)):
        clock.advance(hours=hours)
        assert run_job(world.app, job)
        with world.session() as session:
            assert session.scalar(sa.select(sa.func.count(Attempt.id))) == left


def enter(world: World, name: str = "a.clerk", password: str = PASSWORD) -> int:
    return world.client().post("/sign-in", {"username": name, "password": password, "next": ""}).status_code


def test_a_success_takes_its_own_try_back_from_the_address(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url, attempts_per_address=3))
    world.person("a.clerk")
    assert [enter(world) for _ in range(4)] == [303] * 4, "people of one office share an address"


def test_a_success_leaves_the_tries_of_others_at_the_address(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url, attempts_per_address=3))
    world.person("a.clerk")
    assert [enter(world, name, "wrong") for name in ("b", "c")] == [422, 422]
    assert enter(world) == 303
    assert enter(world, "d", "wrong") == 422
    assert enter(world) == 429, "three have failed, whoever got in meanwhile"


def change(world: World, current: str, new: str) -> int:
    form = {"current": current, "new": new, "again": new}
    return world.sign_in("a.clerk").post("/change-password", form).status_code


def test_the_right_current_password_is_no_failed_try(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url, attempts_per_account=2))
    world.person("a.clerk")
    assert [change(world, PASSWORD, "too short") for _ in range(3)] == [422] * 3
    assert [change(world, *pair) for pair in ((PASSWORD, NEW), (NEW, PASSWORD), (PASSWORD, NEW))] == [303] * 3
    assert change(world, "wrong", PASSWORD) == 422
    assert change(world, NEW, PASSWORD) == 303, "one wrong try leaves another"
    assert [change(world, "wrong", NEW), change(world, PASSWORD, NEW)] == [422, 429], "and does not go away"


def test_each_try_is_locked_by_what_it_is_aimed_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries made at once are counted one by one: the lock is held before anything is counted."""
    taken: list[str] = []
    monkeypatch.setattr("hp_portal.core.limits.attempts.lock", lambda _session, name: taken.append(name))
    with world.session() as session:
        check_attempts(session, "proof", "payee:000000001", limit=3, window=WINDOW)
    assert taken == ["attempt:proof:payee:000000001"]
