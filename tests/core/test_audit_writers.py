"""Writers' numbers follow the transaction, whatever becomes of it: an honest record has no gap, and nothing twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy.engine.default import DefaultDialect

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import Who, record
from hp_portal.database import PortalSession, start_writing
from hp_portal.scopes import WholeScope
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.tampering import check, end_connections, own, seal_all, write
from tests.support.world import World

NOW = dt.datetime(2026, 11, 3, 15, 0, tzinfo=dt.UTC)


def numbers(world: World) -> list[tuple[int, int | None]]:
    """Of each event which writer's it is, by order of appearance, and its number."""
    with world.session() as session:
        rows = session.execute(sa.select(AuditEvent.writer, AuditEvent.number).order_by(AuditEvent.id)).all()
    order: dict[int | None, int] = {}
    return [(order.setdefault(writer, len(order)), number) for writer, number in rows]


def test_a_connection_numbers_its_events(world: World) -> None:
    write(world, 2)
    write(world, 1)
    end_connections(world)
    write(world, 1)
    assert numbers(world) == [(0, 1), (0, 2), (0, 3), (1, 1)]


def test_a_rollback_takes_the_numbers_back(world: World) -> None:
    write(world, 1)
    with world.session() as session:
        record(session, "audit.own.viewed", page=1)
        session.rollback()
        record(session, "audit.own.viewed", page=2)
    with world.database.new_session(WholeScope("left without a word")) as session:
        record(session, "audit.own.viewed", page=3)
    write(world, 1)
    assert numbers(world) == [(0, 1), (0, 2), (0, 3)]


def test_a_savepoint_rolled_back_takes_its_numbers_back(world: World) -> None:
    """Within others, kept or not, and also one that is older than the writer."""
    with world.session() as session:
        start_writing(session)
        with session.begin_nested() as outer:
            record(session, "audit.own.viewed", page=1)
            outer.rollback()
        record(session, "audit.own.viewed", page=2)
        with session.begin_nested():
            record(session, "audit.own.viewed", page=3)
            with session.begin_nested() as inner:
                record(session, "audit.own.viewed", page=4)
                inner.rollback()
            with session.begin_nested():
                record(session, "audit.own.viewed", page=5)
        with session.begin_nested() as last:
            with session.begin_nested():
                record(session, "audit.own.viewed", page=6)
            last.rollback()
        record(session, "audit.own.viewed", page=7)
    assert numbers(world) == [(0, number) for number in range(1, 5)]
    assert check(world).broken is None


def test_a_failed_commit_ends_the_writer(database_url: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it was committed is not known, so that nothing may build upon it."""

    class Away(Exception):
        pass

    away: list[bool] = []
    commit = DefaultDialect.do_commit

    def fail(dialect: DefaultDialect, connection: Any) -> None:
        if away:
            connection.rollback()
            raise Away
        commit(dialect, connection)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(DefaultDialect, "do_commit", fail)
    world = World(make_app(database_url))
    write(world, 1)
    with world.database.new_session(WholeScope("a test")) as session:
        record(session, "audit.own.viewed", page=1)
        away.append(True)
        with pytest.raises(Away):
            session.commit()
        away.clear()
    write(world, 1)
    assert numbers(world) == [(0, 1), (1, 1)]
    assert check(world).broken is None


def test_an_event_that_cannot_be_written_ends_the_writer(world: World) -> None:
    """What came before it in the transaction stays, and is followed by a new writer's."""
    with world.session() as session:
        record(session, "audit.own.viewed", page=1)
        nested = session.begin_nested()
        with pytest.raises(sa.exc.IntegrityError):
            record(session, "audit.own.viewed", page=2, who=Who(person_id=987654))
        nested.rollback()
        record(session, "audit.own.viewed", page=3)
    write(world, 1)
    assert numbers(world) == [(0, 1), (1, 1), (1, 2)]
    assert check(world).broken is None


def test_an_anchor_is_looked_up_now_and_then_and_never_goes_back(world: World, clock: Clock) -> None:
    clock.set(NOW)
    write(world, 1)
    assert seal_all(world) is None
    clock.advance(seconds=29)
    write(world, 1)
    clock.advance(seconds=1)
    write(world, 1)
    own(world, "DELETE FROM audit_sealed_row", "DELETE FROM audit_seal")
    clock.advance(minutes=1)
    write(world, 1)
    with world.session() as session:
        assert session.scalars(sa.select(AuditEvent.anchor).order_by(AuditEvent.id)).all() == [0, 0, 1, 1]


class Record(RuleBasedStateMachine):
    """Events written, undone to a savepoint or altogether, lost with their connection and sealed, in any order."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[int] = []
        self.page = 0
        self.session: PortalSession | None = None
        self.pending: list[int] = []
        self.marks: list[tuple[Any, int]] = []
        self.first = len(numbers(self.world))

    @precondition(lambda self: self.session is None)
    @rule()
    def begin(self) -> None:
        self.session = self.world.database.new_session(WholeScope("a test"))
        start_writing(self.session)

    @precondition(lambda self: self.session is not None)
    @rule(count=st.integers(1, 3))
    def write(self, count: int) -> None:
        assert self.session is not None
        for _ in range(count):
            self.page += 1
            record(self.session, "audit.own.viewed", page=self.page)
            self.pending.append(self.page)

    @precondition(lambda self: self.session is not None)
    @rule()
    def mark(self) -> None:
        assert self.session is not None
        self.marks.append((self.session.begin_nested(), len(self.pending)))

    @precondition(lambda self: self.marks)
    @rule(keep=st.booleans())
    def end_mark(self, keep: bool) -> None:
        nested, place = self.marks.pop()
        if keep:
            nested.commit()
        else:
            nested.rollback()
            del self.pending[place:]

    @precondition(lambda self: self.session is not None)
    @rule(how=st.sampled_from(["commit", "rollback", "close", "crash"]))
    def end(self, how: str) -> None:
        assert self.session is not None
        if how == "commit":
            for nested, _ in reversed(self.marks):
                nested.commit()
            self.session.commit()
            self.kept += self.pending
        elif how == "rollback":
            self.session.rollback()
        elif how == "crash":
            self.session.connection().invalidate()
        self.session.close()
        self.session, self.pending, self.marks = None, [], []

    @precondition(lambda self: self.session is None)
    @rule()
    def seal(self) -> None:
        assert seal_all(self.world) is None

    @precondition(lambda self: self.session is None)
    @rule()
    def restart(self) -> None:
        end_connections(self.world)

    @precondition(lambda self: self.session is None)
    @invariant()
    def an_honest_record_holds(self) -> None:
        found = check(self.world)
        assert found.broken is None
        assert found.sealed + found.unsealed == self.first + len(self.kept)

    def teardown(self) -> None:
        if self.session is not None:
            self.session.close()


def test_whatever_becomes_of_transactions(world: World) -> None:
    Record.world = world
    few = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Record, settings=few)
