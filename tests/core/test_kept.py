"""Values kept under a word: for one person, of one kind, for a while, readable nowhere."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal.core.access.who_is import find_actor
from hp_portal.core.identity.actor import Actor, Limits, hash_token
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.kept.keeping import TTL, KeptGone, find_kept, keep_values
from hp_portal.core.kept.models import KeptValues
from hp_portal.scopes import OrganizationScope
from hp_portal.vault import SealBroken
from hp_portal.worker import run_once
from tests.support.clock import Clock
from tests.support.world import World

VALUES = {"last_name": "SAMPLE", "pages": [1, 2]}


def actor_of(world: World, person: Person) -> Actor:
    """Who the gate would find for this person."""
    world.sign_in(person.username)
    token = f"token of {person.username}"
    with world.session() as session:
        newest = sa.select(sa.func.max(SignIn.id)).where(SignIn.person_id == person.id).scalar_subquery()
        session.execute(sa.update(SignIn).where(SignIn.id == newest).values(token_hash=hash_token(token)))
        day = dt.timedelta(days=1)
        found = find_actor(session, token, Limits(day, day), world.settings)
    assert found is not None
    return found


def test_what_is_kept_is_found_by_its_word(world: World) -> None:
    clerk = actor_of(world, world.person("a.clerk"))
    with world.database.new_session(OrganizationScope(clerk.organization_id or 0)) as session:
        token = keep_values(session, clerk, "sample search", VALUES)
        session.commit()
        assert find_kept(session, clerk, "sample search", token) == VALUES
    assert len(token) == 32


def test_staff_keep_values_too(world: World) -> None:
    staff = actor_of(world, world.staff("a.keeper"))
    with world.session() as session:
        token = keep_values(session, staff, "sample search", VALUES)
        assert find_kept(session, staff, "sample search", token) == VALUES


def test_a_word_is_its_person_s_alone_and_of_one_kind(world: World) -> None:
    organization = world.organization()
    clerk = actor_of(world, world.person("a.clerk", organization=organization))
    colleague = actor_of(world, world.person("b.clerk", organization=organization))
    stranger = actor_of(world, world.person("c.clerk"))
    with world.session() as session:
        token = keep_values(session, clerk, "sample search", VALUES)
    for asker, kind, word in (
        (colleague, "sample search", token),
        (stranger, "sample search", token),
        (clerk, "sample filter", token),
        (clerk, "sample search", token[::-1]),
        (clerk, "sample search", ""),
        (clerk, "sample search", "\0" * 32),
    ):
        with world.session() as session, pytest.raises(KeptGone):
            find_kept(session, asker, kind, word)
    with world.database.new_session(OrganizationScope(stranger.organization_id or 0)) as session:
        everybody = dataclasses.replace(stranger, person_id=clerk.person_id)
        with pytest.raises(KeptGone):
            find_kept(session, everybody, "sample search", token)


def test_the_word_ends_and_the_worker_removes_the_row(world: World, clock: Clock) -> None:
    clerk = actor_of(world, world.person("a.clerk"))
    with world.session() as session:
        token = keep_values(session, clerk, "sample search", VALUES)
        lasting = keep_values(session, clerk, "sample search", {}, TTL * 2)
    clock.advance(TTL)
    with world.session() as session:
        with pytest.raises(KeptGone):
            find_kept(session, clerk, "sample search", token)
        assert find_kept(session, clerk, "sample search", lasting) == {}
    assert run_once(world.app)
    with world.session() as session:
        assert session.scalars(sa.select(KeptValues.token_hash)).all() == [hash_token(lasting)]


def test_nothing_is_readable_in_the_database_and_rows_cannot_be_swapped(world: World) -> None:
    clerk = actor_of(world, world.person("a.clerk"))
    with world.session() as session:
        tokens = [keep_values(session, clerk, "sample search", {"last_name": name}) for name in ("SAMPLE", "OTHER")]
    with world.session() as session:
        rows = session.scalars(sa.select(KeptValues).order_by(KeptValues.id)).all()
        assert all(b"SAMPLE" not in row.sealed and tokens[0].encode() not in row.token_hash for row in rows)
        rows[0].sealed, rows[1].sealed = rows[1].sealed, rows[0].sealed
        session.flush()
        with pytest.raises(SealBroken):
            find_kept(session, clerk, "sample search", tokens[0])


def test_values_are_of_json_s_types(world: World) -> None:
    clerk = actor_of(world, world.person("a.clerk"))
    with world.session() as session, pytest.raises(TypeError):
        keep_values(session, clerk, "sample search", {"day": dt.date(2026, 3, 2)})
