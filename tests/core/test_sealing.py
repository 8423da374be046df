"""Sealing: batches in a chain, and what verification names when somebody was at the database."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Callable, Iterator
from time import tzset
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.activity import sealing
from hp_portal.core.activity.sealing import ChainLost, RecordBroken, Sealed, seal, seal_batch, seal_everything
from hp_portal.core.activity.verifying import Verification, batch_text, verify
from hp_portal.core.audit.chain import Checker, hash_of, seal_digest, taken_over_mac
from hp_portal.core.audit.models import AuditEvent, AuditSealedRow
from hp_portal.core.audit.record import record
from hp_portal.core.audit.triggers import drop_triggers
from hp_portal.core.audit.writers import MACED, canonical
from hp_portal.scopes import WholeScope
from hp_portal.settings import ConfigurationError
from hp_portal.vault import Vault
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.databases import DATA_KEY, data_key, mighty_engine
from tests.support.world import World

NOW = dt.datetime(2026, 11, 3, 15, 0, tzinfo=dt.UTC)
MARCH = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)


@pytest.fixture
def time(clock: Clock) -> Clock:
    clock.set(NOW)
    return clock


def write(world: World, count: int) -> None:
    with world.session() as session:
        for page in range(count):
            record(session, "audit.own.viewed", page=page)


def seal_all(world: World, batch: int = 3) -> list[int]:
    done: list[int] = []
    while True:
        with world.session() as session:
            try:
                sealed = seal(session, batch)
            except ChainLost:
                return done
        if not sealed:
            return done
        done.append(sealed)


def check(world: World) -> Verification:
    with world.session() as session:
        return verify(session)


def tamper(world: World, *statements: str) -> None:
    """What somebody with the database's password can do."""
    with mighty_engine(world.app) as engine, engine.begin() as connection:
        for statement in (*drop_triggers(connection.dialect.name), *statements):
            connection.exec_driver_sql(statement)


def test_sealing_in_batches(world: World, time: Clock) -> None:
    assert check(world) == Verification(0, 0, "", None)
    write(world, 8)
    assert check(world) == Verification(0, 8, "", None)
    assert seal_all(world) == [3, 3, 2]
    found = check(world)
    assert (found.sealed, found.unsealed, found.broken) == (8, 0, None)
    head = found.head
    write(world, 1)
    assert check(world) == Verification(8, 1, head, None)
    assert seal_all(world) == [1]
    assert check(world).head != head


def test_events_that_commit_late_are_sealed_with_their_lower_ids(world: World, time: Clock) -> None:
    """A slow transaction took its id before faster ones: it must be sealed, and not be taken for a forgery."""
    if world.database.engine.dialect.name == "sqlite":
        return  # One writer at a time: ids are in the order of commits.
    with world.database.new_session(WholeScope("the slow one")) as slow:
        record(slow, "audit.own.viewed", page=1)
        write(world, 1)
        assert seal_all(world) == [1]
        slow.commit()
    assert check(world).unsealed == 1
    assert seal_all(world) == [1]
    assert check(world) == Verification(2, 0, check(world).head, None)


def test_a_pause_of_the_worker_is_no_forgery(world: World, time: Clock) -> None:
    write(world, 2)
    seal_all(world)
    for _ in range(4):
        time.advance(days=2)
        write(world, 2)
    assert check(world).broken is None
    assert sum(seal_all(world)) == 8
    found = check(world)
    assert (found.sealed, found.unsealed, found.broken) == (10, 0, None)


def test_what_is_a_day_older_than_the_newest_sealed_event_was_slipped_in(world: World, time: Clock) -> None:
    """To the very moment: though it has a MAC, no transaction lasts that long."""
    write(world, 1)
    assert seal_all(world) == [1]
    for late, broken in ((1, None), (0, "event 3 was slipped in behind the chain")):
        time.set(NOW - dt.timedelta(days=1) + dt.timedelta(microseconds=late))
        write(world, 1)
        assert (check(world).broken, seal_all(world)) == (broken, [1] if late else [])
    time.set(NOW + dt.timedelta(minutes=1))
    write(world, 1)
    seal_all(world)
    assert check(world).broken == "event 3 was left out when those after it were sealed"


