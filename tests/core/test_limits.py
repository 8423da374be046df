"""Tries that failed: what counts, for how long, and what a success takes back."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hp_portal.core.limits import paces, proofs, sign_ins
from hp_portal.core.limits.attempts import (
    TooManyAttempts,
    check_attempts,
    clean,
    count_failure,
    forget_failures,
    forget_parts,
    take_back,
    waits_of,
)
from hp_portal.core.limits.models import Attempt, FailureTotal, Pace
from hp_portal.core.limits.paces import keep_pace
from hp_portal.core.limits.totals import (
    Growing,
    check_total,
    clean_totals,
    count_total,
    forget_total,
    total_waits,
)
from hp_portal.core.limits.waiting import wait_words
from hp_portal.database import PortalSession
from hp_portal.worker import core_jobs, run_job
from tests.conftest import MakeApp
from tests.support.client import PortalClient
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


def test_the_waits_of_wholes_are_the_longest_of_their_parts(world: World, clock: Clock) -> None:
    clock.set(START)
    with world.session() as session:
        for part, whole, tries in (("a1", "a", 3), ("b1", "b", 2), ("a2", "a", 3), ("c1", "c", 4), ("free", "", 9)):
            for _ in range(tries):
                count_failure(session, "sign-in", part, of=whole)
                clock.advance(seconds=20)
        count_failure(session, "proof", "d1", of="d")
        parts = {"a": ("a1", "a2"), "b": ("b1",), "c": ("c1",), "d": ("d1",)}
        for limit in (1, 2, 3, 4, 5):
            found = waits_of(session, "sign-in", ["a", "b", "c", "d"], limit=limit, window=WINDOW)
            one_by_one = {
                whole: [length for part in mine if (length := wait(session, part, limit=limit))]
                for whole, mine in parts.items()
            }
            assert found == {whole: max(lengths) for whole, lengths in one_by_one.items() if lengths}
        assert waits_of(session, "sign-in", ["b"], limit=1, window=WINDOW).keys() == {"b"}
        forget_parts(session, "sign-in", "a")
        assert [wait(session, part, limit=1) is None for part in ("a1", "a2", "b1", "free")] == [
            True,
            True,
            False,
            False,
        ]
        clock.advance(WINDOW)
        assert waits_of(session, "sign-in", ["c"], limit=1, window=WINDOW) == {}, "all have left the window"


SLOWER = Growing(free=3, first=dt.timedelta(minutes=2), slowest=dt.timedelta(minutes=10))


@pytest.mark.parametrize(
    ("failed", "minutes"), [(0, 0), (2, 0), (3, 2), (4, 4), (5, 8), (6, 10), (7, 10), (10_000, 10)]
)
def test_a_wait_doubles_up_to_the_slowest(failed: int, minutes: int) -> None:
    assert SLOWER.wait(failed) == dt.timedelta(minutes=minutes)


def total_wait(session: PortalSession, subject: str, kind: str = "sign-in") -> dt.timedelta | None:
    try:
        check_total(session, kind, subject, SLOWER)
    except TooManyAttempts as error:
        return error.wait
    return None


def test_a_total_grows_for_as_long_as_nobody_succeeds(world: World, clock: Clock) -> None:
    clock.set(START)
    with world.session() as session:
        assert [count_total(session, "sign-in", "a") for _ in range(2)] == [1, 2]
        assert total_wait(session, "a") is None
        assert count_total(session, "sign-in", "a") == 3
        assert total_wait(session, "a") == dt.timedelta(minutes=2)
        assert (total_wait(session, "b"), total_wait(session, "a", "proof")) == (None, None)
        assert total_waits(session, "sign-in", ["a", "b"], SLOWER) == {"a": dt.timedelta(minutes=2)}
        clock.advance(minutes=1, seconds=59)
        assert total_wait(session, "a") == dt.timedelta(seconds=1)
        clock.advance(seconds=1)
        assert total_wait(session, "a") is None
        assert total_waits(session, "sign-in", ["a"], SLOWER) == {}
        clock.advance(days=20)
        assert count_total(session, "sign-in", "a") == 4, "in all, not within a window"
        assert total_wait(session, "a") == dt.timedelta(minutes=4)
        forget_total(session, "sign-in", "b")
        assert total_wait(session, "a") is not None
        forget_total(session, "sign-in", "a")
        assert total_wait(session, "a") is None
        assert count_total(session, "sign-in", "a") == 1
        kept = session.scalars(sa.select(FailureTotal.subject)).one()
        assert kept == session.vault.digest("a", "failure total")


def test_totals_are_forgotten_when_nobody_fails_for_long(world: World, clock: Clock) -> None:
    clock.set(START)
    with world.session() as session:
        count_total(session, "sign-in", "a")
        count_total(session, "proof", "a")
        clock.advance(days=1)
        count_total(session, "sign-in", "b")
        clock.advance(days=1)
        for days, left in ((2, 3), (1.5, 2)):
            clean_totals(session, "sign-in", dt.timedelta(days=days))
            assert session.scalar(sa.select(sa.func.count(FailureTotal.id))) == left
        assert session.scalars(sa.select(FailureTotal.kind).order_by(FailureTotal.kind)).all() == ["proof", "sign-in"]


def test_totals_of_proofs_and_passwords_are_forgotten_each_in_its_time(world: World, clock: Clock) -> None:
    """A month for passwords, a year for proofs."""
    clock.set(START)
    with world.session() as session:
        for kind in ("sign-in", "own-password", "proof"):
            count_total(session, kind, "a")

        def kinds(*, days: int) -> list[str]:
            clock.set(START + dt.timedelta(days=days))
            sign_ins.clean(session)
            proofs.clean(session)
            return list(session.scalars(sa.select(FailureTotal.kind).order_by(FailureTotal.kind)))

        assert kinds(days=30) == ["own-password", "proof", "sign-in"]
        assert kinds(days=31) == ["proof"]
        assert kinds(days=365) == ["proof"]
        assert kinds(days=366) == []


def test_the_payer_is_to_look_when_the_next_try_must_wait(world: World) -> None:
    """By the tries of one organization, and of all; what others do is no matter to whoever is linked."""
    settings = world.settings.model_copy(update={"proof_attempts": 2, "proof_attempts_per_tin": 3})
    with world.session() as session:

        def failed(organization: int, *, linked: bool = False) -> bool:
            return proofs.count_failed_proof(
                session, settings, proofs.ProofTry(organization, "900000001", linked)
            ).alarming

        assert [failed(1), failed(1)] == [False, True]
        assert failed(2), "the third of all"
        assert not failed(3, linked=True)


def test_each_total_is_locked_by_what_it_is_aimed_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr("hp_portal.core.limits.totals.lock", lambda _session, name: taken.append(name))
    with world.session() as session:
        check_total(session, "proof", "tin:000000001", SLOWER)
        count_total(session, "proof", "tin:000000001")
    assert taken == ["total:proof:tin:000000001"] * 2


@pytest.mark.parametrize(("minutes", "words"), [(1, "1 minute"), (90, "90 minutes"), (91, "2 hours"), (360, "6 hours")])
def test_a_long_wait_is_told_in_hours(minutes: int, words: str) -> None:
    assert wait_words(TooManyAttempts(dt.timedelta(minutes=minutes))) == words


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


def change(client: PortalClient, current: str, new: str) -> int:
    return client.post("/change-password", {"current": current, "new": new, "again": new}).status_code


def test_the_right_current_password_is_no_failed_try(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url, attempts_per_account=2))
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    assert [change(client, PASSWORD, "too short") for _ in range(3)] == [422] * 3
    assert [change(client, *pair) for pair in ((PASSWORD, NEW), (NEW, PASSWORD), (PASSWORD, NEW))] == [303] * 3
    assert change(client, "wrong", PASSWORD) == 422
    assert change(client, NEW, PASSWORD) == 303, "one wrong try leaves another"
    assert [change(client, "wrong", NEW), change(client, PASSWORD, NEW)] == [422, 429], "and does not go away"


def test_each_try_is_locked_by_what_it_is_aimed_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries made at once are counted one by one: the lock is held before anything is counted."""
    taken: list[str] = []
    monkeypatch.setattr("hp_portal.core.limits.attempts.lock", lambda _session, name: taken.append(name))
    with world.session() as session:
        check_attempts(session, "proof", "payee:000000001", limit=3, window=WINDOW)
    assert taken == ["attempt:proof:payee:000000001"]


