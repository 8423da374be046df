"""Refusals in the record: a flood leaves a bounded number of events, and their number is kept."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.activity.sentences import sentences
from hp_portal.core.audit import refusals
from hp_portal.core.audit.models import AuditEvent, AuditWindow
from hp_portal.core.audit.record import Who
from hp_portal.core.audit.refusals import close_windows, record_refusal
from hp_portal.core.people.accounts import locked_people
from hp_portal.events import UndeclaredEvent
from hp_portal.worker import run_once
from tests.support.clock import Clock
from tests.support.world import World

NOW = dt.datetime(2026, 11, 3, 15, 0, tzinfo=dt.UTC)
FAILED = "identity.sign-in.failed"


@pytest.fixture
def time(clock: Clock) -> Clock:
    clock.set(NOW)
    return clock


def refuse(world: World, account: str = "nobody", address: str = "203.0.113.7", person: int | None = None) -> None:
    with world.session() as session:
        record_refusal(session, FAILED, who=Who(person, None, None, "request", address), account=account)


def events(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    with world.session() as session:
        found = session.execute(
            sa.select(AuditEvent.event, AuditEvent.address, AuditEvent.fields).order_by(AuditEvent.id)
        )
        return [(event, address, json.loads(fields)) for event, address, fields in found]


def close(world: World) -> None:
    with world.session() as session:
        close_windows(session)


def test_the_first_is_an_event_and_the_others_are_counted(world: World, time: Clock) -> None:
    for _ in range(4):
        refuse(world)
    assert events(world) == [(FAILED, "203.0.113.7", {"account": "nobody"})]
    time.advance(minutes=15, seconds=-1)
    close(world)
    assert len(events(world)) == 1, "the window is not over"
    time.advance(seconds=1)
    # Not the process that counted: its successor's worker tells.
    assert run_once(world.app)
    told = {
        "event": FAILED,
        "times": 3,
        "since": "2026-11-03T15:00:00+00:00",
        "until": "2026-11-03T15:15:00+00:00",
        "wide": "",
        "fields": {"account": "nobody"},
    }
    assert events(world)[1:] == [("audit.refusal.repeated", "203.0.113.7", told)]
    close(world)
    assert len(events(world)) == 2, "it is told once"
    refuse(world)
    assert [event for event, *_ in events(world)] == [FAILED, "audit.refusal.repeated", FAILED]


def test_one_alone_leaves_nothing_more(world: World, time: Clock) -> None:
    refuse(world)
    time.advance(hours=1)
    close(world)
    assert [event for event, *_ in events(world)] == [FAILED]
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(AuditWindow)) == 0


def test_a_window_that_no_worker_has_closed_is_closed_by_the_next_refusal(world: World, time: Clock) -> None:
    for _ in range(2):
        refuse(world)
    time.advance(hours=3)
    refuse(world)
    assert [event for event, *_ in events(world)] == [FAILED, "audit.refusal.repeated", FAILED]


def test_what_is_rolled_back_is_not_counted(world: World, time: Clock) -> None:
    for _ in range(2):
        with world.session() as session:
            record_refusal(session, FAILED, account="nobody")
            session.rollback()
    assert events(world) == []
    refuse(world)
    assert len(events(world)) == 1


def test_what_differs_is_told_apart(world: World, time: Clock) -> None:
    refuse(world, "one")
    refuse(world, "two")
    refuse(world, "one", "203.0.113.8")
    refuse(world, "one", person=world.person("a.clerk").id)
    assert len(events(world)) == 4


def test_whoever_varies_the_account_fills_the_record_no_faster(
    world: World, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "ALIKE", 3)
    for number in range(30):
        refuse(world, f"account {number}")
    refuse(world, "account 1")
    assert [fields["account"] for _, _, fields in events(world)] == [f"account {number}" for number in range(4)]
    refuse(world, "account 1", "203.0.113.8")
    assert len(events(world)) == 5, "somebody else is still told apart"
    time.advance(minutes=15)
    close(world)
    told = [fields for event, _, fields in events(world) if event == "audit.refusal.repeated"]
    assert sorted((fields["wide"], fields["times"]) for fields in told) == [("", 1), ("address", 26)]
    with world.app.test_request_context(), world.session() as session:
        said = sentences(session, [("audit.refusal.repeated", fields) for fields in told], for_staff=True)
    assert sorted("".join(part.text for part in sentence) for sentence in said) == [
        "Sign-in failed: 1 more time within a quarter of an hour",
        "Sign-in failed: 26 more times within a quarter of an hour, for different accounts from one address",
    ]


def test_a_known_person_is_told_in_a_flood_of_others(
    world: World, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "ALIKE", 2)
    person = world.person("a.clerk").id
    for number in range(5):
        refuse(world, f"account {number}")
    refuse(world, "a.clerk", person=person)
    with world.session() as session:
        tried = session.scalars(sa.select(AuditEvent.person_id).where(AuditEvent.event == FAILED)).all()
    assert tried == [None, None, None, person]


def test_many_addresses_fill_the_record_no_faster(world: World, time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "OPEN", 5)
    for number in range(40):
        refuse(world, f"account {number}", f"203.0.113.{number}")
    assert len(events(world)) == 6
    time.advance(minutes=15)
    close(world)
    assert [(fields["wide"], fields["times"]) for event, _, fields in events(world)[6:]] == [("event", 34)]


def test_signing_in_with_wrong_passwords_is_a_few_events(world: World, time: Clock) -> None:
    """Failed and blocked, for one account from one address: two events, and as many more at the end of the window."""
    person = world.person("a.clerk")
    for _ in range(12):
        world.client().post("/sign-in", {"username": "a.clerk", "password": "wrong", "next": ""})
    assert [event for event, *_ in events(world)] == [FAILED, "identity.sign-in.blocked"]
    time.advance(minutes=14)
    with world.session() as session:
        assert list(locked_people(session, world.settings)) == [person.id]
    time.advance(minutes=1)
    close(world)
    told = [(fields["event"], fields["times"]) for _, _, fields in events(world)[2:]]
    assert sorted(told) == [("identity.sign-in.blocked", 6), (FAILED, 4)]


def test_the_fields_are_those_declared(world: World) -> None:
    with world.session() as session, pytest.raises(UndeclaredEvent):
        record_refusal(session, FAILED, name="x")
    with world.session() as session, pytest.raises(UndeclaredEvent):
        record_refusal(session, "no.such.event")