def test_batches_are_in_the_order_of_ids_however_the_database_finds_them(world: World, time: Clock) -> None:
    """SQLite is told to turn round what no statement orders."""
    write(world, 5)
    with world.session() as session:
        if session.get_bind().dialect.name == "sqlite":
            session.execute(sa.text("PRAGMA reverse_unordered_selects = ON"))
        assert [seal(session, 2) for _ in range(4)] == [2, 2, 1, 0]
        assert verify(session) == Verification(5, 0, verify(session).head, None)
        if session.get_bind().dialect.name == "sqlite":
            session.execute(sa.text("PRAGMA reverse_unordered_selects = OFF"))
        found = session.execute(sa.select(AuditSealedRow.seal_id).order_by(AuditSealedRow.event_id)).scalars()
        assert list(found) == [1, 1, 2, 2, 3]


def test_one_seals_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr("hp_portal.core.activity.sealing.lock", lambda _session, name: taken.append(name))
    with world.session() as session:
        assert seal(session) == 0
    assert taken == ["audit seal"]


def test_a_batch_says_what_became_of_it(world: World, time: Clock) -> None:
    """Also where a writer's second event begins it, and of no events at all."""
    write(world, 2)
    with world.session() as session:
        first = seal_batch(session, 1)
        assert (first.rows, first.number, first.last, first.more, first.broken) == (1, 1, 1, True, None)
        second = seal_batch(session, 1, after=first.last)
        assert (second.rows, second.number, second.last, second.more, second.broken) == (1, 2, 2, True, None)
        assert seal_batch(session, 1, after=second.last) == Sealed(0, 0, "", 2, False, None)