def test_what_may_be_done_so_often_is_counted_by_all_processes_together(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.set(START + dt.timedelta(seconds=20))
    minute, waits = dt.timedelta(minutes=1), set[dt.timedelta]()

    def let_in(subject: str, limit: int = 5) -> bool:
        with world.session() as session:
            try:
                keep_pace(session, "sample pages", subject, limit=limit, window=minute)
            except TooManyAttempts as error:
                waits.add(error.wait)
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: let_in("a"), range(12)))
    assert found.count(True) == 5
    assert waits == {dt.timedelta(seconds=40)}
    stale, real = iter([False]), paces._full
    monkeypatch.setattr(paces, "_full", lambda *given: next(stale, None) is None and real(*given))
    assert not let_in("a"), "somebody else has taken the last one since it was looked at"
    assert let_in("b")
    with world.session() as session:
        assert dict(session.execute(sa.select(Pace.counted, sa.func.count()).group_by(Pace.counted)).all()) == {
            5: 1,
            1: 1,
        }
    clock.advance(seconds=40)
    assert [let_in("a", 1) for _ in range(2)] == [True, False], "a new minute"
    clock.advance(days=2)
    [job] = [one for one in core_jobs(world.settings) if one.key == "identity.forget-attempts"]
    with world.app.app_context():
        assert run_job(world.app, job)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Pace.id))) == 0
