"""Changing one's own password: what ends with it, what will not do, how often one may guess."""

from __future__ import annotations

import unicodedata
from types import SimpleNamespace
from typing import Literal

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity import passwords
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.passwords import MAX_LENGTH
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database


def enter(client: PortalClient, name: str, password: str = PASSWORD, *, to: str = "") -> TestResponse:
    return client.post("/sign-in", {"username": name, "password": password, "next": to})


def events(world: World) -> list[str]:
    with world.session() as session:
        return list(session.scalars(sa.select(AuditEvent.event).order_by(AuditEvent.id)))


def is_in(client: PortalClient) -> bool:
    return client.get("/my-sign-ins").status_code == 200


NEW = "purple-anchor-window-2031"


def change(client: PortalClient, current: str, new: str, again: str | None = None) -> TestResponse:
    return client.post("/change-password", {"current": current, "new": new, "again": new if again is None else again})


def test_a_new_password_ends_the_other_sessions(world: World) -> None:
    world.person("a.clerk")
    here, there = world.sign_in("a.clerk"), world.sign_in("a.clerk")
    assert change(here, PASSWORD, NEW).location == "/"
    assert "Your password is changed" in here.get("/").text
    assert is_in(here)
    assert not is_in(there)
    assert enter(world.client(), "a.clerk").status_code == 422
    assert enter(world.client(), "a.clerk", NEW).status_code == 303
    assert "identity.password.changed" in events(world)


@pytest.mark.parametrize(
    ("new", "again", "says"),
    [
        ("short-42!", None, "at least 12 characters"),
        ("password1234", None, "stolen elsewhere"),
        ("a.clerk@office.example", None, "easy to guess"),
        (NEW, "something-else-entirely", "differ"),
        ("x" * 201, None, "at most 200"),
    ],
)
def test_a_poor_password_is_refused_with_advice(world: World, new: str, again: str | None, says: str) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    answer = change(client, PASSWORD, new, again)
    assert answer.status_code == 422
    assert says in answer.text
    assert new not in answer.text
    assert enter(world.client(), "a.clerk").status_code == 303


def test_no_signs_or_digits_are_demanded(world: World) -> None:
    world.person("a.clerk")
    assert change(world.sign_in("a.clerk"), PASSWORD, "violet lantern carries seawater").status_code == 303


def test_a_long_password_counts_whole_and_in_its_case(world: World) -> None:
    """However Unicode was typed: a letter with its accent is the same as the letter and the accent."""
    long = "Caf\u00e9 violet lantern carries seawater " * 5
    assert 64 < len(long) <= MAX_LENGTH
    world.person("a.clerk")
    assert change(world.sign_in("a.clerk"), PASSWORD, long).status_code == 303
    for wrong in (long[:-2], long.lower(), long.swapcase(), long[: len(long) // 2]):
        assert enter(world.client(), "a.clerk", wrong).status_code == 422
    assert enter(world.client(), "a.clerk", long.replace("\u00e9", "e\u0301")).status_code == 303


def test_guessing_the_current_password_is_limited_like_signing_in(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url, attempts_per_account=3))
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    for _ in range(3):
        assert "not the password you have now" in change(client, "wrong", NEW).text
    blocked = change(client, PASSWORD, NEW)
    assert blocked.status_code == 429
    assert "Retry-After" in blocked.headers
    assert change(world.sign_in("a.clerk"), PASSWORD, NEW).status_code == 303, "another session has tries of its own"
    assert enter(world.client(), "a.clerk", NEW).status_code == 303, "and nobody is locked out of signing in"


def test_a_huge_password_keeps_nobody_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks out of order, which Unicode normalization sorts in a time by the square of their number: it never gets them.

    `bench.costly` tells how long it takes.
    """
    normalized: list[int] = []
    normalize = unicodedata.normalize

    def noted(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
        normalized.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(passwords, "unicodedata", SimpleNamespace(normalize=noted))
    huge = "a" + "\u0315" * 40_000 + "\u0300" * 40_000
    person = world.person("a.clerk")
    client = world.sign_in("a.clerk")
    assert enter(world.client(), "a.clerk", huge).status_code == 422
    assert enter(world.client(), "nobody", huge).status_code == 422
    assert "not the password you have now" in change(client, huge, NEW).text
    assert normalized, "what is looked at at all"
    assert max(normalized) <= MAX_LENGTH
    with world.session() as session:
        assert session.get_one(Person, person.id).password_hash == person.password_hash
