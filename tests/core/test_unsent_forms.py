"""A form sent after the session had ended: what was typed is kept for its person, and sent once they have signed in again."""

from __future__ import annotations

import datetime as dt
import io
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.identity.models import SignIn
from hp_portal.core.kept.models import KeptValues
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi
from tests.support.world import PASSWORD, World

ADD = "/apps/tax-id-npi-access/add"
TYPED = {"tin": "000000123", "npi": make_npi(1), "number": "0004512"}
PAGE = {"Referer": f"http://localhost{ADD}"}


@pytest.fixture
def clerk(world: World, clock: Clock) -> PortalClient:
    """Signed in, an hour ago."""
    clock.set(dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC))
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    client.get(ADD)
    clock.advance(hours=1)
    return client


def next_of(answer: TestResponse) -> str:
    """Where the sign-in page leads that the answer leads to."""
    assert answer.status_code == 303
    parts = urlsplit(answer.headers["Location"])
    assert parts.path == "/sign-in"
    return parse_qs(parts.query)["next"][0]


def enter(client: PortalClient, name: str, to: str) -> TestResponse:
    return client.post("/sign-in", {"username": name, "password": PASSWORD, "next": to})


def kept_rows(world: World) -> list[KeptValues]:
    with world.session() as session:
        return list(session.scalars(sa.select(KeptValues)))


def test_what_was_typed_is_sent_after_signing_in_again(world: World, clerk: PortalClient) -> None:
    to = next_of(clerk.post(ADD, TYPED, headers=PAGE))
    assert to.startswith("/sign-in/unsent/")
    assert "What you typed is kept." in clerk.get(f"/sign-in?next={to}").text
    assert enter(clerk, "a.clerk", to).headers["Location"] == to
    page = clerk.get(to)
    assert heading_of(page) == "Send what you typed"
    form = next(form for form in tree_of(page).iter("form") if form.get("action") == to)
    fields = {field.get("name"): field.get("value") for field in form.iter("input")}
    assert fields.pop("csrf_token") != ""
    assert fields == TYPED
    assert [link.get("href") for link in tree_of(page).iter("a") if link.get("class") == "button secondary"] == [ADD]
    sent = clerk.post(to, TYPED)
    assert (sent.status_code, sent.headers["Location"]) == (307, ADD), "the browser posts the same fields there"
    answer = clerk.post(ADD, TYPED)
    assert 'value="0004512"' in answer.text


def test_it_is_sent_once(world: World, clerk: PortalClient) -> None:
    """Not again by the button in another window, nor from the browser's history."""
    to = next_of(clerk.post(ADD, TYPED, headers=PAGE))
    enter(clerk, "a.clerk", to)
    assert [clerk.get(to).status_code for _ in range(2)] == [200, 200], "looking at it sends nothing"
    assert clerk.post(to, TYPED).status_code == 307
    for method in ("post", "get"):
        again = clerk.post(to, TYPED) if method == "post" else clerk.get(to)
        assert (again.status_code, again.headers["Location"]) == (303, "/")
        assert "sent already" in clerk.get("/").text
    assert kept_rows(world) == []


def test_nobody_else_sends_it(world: World, clerk: PortalClient) -> None:
    to = next_of(clerk.post(ADD, TYPED, headers=PAGE))
    world.person("b.clerk")
    assert world.sign_in("b.clerk").post(to, TYPED).headers["Location"] == "/"
    assert len(kept_rows(world)) == 1


def test_a_session_that_ends_once_more_loses_nothing(world: World, clerk: PortalClient, clock: Clock) -> None:
    to = next_of(clerk.post(ADD, TYPED, headers=PAGE))
    enter(clerk, "a.clerk", to)
    clock.advance(minutes=20)
    assert next_of(clerk.post(to, TYPED)) == to
    assert len(kept_rows(world)) == 1
    enter(clerk, "a.clerk", to)
    assert clerk.post(to, TYPED).headers["Location"] == ADD


def test_it_is_sealed_and_never_in_an_address(world: World, clerk: PortalClient) -> None:
    answer = clerk.post(ADD, TYPED, headers=PAGE)
    assert not any(value in answer.headers["Location"] for value in TYPED.values())
    (row,) = kept_rows(world)
    assert b"0004512" not in row.sealed


def test_nobody_else_gets_it(world: World, clerk: PortalClient) -> None:
    to = next_of(clerk.post(ADD, TYPED, headers=PAGE))
    world.person("b.clerk")
    assert enter(clerk, "b.clerk", to).status_code == 303
    assert clerk.get(to).headers["Location"] == "/"
    assert "no longer there" in clerk.get("/").text


def test_it_is_kept_for_an_hour_and_one_at_a_time(world: World, clerk: PortalClient, clock: Clock) -> None:
    first = next_of(clerk.post(ADD, TYPED, headers=PAGE))
    second = next_of(clerk.post(ADD, TYPED, headers=PAGE))
    enter(clerk, "a.clerk", second)
    assert clerk.get(first).status_code == 303
    assert clerk.get(second).status_code == 200
    assert len(kept_rows(world)) == 1
    clock.advance(minutes=61)
    other = world.sign_in("a.clerk")
    assert other.get(second).headers["Location"] == "/"


def test_a_session_ended_from_elsewhere_is_the_same(world: World, clock: Clock) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    with world.session() as session:
        session.execute(sa.update(SignIn).values(ended_at=clock.now()))
        session.commit()
    assert next_of(client.post(ADD, TYPED)).startswith("/sign-in/unsent/")


def test_only_the_ended_sessions_own_forms_are_kept(world: World, clerk: PortalClient) -> None:
    """Not without its cookie or its token, not files, nothing large, no passwords, nothing for htmx; the page is led back to."""
    files = {**TYPED, "file": (io.BytesIO(b"x"), "x.csv")}
    cases = {
        "no cookie": world.client().post(ADD, TYPED, headers=PAGE),
        "another's token": clerk.post(ADD, {**TYPED, "csrf_token": "x"}, headers=PAGE),
        "a file": clerk.post(ADD, files, headers=PAGE, content_type="multipart/form-data"),
        "large": clerk.post(ADD, {**TYPED, "number": "1" * 70_000}, headers=PAGE),
    }
    assert {name: next_of(answer) for name, answer in cases.items()} == dict.fromkeys(cases, ADD)
    password = {"current": PASSWORD, "new": "x" * 20, "again": "x" * 20}
    own = {"Referer": "http://localhost/change-password"}
    assert next_of(clerk.post("/change-password", password, headers=own)) == "/change-password"
    for page in ("http://elsewhere.example/apps/", "http://[", ""):
        assert next_of(world.client().post(ADD, TYPED, headers={"Referer": page})) == "/"
    assert clerk.post(ADD, TYPED, fragment=True, headers={"HX-Request": "true"}).status_code == 401
    assert kept_rows(world) == []