def test_what_may_not_be_sealed_is_told_and_holds_nothing_up(
    world: World, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(world, 3)
    tamper(world, "UPDATE audit_event SET fields = '{\"page\":9}' WHERE id IN (1, 2)")
    looked_at: list[int] = []

    def one_at_a_time(session: Any, after: int) -> Sealed:
        looked_at.append(after)
        assert len(looked_at) < 9, "without end"
        return seal_batch(session, 1, after)

    monkeypatch.setattr(sealing, "seal_batch", one_at_a_time)
    with world.session() as session, pytest.raises(RecordBroken, match="event 1 has been altered"):
        seal_everything(session)
    assert looked_at == [0, 1, 2, 3]
    assert check(world).broken == "event 2 has been altered", "not only: was left out"


@pytest.mark.parametrize(
    ("deeds", "lost"),
    [
        (
            ("DELETE FROM audit_sealed_row WHERE seal_id = 2", "DELETE FROM audit_seal WHERE id = 2"),
            "events name seal 2, and the newest is 1",
        ),
        (("UPDATE audit_seal SET covers = NULL",), "seal 2 does not fit the chain before it"),
    ],
)
def test_a_chain_that_is_not_as_it_was_made_is_not_gone_on_with(
    world: World, time: Clock, deeds: tuple[str, ...], lost: str
) -> None:
    for _ in range(2):
        write(world, 1)
        assert seal_all(world) == [1]
        time.advance(minutes=1)
    write(world, 1)
    tamper(world, *deeds)
    with world.session() as session, pytest.raises(ChainLost, match=lost):
        seal(session)


CASES: dict[str, tuple[tuple[str, ...], str]] = {
    "changed field": (("UPDATE audit_event SET fields = '{\"page\":9}' WHERE id = 5",), "event 5 has been altered"),
    "changed moment": (("UPDATE audit_event SET at = '2026-11-03 15:00:01' WHERE id = 5",), "event 5 has been altered"),
    "changed person": (("UPDATE audit_event SET reason = 'x' WHERE id IN (7, 5)",), "event 5 has been altered"),
    "removed row": (("DELETE FROM audit_event WHERE id = 5",), "event 5 has been removed"),
    "removed row and its seal": (
        ("DELETE FROM audit_event WHERE id = 5", "DELETE FROM audit_sealed_row WHERE event_id = 5"),
        "seal 2 covers 3 events, 2 are left",
    ),
    "removed seal": (
        ("DELETE FROM audit_sealed_row WHERE seal_id = 2", "DELETE FROM audit_seal WHERE id = 2"),
        "seal 2 is missing",
    ),
    "swapped rows": (
        (
            "UPDATE audit_event SET id = -1 WHERE id = 4",
            "UPDATE audit_event SET id = 4 WHERE id = 6",
            "UPDATE audit_event SET id = 6 WHERE id = -1",
        ),
        "event 4 has been altered",
    ),
    "swapped row digests": (
        (
            "UPDATE audit_sealed_row SET digest = (SELECT digest FROM audit_sealed_row WHERE event_id = 8) WHERE event_id = 5",
        ),
        "event 5 has been altered",
    ),
    "changed seal digest": (
        ("UPDATE audit_seal SET digest = (SELECT digest FROM audit_seal WHERE id = 1) WHERE id = 2",),
        "seal 2 does not fit",
    ),
    "changed count": (("UPDATE audit_seal SET rows = 4 WHERE id = 2",), "seal 2 covers 4 events, 3 are left"),
    "inserted old row": (
        (
            "INSERT INTO audit_event (id, at, event, request_id, address, reason, fields) "
            "VALUES (900, '2026-10-20 12:00:00', 'audit.own.viewed', '', '', '', '{}')",
        ),
        "event 900 has no MAC",
    ),
    "row moved to another seal": (
        ("UPDATE audit_sealed_row SET seal_id = 3 WHERE event_id = 5",),
        "seal 2 covers 3 events, 2 are left",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_verification_names_the_first_broken_row(world: World, time: Clock, case: str) -> None:
    write(world, 9)
    assert seal_all(world) == [3, 3, 3]
    assert check(world).broken is None
    statements, broken = CASES[case]
    tamper(world, *statements)
    found = check(world).broken
    assert found is not None
    assert found.startswith(broken)
    # The worker goes on, and does not seal what was done into the truth.
    seal_all(world)
    found = check(world).broken
    assert found is not None
    assert found.startswith(broken)


@pytest.mark.parametrize("last", [1, 2])
def test_a_removed_last_seal_is_missed_while_its_rows_are_there(world: World, time: Clock, last: int) -> None:
    write(world, 3 * last)
    seal_all(world)
    with world.database.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    tamper_without_keys(world, f"DELETE FROM audit_seal WHERE id = {last}")
    assert check(world).broken == f"seal {last} is missing"


def tamper_without_keys(world: World, statement: str) -> None:
    with mighty_engine(world.app) as engine, engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        for drop in drop_triggers(connection.dialect.name):
            connection.exec_driver_sql(drop)
        connection.exec_driver_sql(statement)
        connection.commit()
        connection.invalidate()


def test_somebody_without_the_key_cannot_seal(world: World, time: Clock) -> None:
    """Even knowing how it is done: the digests are keyed."""
    write(world, 1)
    other = Vault([b"another key, of 32 bytes exactly"])
    with world.session() as session:
        text = canonical(session.execute(sa.select(AuditEvent.id, AuditEvent.at)).one())
        assert other.mac(text) != session.vault.mac(text)


def test_the_chain_holds_when_the_data_key_is_rotated(database_url: str, make_app: MakeApp, time: Clock) -> None:
    new = data_key("newer")
    before = World(make_app(database_url))
    write(before, 4)
    seal_all(before)
    rotated = World(make_app(database_url, data_key=f"{new},{DATA_KEY}"))
    assert check(rotated).broken is None
    write(rotated, 4)
    seal_all(rotated)
    found = check(rotated)
    assert (found.sealed, found.broken) == (8, None)
    with pytest.raises(ConfigurationError, match="lacks a key"):
        World(make_app(database_url, data_key=new)).session()


@pytest.mark.parametrize(
    "make_pair",
    [
        lambda: (("a", "bc"), ("ab", "c")),
        lambda: ((None,), ("",)),
        lambda: (("a|1:b",), ("a", "b")),
        lambda: (("1:a",), ("a",)),
    ],
)
def test_no_two_rows_have_one_text(make_pair: Callable[[], tuple[Any, Any]]) -> None:
    one, other = make_pair()
    assert canonical(one) != canonical(other)


def test_every_column_is_covered() -> None:
    """By the MAC or, what the database gives, by the seal."""
    assert {*MACED, "id", "mac"} == {column.name for column in sa.inspect(AuditEvent).columns}


@pytest.fixture(params=["UTC0", "CST6"])
def machine_zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where the machine believes to stand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        tzset()
        yield
    tzset()


@pytest.mark.usefixtures("machine_zone")
def test_a_row_has_the_same_text_on_both_databases() -> None:
    """And on machines of any time zone."""
    moment = dt.datetime(2026, 11, 3, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=-6)))
    assert canonical((1, moment, "é")) == b"1:1|32:2026-11-03T15:00:00.000000+00:00|2:\xc3\xa9"


def test_a_head_that_was_never_given_is_missed(world: World) -> None:
    """Among several seals, and though the chain itself holds."""
    write(world, 7)
    assert seal_all(world) == [3, 3, 1]
    with world.session() as session:
        head = verify(session).head
        assert verify(session, head).broken is None
        write(world, 1)
        missed = verify(session, "00" * 32)
    assert missed == Verification(7, 0, head, f"the seal {'00' * 32} is gone: the end of the chain has been cut off")


def test_what_is_sealed_is_written_the_same_for_ever() -> None:
    """Another text would fit no seal that exists already."""
    assert canonical((None, "", 5, "a|b")) == b"-1:|0:|1:5|3:a|b"
    assert batch_text(b"\x01", 2, [(3, b"\x02"), (4, b"\x03")]) == "2|01|3:02|4:03"
    assert batch_text(b"", 1, [(3, b"\xff")]) == "1||3:ff"
    assert taken_over_mac(b"k" * 32, (1, "a", None)).hex() == "5eb44384869e12c996462a54c9eddd55"
    sealed = {"number": 3, "sealed_at": MARCH, "rows": 2, "before": b"\x01", "covers": b"\x02", "key_id": b"\x03"}
    digest = seal_digest(b"k" * 32, taken_over=False, **sealed)  # type: ignore[arg-type]  # of as many kinds as columns
    assert digest.hex() == "265b419fbd03da35f1845afdf513f09880837f5713567bbb7efc731ccff8fea3"
    assert hash_of([(1, "a"), (2, None)]).hex() == "c68e30e347f06a9fb22e0e3066dd7dbd8cbea6b6cbbb3b82cccebf012e7d22db"


def event(number: int | None, before: bytes = b"") -> Any:
    """An event of writer 7, made with the key of thirty-two k."""
    columns = dict.fromkeys(MACED) | {"at": MARCH, "event": "a.b", "writer": 7, "number": number, "before": before}
    columns["key_id"] = b"k"
    text = canonical([*columns.values(), b""])
    mac = hmac.digest(b"k" * 32, text, "sha256")[:16]
    return SimpleNamespace(**{"id": number, **columns, "mac": mac, "anchor_digest": None})


def test_a_writer_s_events_follow_each_other() -> None:
    checker = Checker({b"k": b"k" * 32})
    first = event(1)
    second = event(2, before=first.mac)
    assert [checker.check(row) for row in (first, second)] == [None, None]
    for row, text, sound in (
        (second, "there a second time", False),
        (first, "there a second time", False),
        (event(4, before=b"x"), "has been removed", True),
        (event(5, before=b"x"), "is another one now", True),
    ):
        problem = checker.check(row)
        assert problem is not None
        assert (text in problem.text, problem.sound) == (True, sound), problem


@pytest.mark.parametrize("column", ["mac", "key_id", "writer", "number"])
def test_an_event_that_lacks_any_part_of_its_mac_was_not_written_by_the_portal(column: str) -> None:
    row = event(1)
    setattr(row, column, None)
    problem = Checker({b"k": b"k" * 32}).check(row)
    assert problem is not None
    assert "has no MAC" in problem.text
