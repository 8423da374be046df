"""Leases: a row is one worker's at a time, and no longer than it lives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hp_portal.core.leases.leasing import LeaseLost, release_lease, renew_lease, take_lease
from hp_portal.database import PortalSession, is_postgresql
from hp_portal.scopes import WholeScope
from hp_portal_plugins.remittance.intake.models import Upload
from tests.support.clock import Clock
from tests.support.world import World

MINUTE = dt.timedelta(minutes=1)
WAITING = Upload.state == "waiting"


@pytest.fixture
def rows(world: World, clock: Clock) -> list[int]:
    """Two rows that wait; the time stands still."""
    clock.set(clock.now())
    person = world.staff("importer")
    with world.session() as session:
        made = [
            Upload(
                name=name, size=0, uploaded_at=clock.now(), uploaded_by_id=person.id, state="waiting", bytes_read=0,
                payments_read=0,
            )
            for name in ("a", "b")
        ]  # fmt: skip
        session.add_all(made)
        session.flush()
        return [row.id for row in made]


@pytest.fixture
def sessions(world: World) -> Iterator[tuple[PortalSession, PortalSession]]:
    scope = WholeScope("a worker")
    with world.database.new_session(scope) as first, world.database.new_session(scope) as second:
        yield first, second


def test_each_row_is_taken_by_one_worker(rows: list[int], sessions: tuple[PortalSession, PortalSession]) -> None:
    taken = []
    for session in (*sessions, sessions[0]):
        lease = take_lease(session, Upload, WAITING, lasts=MINUTE)
        session.commit()
        taken.append(lease and (lease.id, lease.attempts))
    assert taken == [(rows[0], 1), (rows[1], 1), None]


def test_a_lease_that_is_not_committed_yet_is_respected(
    rows: list[int], sessions: tuple[PortalSession, PortalSession]
) -> None:
    first, second = sessions
    lease = take_lease(first, Upload, WAITING, lasts=MINUTE)
    assert lease is not None
    if is_postgresql(second):  # SQLite has one writer: the second waits until the first is done
        other = take_lease(second, Upload, WAITING, lasts=MINUTE)
        assert other is not None
        assert other.id != lease.id
        second.commit()
    first.commit()


def test_the_order_and_the_conditions_are_the_caller_s(
    rows: list[int], sessions: tuple[PortalSession, PortalSession]
) -> None:
    session, _ = sessions
    lease = take_lease(session, Upload, WAITING, lasts=MINUTE, first=Upload.name.desc())
    assert lease is not None
    assert lease.id == rows[1]
    assert take_lease(session, Upload, Upload.state == "done", lasts=MINUTE) is None


def test_a_row_is_taken_again_when_its_lease_has_run_out(
    rows: list[int], sessions: tuple[PortalSession, PortalSession], clock: Clock
) -> None:
    first, second = sessions
    dead = take_lease(first, Upload, Upload.id == rows[0], lasts=MINUTE)
    first.commit()
    assert dead is not None
    clock.advance(MINUTE)
    assert take_lease(second, Upload, Upload.id == rows[0], lasts=MINUTE) is None, "up to its very end"
    clock.advance(dt.timedelta(seconds=1))
    lease = take_lease(second, Upload, Upload.id == rows[0], lasts=MINUTE)
    second.commit()
    assert lease is not None
    assert lease.attempts == 2
    for deed in (renew_lease, release_lease):
        with pytest.raises(LeaseLost):
            deed(first, dead, *([MINUTE] if deed is renew_lease else []))
        first.rollback()
    renew_lease(second, lease, MINUTE, state="reading")
    second.commit()
    assert second.get_one(Upload, rows[0]).state == "reading"


def test_a_renewed_lease_lasts_longer(
    rows: list[int], sessions: tuple[PortalSession, PortalSession], clock: Clock
) -> None:
    first, second = sessions
    lease = take_lease(first, Upload, Upload.id == rows[0], lasts=MINUTE)
    assert lease is not None
    first.commit()
    clock.advance(MINUTE)
    renew_lease(first, lease, MINUTE)
    first.commit()
    clock.advance(MINUTE)
    assert lease.until == clock.now()
    assert take_lease(second, Upload, Upload.id == rows[0], lasts=MINUTE) is None


def test_a_released_row_waits_again_unless_its_state_says_otherwise(
    rows: list[int], sessions: tuple[PortalSession, PortalSession]
) -> None:
    session, other = sessions
    for state, again in (("waiting", True), ("done", False)):
        lease = take_lease(session, Upload, WAITING, Upload.id == rows[0], lasts=MINUTE)
        assert lease is not None
        release_lease(session, lease, state=state)
        session.commit()
        waiting = sa.select(Upload.id).where(WAITING, Upload.leased_until.is_(None), Upload.id == rows[0])
        assert (other.scalar(waiting) is not None) is again
        other.rollback()
        with pytest.raises(LeaseLost):
            release_lease(session, lease)
        session.rollback()


def test_a_lease_of_a_row_that_is_gone_is_lost(rows: list[int], sessions: tuple[PortalSession, PortalSession]) -> None:
    session, _ = sessions
    lease = take_lease(session, Upload, WAITING, lasts=MINUTE)
    assert lease is not None
    session.execute(sa.delete(Upload))
    with pytest.raises(LeaseLost):
        renew_lease(session, lease, MINUTE)


def test_what_the_session_knew_of_the_row_is_read_again(
    rows: list[int], sessions: tuple[PortalSession, PortalSession]
) -> None:
    session, _ = sessions
    row = session.get_one(Upload, rows[0])
    lease = take_lease(session, Upload, WAITING, lasts=MINUTE)
    assert lease is not None
    assert (row.attempts, row.leased_until) == (1, lease.until)
    release_lease(session, lease, state="done")
    assert (row.state, row.leased_until) == ("done", None)
