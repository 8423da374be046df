"""The record against somebody who owns the database and does not have the key: whatever they change shows."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from hp_portal import clock as portal_clock
from hp_portal.core.activity.retiring import retire_keys
from hp_portal.core.activity.verifying import Verification
from hp_portal.core.audit.chain import kept_keys
from hp_portal.core.audit.models import AuditEvent, AuditSeal
from hp_portal.core.audit.record import record
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.databases import DATA_KEY, data_key
from tests.support.tampering import check, end_connections, own, seal_all, write
from tests.support.world import World

NOW = dt.datetime(2026, 11, 3, 15, 0, tzinfo=dt.UTC)
ALL_SEALS = ("DELETE FROM audit_sealed_row", "DELETE FROM audit_seal")
COLUMNS = ", ".join(column.name for column in AuditEvent.__table__.columns if column.name != "id")
FORGED = (
    "INSERT INTO audit_event (id, at, event, request_id, address, reason, fields{more}) "
    "VALUES (900, '2026-11-03 14:59:00', 'audit.own.viewed', '', '', '', '{{}}'{values})"
)


@pytest.fixture
def time(clock: Clock) -> Clock:
    clock.set(NOW)
    return clock


@pytest.fixture
def history(world: World, time: Clock) -> World:
    """Seven events under two seals, the later ones by a writer that knew the first seal, and two events that wait."""
    write(world, 4)
    assert seal_all(world) is None
    time.advance(minutes=5)
    write(world, 3)
    assert seal_all(world) is None
    write(world, 2)
    found = check(world)
    assert (found.sealed, found.unsealed, found.broken) == (7, 2, None)
    return world


def broken(world: World) -> str:
    """What verification names, before and after the worker has been at it; also that the worker raises an alarm."""
    before = check(world).broken
    alarm = seal_all(world)
    after = check(world).broken
    assert before is not None, "it passes"
    assert alarm is not None, "the worker seals as if nothing had been"
    assert after is not None, "the worker has sealed it into the truth"
    return before


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE audit_event SET fields = '{\"page\":9}' WHERE id = 2",
        "UPDATE audit_event SET at = '2020-01-01' WHERE id = 6",
        "UPDATE audit_event SET person_id = NULL, address = '203.0.113.9' WHERE id = 2",
        "DELETE FROM audit_event WHERE id = 2",
        "DELETE FROM audit_event WHERE id <= 4",
        "DELETE FROM audit_event WHERE id = 6",
    ],
)
def test_all_seals_away_an_event_changed_and_the_worker_seals_again(history: World, deed: str) -> None:
    """The attack that passed: triggers away, seals away, change, triggers back."""
    own(history, *ALL_SEALS, deed)
    broken(history)


def test_all_seals_away_and_nothing_else_is_an_alarm_and_no_fresh_start(history: World) -> None:
    own(history, *ALL_SEALS)
    assert broken(history).startswith("event 5 was written after seal 1, which is gone")
    assert seal_all(history) == "events name seal 1, and the newest is 0: the chain has been cut off"
    with history.session() as session:
        assert session.scalar(sa.select(sa.func.count(AuditSeal.id))) == 0, "nothing was sealed"


def test_the_last_seal_away_while_events_name_it(history: World, time: Clock) -> None:
    time.advance(minutes=5)
    write(history, 1)
    own(history, "DELETE FROM audit_sealed_row WHERE seal_id = 2", "DELETE FROM audit_seal WHERE id = 2")
    assert broken(history) == "event 10 was written after seal 2, which is gone"


def test_seals_made_by_somebody_without_the_key(history: World) -> None:
    own(history, "UPDATE audit_seal SET digest = (SELECT digest FROM audit_seal WHERE id = 1) WHERE id = 2")
    assert broken(history) == "seal 2 does not fit its events and the chain before it"
    own(history, "UPDATE audit_seal SET key_id = NULL")
    assert broken(history) == "the first seals were made with a data key that is not there"


@pytest.mark.parametrize("keyed", ["", "borrowed"])
def test_a_forged_older_event(history: World, keyed: str) -> None:
    """With no MAC, or with one that belongs to another event and the next free number."""
    more = ", writer, number, before, anchor, key_id, mac" if keyed else ""
    # PostgreSQL takes no subselect of another column type than its own; the values come from an event that is there.
    values = "".join(
        f", (SELECT {name} FROM audit_event WHERE id = 9)"
        for name in ("writer", "number + 1", "mac", "anchor", "key_id", "mac")
    )
    own(history, FORGED.format(more=more, values=values if keyed else ""))
    assert broken(history) == (
        "event 900 has been altered" if keyed else "event 900 has no MAC: it was not written by the portal"
    )
    with history.session() as session:
        sealed = session.execute(sa.text("SELECT count(*) FROM audit_sealed_row WHERE event_id = 900")).scalar()
    assert sealed == 0


def test_an_event_copied(history: World) -> None:
    """To stand twice: before or after it is sealed."""
    drop = "DROP INDEX ix_audit_event_writer_number"
    own(history, drop, f"INSERT INTO audit_event (id, {COLUMNS}) SELECT 900, {COLUMNS} FROM audit_event WHERE id = 3")
    assert broken(history) == "event 900 is there a second time"


@pytest.mark.parametrize("gone", [8, 9])
def test_an_event_that_no_seal_covers_removed_while_its_writer_goes_on(history: World, gone: int) -> None:
    own(history, f"DELETE FROM audit_event WHERE id = {gone}")
    write(history, 1)
    assert re.fullmatch(r"the event that its writer wrote before event \d+ has been removed", broken(history))


def test_what_its_writer_wrote_last_is_safe_once_it_is_sealed(history: World) -> None:
    """And not before: the window that docs/operating.md tells of."""
    end_connections(history)
    own(history, "DELETE FROM audit_event WHERE id = 9")
    assert check(history).broken is None, "cut off before the next seal: only its writer would have known"
    assert seal_all(history) is None
    own(history, "DELETE FROM audit_event WHERE id = 8")
    assert check(history).broken == "event 8 has been removed"


def test_a_record_cut_back_to_an_earlier_seal_is_told_by_a_published_head(history: World) -> None:
    """Everything since: seals and events, of writers that have ended. Nothing in the database knows better."""
    with history.session() as session:
        heads = {
            number: bytes(digest).hex() for number, digest in session.execute(sa.select(AuditSeal.id, AuditSeal.digest))
        }
    end_connections(history)
    own(
        history,
        "DELETE FROM audit_sealed_row WHERE seal_id = 2",
        "DELETE FROM audit_seal WHERE id = 2",
        "DELETE FROM audit_event WHERE id > 4",
    )
    assert check(history).broken is None
    assert check(history, heads).broken == "seal 2 was published and is gone: the end of the chain has been cut off"
    write(history, 3)
    assert seal_all(history) is None
    assert check(history, heads).broken == "seal 2 is another than the one that was published"


def test_a_record_cut_back_is_told_by_writers_that_still_run(history: World) -> None:
    own(
        history,
        "DELETE FROM audit_sealed_row WHERE seal_id = 2",
        "DELETE FROM audit_seal WHERE id = 2",
        "DELETE FROM audit_event WHERE id > 4",
    )
    write(history, 1)
    assert (
        broken(history) == "the event that its writer wrote before event 10 has been removed" or check(history).broken
    )


def test_everything_away(history: World) -> None:
    own(history, *ALL_SEALS, "DELETE FROM audit_event")
    write(history, 1)
    assert broken(history)


def rotated(url: str, make_app: MakeApp, keys: str) -> World:
    return World(make_app(url, data_key=keys))


def test_whoever_has_a_retired_key_makes_nothing_with_it(database_url: str, make_app: MakeApp, time: Clock) -> None:
    old = World(make_app(database_url))
    write(old, 3)
    assert seal_all(old) is None
    new_key = data_key("newer")
    new = rotated(database_url, make_app, f"{new_key},{DATA_KEY}")
    write(new, 2)
    write(old, 1)
    with new.session() as session:
        assert [key_id.hex() for key_id in retire_keys(session)] == [old.database.vault.key_id.hex()]
    found = check(new)
    assert (found.sealed, found.unsealed, found.broken) == (7, 0, None), "what the old key made before stays good"
    write(old, 1)
    told = f"was made with the key {old.database.vault.key_id.hex()}, which is retired"
    assert broken(new) == f"event 8 {told}"


def test_old_events_verify_when_the_old_key_is_gone(
    database_url: str, make_app: MakeApp, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [DATA_KEY, data_key("second"), data_key("third")]
    worlds = [World(make_app(database_url))]
    write(worlds[0], 2)
    seal_all(worlds[0])
    for count in (2, 3):
        world = rotated(database_url, make_app, ",".join(reversed(keys[:count])))
        write(world, 1)
        with world.session() as session:
            assert len(retire_keys(session)) == 1
            assert retire_keys(session) == [], "each once"
        worlds.append(world)
    # The key check of the start is another wall: here the vault alone has but the newest key.
    last = worlds[-1]
    for key_id in list(last.database.vault.audit_keys):
        if key_id != last.database.vault.key_id:
            monkeypatch.delitem(last.database.vault.audit_keys, key_id)
    found = check(last)
    assert (found.broken, found.sealed) == (None, 6)
    own(last, "UPDATE audit_key SET sealed = key_id WHERE id = (SELECT min(id) FROM audit_key)")
    with last.session() as session:
        assert len(kept_keys(session)) == 2, "one that does not open hides none of the others"
    # Without what keeps them, nothing old verifies, and nobody takes it for true.
    own(last, "DELETE FROM audit_key")
    assert "which is not known" in str(check(last).broken)


def test_a_chain_of_an_old_key_alone_is_none(
    database_url: str, make_app: MakeApp, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody with the old key cuts the record back to before the rotation and goes on from there."""
    old = World(make_app(database_url))
    write(old, 3)
    seal_all(old)
    new = rotated(database_url, make_app, f"{data_key('newer')},{DATA_KEY}")
    with new.session() as session:
        retire_keys(session)
    own(
        new,
        "DELETE FROM audit_sealed_row WHERE seal_id > 1",
        "DELETE FROM audit_seal WHERE id > 1",
        "DELETE FROM audit_event WHERE id > 3",
    )
    end_connections(new)
    end_connections(old)
    write(old, 1)
    assert seal_all(old) is None
    monkeypatch.delitem(new.database.vault.audit_keys, old.database.vault.key_id)
    key = old.database.vault.key_id.hex()
    assert check(new).broken == f"seal 2 was made with the key {key}, which is neither in the settings nor retired"
    assert seal_all(new) == f"seal 2 was made with the key {key}, which may seal no longer"


def test_an_honest_record_holds_through_all_of_this(world: World, time: Clock) -> None:
    assert check(world) == Verification(0, 0, "", None)
    for number in range(5):
        write(world, number)
        end_connections(world)
        time.advance(minutes=1)
        assert seal_all(world) is None
        with world.session() as session:
            record(session, "audit.own.viewed", page=1)
            session.rollback()
    assert (check(world).sealed, check(world).broken) == (10, None)
    assert portal_clock.now() == NOW + dt.timedelta(minutes=5)
