"""What signing in, out and changing the password leave in the record and in the rows."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.account import signing_in
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import Acceptance, Person, SignIn
from hp_portal.core.identity.passwords import WeakPassword
from hp_portal.core.limits.attempts import TooManyAttempts
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.world import PASSWORD, World

from .test_gate import BASE

pytestmark = pytest.mark.either_database

START = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
NEW = "purple-anchor-window-2031"


def enter(world: World, name: str, password: str = PASSWORD, browser: str = "Test Browser") -> int:
    form = {"username": name, "password": password, "next": ""}
    return world.client().post("/sign-in", form, headers={"User-Agent": browser}).status_code


def recorded(world: World) -> list[tuple[str, int | None, int | None, dict[str, Any]]]:
    """Event, person, organization and fields, oldest first."""
    with world.session() as session:
        return [
            (row.event, row.person_id, row.organization_id, json.loads(row.fields))
            for row in session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id))
        ]


def test_a_sign_in_is_a_row_and_an_event_of_it(world: World, clock: Clock) -> None:
    clock.set(START)
    person = world.person("a.clerk")
    assert enter(world, "A.Clerk", browser="Test Browser " + "x" * 400) == 303
    with world.session() as session:
        row = session.scalars(sa.select(SignIn)).one()
        event = session.scalars(sa.select(AuditEvent)).one()
    assert (row.person_id, row.created_at, row.last_seen_at, row.ended_at) == (person.id, START, START, None)
    assert (row.address, row.user_agent) == ("127.0.0.1", ("Test Browser " + "x" * 400)[:300])
    assert (event.event, event.person_id, event.organization_id) == (
        "identity.sign-in.succeeded",
        person.id,
        person.organization_id,
    )
    assert (event.sign_in_id, event.address, len(event.request_id)) == (row.id, "127.0.0.1", 32)


def test_whose_account_was_tried_is_recorded(database_url: str, make_app: MakeApp) -> None:
    """By its user name however it was typed; somebody unknown as a hash that tells the same from another."""
    world = World(make_app(database_url, attempts_per_account=1))
    person = world.person("a.clerk")
    own = (person.id, person.organization_id, {"account": "a.clerk"})
    assert [enter(world, " A.Clerk@Office.Example ", "wrong") for _ in range(2)] == [422, 429]
    assert [enter(world, " Nobody ", "wrong") for _ in range(2)] == [422, 429]
    with world.session() as session:
        hashed = session.vault.digest("nobody", "account").hex()[:16]
    assert recorded(world) == [
        ("identity.sign-in.failed", *own),
        ("identity.sign-in.blocked", *own),
        ("identity.sign-in.failed", None, None, {"account": hashed}),
        ("identity.sign-in.blocked", None, None, {"account": hashed}),
    ]
    with world.session() as session:
        for event in session.scalars(sa.select(AuditEvent)):
            assert (event.sign_in_id, event.address, len(event.request_id)) == (None, "127.0.0.1", 32)


@pytest.mark.parametrize("limit", ["attempts_per_account", "attempts_per_address", "attempts_everywhere"])
def test_a_try_is_counted_before_it_is_made(database_url: str, make_app: MakeApp, clock: Clock, limit: str) -> None:
    """Tries reserved at once, before any of them is answered, cannot slip through together."""
    clock.set(START)
    world = World(make_app(database_url, attempts_window_minutes=10, **{limit: 2}))
    world.person("a.clerk")
    with world.session() as session:
        for _ in range(2):
            signing_in.reserve_try(session, world.settings, name="a.clerk", address="203.0.113.7")
        with pytest.raises(TooManyAttempts) as refused:
            signing_in.reserve_try(session, world.settings, name="a.clerk", address="203.0.113.7")
        assert refused.value.wait == dt.timedelta(minutes=1 if limit == "attempts_everywhere" else 10)


def test_a_deactivated_account_stays_shut_with_the_right_password(world: World, clock: Clock) -> None:
    person = world.person("a.clerk")
    with world.session() as session:
        session.get_one(Person, person.id).deactivated_at = clock.now()
    assert enter(world, "a.clerk") == 422
    assert [event for event, *_ in recorded(world)] == ["identity.sign-in.failed"]
    with world.session() as session:
        assert session.scalars(sa.select(SignIn)).all() == []


def test_an_end_is_recorded_once_and_keeps_its_moment(world: World, clock: Clock) -> None:
    clock.set(START)
    person = world.person("a.clerk")
    here, there = world.sign_in("a.clerk"), world.sign_in("a.clerk")
    with world.session() as session:
        here_id, there_id = session.scalars(sa.select(SignIn.id).order_by(SignIn.id))
    clock.advance(minutes=1)
    assert here.post(f"/my-sign-ins/{there_id}/end").status_code == 303
    clock.advance(minutes=1)
    assert here.post(f"/my-sign-ins/{there_id}/end").status_code == 404, "it has ended"
    assert there.get("/my-sign-ins").status_code == 303
    assert here.post("/sign-out").status_code == 303
    own = person.id, person.organization_id
    assert recorded(world) == [
        ("identity.sign-in.ended", *own, {"sign_in": there_id, "how": "ended by the person"}),
        ("identity.sign-in.ended", *own, {"sign_in": here_id, "how": "signed out"}),
    ]
    with world.session() as session:
        ended = session.get_one(SignIn, there_id)
        assert (ended.ended_at, ended.end_reason) == (START + dt.timedelta(minutes=1), "ended by the person")


def test_the_newest_session_stands_first(world: World, clock: Clock) -> None:
    clock.set(START)
    world.person("a.clerk")
    world.person("b.clerk")
    with world.session() as session:
        person_id = session.scalars(sa.select(Person.id).where(Person.username == "a.clerk")).one()
    for _ in range(3):
        world.sign_in("a.clerk")
        clock.advance(minutes=2)
    world.sign_in("b.clerk")
    world.sign_in("a.clerk").post("/sign-out")
    with world.session() as session:
        rows = signing_in.open_sign_ins(session, replace(BASE, person_id=person_id), world.settings)
    assert [row.created_at for row in rows] == [START + dt.timedelta(minutes=minutes) for minutes in (4, 2, 0)]


def change(world: World, current: str, new: str) -> int:
    form = {"current": current, "new": new, "again": new}
    return world.sign_in("a.clerk").post("/change-password", form).status_code


def test_a_change_of_password_tells_how_many_sessions_it_ended(world: World, clock: Clock) -> None:
    clock.set(START)
    person = world.person("a.clerk")
    world.person("b.clerk")
    over, _, other = world.sign_in("a.clerk"), world.sign_in("a.clerk"), world.sign_in("b.clerk")
    assert over.post("/sign-out").status_code == 303
    clock.advance(minutes=1)
    assert change(world, PASSWORD, NEW) == 303
    assert other.get("/my-sign-ins").status_code == 200
    own = person.id, person.organization_id
    changed_by = ("identity.password.changed", *own, {"other_sign_ins_ended": 1})
    assert changed_by in recorded(world)[-2:], "the message that tells it may come after it"
    with world.session() as session:
        changed = session.get_one(Person, person.id)
        reasons = session.scalars(sa.select(SignIn.end_reason).order_by(SignIn.id)).all()
        ended = session.scalars(sa.select(SignIn.ended_at).order_by(SignIn.id)).all()
    assert changed.password_changed_at == START + dt.timedelta(minutes=1)
    assert reasons == ["signed out", "password", None, None]
    assert ended[1] == START + dt.timedelta(minutes=1)


def test_a_wrong_current_password_is_recorded_as_a_failed_sign_in(world: World) -> None:
    person = world.person("a.clerk")
    assert change(world, "wrong", NEW) == 422
    own = person.id, person.organization_id
    assert recorded(world) == [("identity.sign-in.failed", *own, {"account": "a.clerk"})]


def test_every_word_about_the_person_is_handed_to_the_check(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, tuple[str, ...]]] = []

    def check(password: str, *, min_length: int, about: tuple[str, ...]) -> None:
        asked.append((password, min_length, about))
        raise WeakPassword("no")

    monkeypatch.setattr("hp_portal.core.identity.passwords.check_acceptable", check)
    world.person("a.clerk", organization=world.organization("Harborview"), name="Anna Maria Clerk")
    assert change(world, PASSWORD, NEW) == 422
    payer = world.settings.payer
    about = (
        "a.clerk",
        "a.clerk@office.example",
        "Anna Maria Clerk",
        "Harborview",
        payer.name,
        payer.short_name,
        payer.payer_id,
    )
    assert asked == [(NEW, 12, about)]


def test_who_accepted_which_terms_and_when(world: World, clock: Clock) -> None:
    clock.set(START)
    person = world.person("a.clerk", terms=False)
    assert world.sign_in("a.clerk").post("/terms", {"terms_of_use": "2026-01"}).status_code == 303
    with world.session() as session:
        kept = session.scalars(sa.select(Acceptance)).one()
    assert (kept.person_id, kept.agreement, kept.version, kept.accepted_at, kept.address) == (
        person.id,
        "terms-of-use",
        world.settings.terms_version,
        START,
        "127.0.0.1",
    )
    own = person.id, person.organization_id
    assert recorded(world) == [("identity.terms.accepted", *own, {"version": world.settings.terms_version})]
