"""Refusals in the record: those alike are one event and a count, and whatever is sent, there are so many events and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit import refusals
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import Who
from tests.support.clock import Clock
from tests.support.world import World

FAILED = "identity.sign-in.failed"


def refuse(world: World, account: str, *, address: str = "203.0.113.7", person: int | None = None) -> None:
    with world.session() as session:
        refusals.record_refusal(session, FAILED, who=Who(person, None, address=address), account=account)


def recorded(world: World, event: str = FAILED) -> list[dict[str, Any]]:
    with world.session() as session:
        found = sa.select(AuditEvent.fields).where(AuditEvent.event == event).order_by(AuditEvent.id)
        return [json.loads(fields) for fields in session.scalars(found)]


def close(world: World) -> list[tuple[str, int]]:
    """The worker's look at windows that are over: what it told, as (what they had in common, how many more there were)."""
    before = len(recorded(world, refusals.REPEATED))
    with world.session() as session:
        refusals.close_windows(session)
    return sorted((fields["wide"], fields["times"]) for fields in recorded(world, refusals.REPEATED)[before:])


def test_those_alike_are_one_event_and_a_count_at_the_end(world: World, clock: Clock) -> None:
    clock.set(clock.now())
    for _ in range(5):
        refuse(world, "a")
    refuse(world, "once")
    assert recorded(world) == [{"account": "a"}, {"account": "once"}]
    clock.advance(minutes=14, seconds=59)
    assert close(world) == []
    clock.advance(seconds=1)
    assert close(world) == [("", 4)]
    (told,) = recorded(world, refusals.REPEATED)
    assert (told["event"], told["fields"]) == (FAILED, {"account": "a"})
    assert close(world) == []
    refuse(world, "a")
    assert len(recorded(world)) == 3, "a new window begins with an event"


def test_one_address_has_so_many_windows_of_its_own(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "ALIKE", 3)
    clock.set(clock.now())
    for number in range(10):
        refuse(world, f"account-{number}")
    assert len(recorded(world)) == 3 + 1
    refuse(world, "account-9", address="203.0.113.8")
    assert len(recorded(world)) == 5, "other addresses are not concerned"
    person = world.person("a.clerk").id
    for number in range(10):
        refuse(world, f"account-{number}", person=person)
    assert len(recorded(world)) == 6, "a person is told from those who are not known"
    clock.advance(minutes=16)
    assert close(world) == [("address", 6), ("person", 9)]


def test_all_addresses_together_have_so_many(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "OPEN", 5)
    clock.set(clock.now())
    for number in range(12):
        refuse(world, "a", address=f"203.0.113.{number}")
    assert len(recorded(world)) == 5 + 1
    clock.advance(minutes=16)
    assert close(world) == [("event", 6)]
