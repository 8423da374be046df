"""Signing in and out: who is let in, for how long, how often one may try, where one lands."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from hp_portal import clock
from hp_portal.core.access.enforce import safe_next
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity import passwords
from hp_portal.core.identity.models import Acceptance, Person, SignIn
from hp_portal.worker import core_jobs, run_job
from tests.conftest import MakeApp
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.clock import Clock
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database


@pytest.fixture
def time(clock: Clock) -> Clock:
    clock.set(dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC))
    return clock


def enter(client: PortalClient, name: str, password: str = PASSWORD, *, to: str = "") -> TestResponse:
    return client.post("/sign-in", {"username": name, "password": password, "next": to})


def events(world: World) -> list[str]:
    with world.session() as session:
        return list(session.scalars(sa.select(AuditEvent.event).order_by(AuditEvent.id)))


def is_in(client: PortalClient) -> bool:
    return client.get("/my-sign-ins").status_code == 200


@pytest.mark.parametrize("typed", ["a.clerk", " A.Clerk ", "a.clerk@office.example", "A.CLERK@Office.Example"])
def test_user_name_or_email_in_any_case(world: World, typed: str) -> None:
    world.person("a.clerk")
    client = world.client()
    answer = enter(client, typed)
    assert (answer.status_code, answer.location) == (303, "/")
    assert is_in(client)
    assert events(world) == ["identity.sign-in.succeeded"]


def test_the_page_asked_for_comes_after_signing_in(world: World) -> None:
    world.person("a.clerk")
    client = world.client()
    asked = client.get("/my-activity?page=2")
    assert asked.status_code == 303
    form = client.get(asked.location)
    assert 'value="/my-activity?page=2"' in form.text
    assert "Sign in to open this page" in form.text
    assert enter(client, "a.clerk", to="/my-activity?page=2").location == "/my-activity?page=2"
    assert client.get("/sign-in?next=/contact").location == "/contact"


def test_wrong_answers_are_alike_and_cost_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.person("a.clerk")
    gone = world.person("b.gone")
    with world.session() as session:
        session.get_one(Person, gone.id).deactivated_at = clock.now()
    verified = []
    verify = passwords._hasher.verify

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(hasher, name)

        def verify(self, *arguments: str) -> bool:
            verified.append(arguments[0])
            return bool(verify(*arguments))

    hasher = passwords._hasher
    monkeypatch.setattr(passwords, "_hasher", Counting())
    answers = []
    for name, password in (("a.clerk", "not this one"), ("nobody", "not this one"), ("b.gone", PASSWORD)):
        answer = enter(world.client(), name, password)
        assert "do not go together" in answer.text
        answers.append((answer.status_code, heading_of(answer), len(verified)))
        verified.clear()
    assert answers == [(422, "Sign in", 1)] * 3
    assert events(world) == ["identity.sign-in.failed"] * 3


def test_an_unknown_name_is_recorded_as_a_hash(world: World) -> None:
    enter(world.client(), "my-secret-typed-here")
    with world.session() as session:
        fields = session.scalars(sa.select(AuditEvent.fields)).one()
    assert "my-secret" not in fields


@pytest.mark.parametrize("name", ["a.clerk", "nobody"])
def test_an_account_pauses_whichever_worker_is_asked(
    database_url: str, make_app: MakeApp, time: Clock, name: str
) -> None:
    """The same for names that do not exist."""
    workers = [make_app(database_url, attempts_per_account=4) for _ in range(2)]
    world = World(workers[0])
    world.person("a.clerk")
    for number in range(4):
        assert enter(PortalClient(workers[number % 2]), name, "wrong").status_code == 422
    time.advance(minutes=1, seconds=30)
    for worker in workers:
        blocked = enter(PortalClient(worker), name)
        assert blocked.status_code == 429
        assert "Wait 14 minutes" in blocked.text
        assert blocked.headers["Retry-After"] == str(13 * 60 + 31)
    assert events(world)[-1] == "identity.sign-in.blocked"
    time.advance(minutes=13, seconds=31)
    assert enter(PortalClient(workers[0]), name).status_code == (303 if name == "a.clerk" else 422)


def test_an_address_pauses_whichever_worker_is_asked(database_url: str, make_app: MakeApp) -> None:
    workers = [make_app(database_url, attempts_per_address=4) for _ in range(2)]
    World(workers[0]).person("a.clerk")
    for number in range(4):
        assert enter(PortalClient(workers[number % 2]), f"name{number}", "wrong").status_code == 422
    assert enter(PortalClient(workers[1]), "a.clerk").status_code == 429


def test_a_success_starts_the_account_s_count_anew(database_url: str, make_app: MakeApp) -> None:
    app = make_app(database_url, attempts_per_account=3)
    World(app).person("a.clerk")
    for _ in range(3):
        for _ in range(2):
            assert enter(PortalClient(app), "a.clerk", "wrong").status_code == 422
        assert enter(PortalClient(app), "a.clerk").status_code == 303


def test_a_hash_of_other_parameters_is_made_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    person = world.person("a.clerk")
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert enter(world.client(), "a.clerk").status_code == 303
    with world.session() as session:
        stronger = session.get_one(Person, person.id).password_hash
    assert person.password_hash.startswith("$argon2id$")
    assert stronger != person.password_hash
    assert "m=16,t=2" in stronger
    assert enter(world.client(), "a.clerk").status_code == 303
    with world.session() as session:
        assert session.get_one(Person, person.id).password_hash == stronger


def test_control_characters_are_dropped(world: World) -> None:
    world.person("a.clerk")
    assert enter(world.client(), "a.cl\0erk\t").status_code == 303
    assert enter(world.client(), "\0").status_code == 422


# ---- how long it lasts


def test_a_session_ends_when_nothing_happens(world: World, time: Clock) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    time.advance(minutes=14)
    assert is_in(client)
    time.advance(minutes=14)
    assert is_in(client), "the request before counts as activity"
    time.advance(minutes=15)
    asked = client.get("/my-activity")
    assert asked.status_code == 303
    assert "Your session has ended" in client.get(asked.location).text
    assert "Your session has ended" in client.get("/").text
    assert "Your session has ended" not in world.client().get("/sign-in").text


def test_a_session_ends_at_last_however_busy(world: World, time: Clock) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    for _ in range(12 * 6 - 1):
        time.advance(minutes=10)
        assert is_in(client)
    time.advance(minutes=10)
    assert not is_in(client)


def test_staying_signed_in_counts_at_once(world: World, time: Clock) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    for _ in range(3):
        time.advance(minutes=14)
        assert client.post("/sign-in/keep-alive").status_code == 204
    time.advance(minutes=15)
    assert client.post("/sign-in/keep-alive").status_code == 303


def test_htmx_is_told_of_an_ended_session(world: World, time: Clock) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    time.advance(minutes=16)
    current = {"HX-Current-URL": "http://localhost/my-activity?page=3"}
    answer = client.get("/my-activity?page=4", fragment=True, headers=current)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (
        401,
        "/sign-in?next=/my-activity?page%3D3",
    )
    assert answer.text == ""


def test_signing_out_ends_the_row_not_only_the_cookie(world: World) -> None:
    world.person("a.clerk")
    client = world.client()
    enter(client, "a.clerk")
    copy = world.client()
    with client.flask.session_transaction() as kept, copy.flask.session_transaction() as other:
        other["_user_id"] = kept["_user_id"]
    assert is_in(copy)
    left = client.post("/sign-out")
    assert left.location == "/sign-in?ended=signed-out"
    assert left.headers["Clear-Site-Data"] == '"cache"'
    assert "You are signed out" in client.get(left.location).text
    assert not is_in(client)
    assert not is_in(copy)


def test_one_can_end_another_session_of_one_s_own(world: World) -> None:
    world.person("a.clerk")
    world.person("b.clerk")
    here, there, stranger = world.sign_in("a.clerk"), world.sign_in("a.clerk"), world.sign_in("b.clerk")
    with world.session() as session:
        _, there_id, stranger_id = session.scalars(sa.select(SignIn.id).order_by(SignIn.id))
    listed = here.get("/my-sign-ins")
    assert f"/my-sign-ins/{there_id}/end" in listed.text
    assert f"/my-sign-ins/{stranger_id}/end" not in listed.text
    assert here.post(f"/my-sign-ins/{stranger_id}/end").status_code == 404
    assert is_in(stranger)
    assert here.post(f"/my-sign-ins/{there_id}/end").location == "/my-sign-ins"
    assert not is_in(there)
    assert "That session has been ended" in here.get("/my-sign-ins").text
    with world.session() as session:
        assert session.get_one(SignIn, there_id).end_reason == "ended by the person"


def test_sessions_that_have_run_out_are_not_listed(world: World, clock: Clock) -> None:
    """Neither idle ones nor those that have lasted too long, though nobody has ended them yet."""
    world.person("a.clerk")
    clock.set(clock.now())
    world.sign_in("a.clerk")  # lasts too long, however busy
    clock.advance(hours=11, minutes=45)
    world.sign_in("a.clerk")  # sits idle
    clock.advance(minutes=15)
    with world.session() as session:
        oldest = session.scalars(sa.select(SignIn).order_by(SignIn.id)).first()
        assert oldest is not None
        oldest.last_seen_at = clock.now()
    here, there = world.sign_in("a.clerk"), world.sign_in("a.clerk")
    assert here.get("/my-sign-ins").text.count("/end") == 1
    assert is_in(there)


# ---- the terms of use


def test_of_very_many_sessions_the_newest_are_listed(world: World) -> None:
    world.person("a.clerk")
    for _ in range(51):
        client = world.sign_in("a.clerk")
    assert len(list(tree_of(client.get("/my-sign-ins")).iter("tr"))) == 1 + 50
    assert "These are the 50 newest." in client.get("/my-sign-ins").text
    with world.session() as session:
        session.execute(
            sa.update(SignIn)
            .where(SignIn.id == sa.select(sa.func.min(SignIn.id)).scalar_subquery())
            .values(ended_at=clock.now())
        )
    assert "These are the" not in client.get("/my-sign-ins").text


def test_sign_ins_that_have_ended_are_not_read_again(world: World) -> None:
    """They stay for the record, so that nothing may go through all of them."""
    world.person("a.clerk")
    engine = world.app.extensions["hp_portal.database"].engine
    found = {str(index["name"]) for index in sa.inspect(engine).get_indexes("sign_in")}
    assert {"ix_sign_in_open", "ix_sign_in_person_id_created_at"} <= found
    if engine.dialect.name != "sqlite":  # PostgreSQL reads a table of two rows without an index
        return
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "sign_in" in statement and not statement.startswith(("INSERT", "EXPLAIN")):
            asked.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    client = world.sign_in("a.clerk")
    assert client.get("/").status_code == client.get("/my-sign-ins").status_code == 200
    (job,) = (job for job in core_jobs(world.settings) if job.key == "identity.end-sign-ins")
    assert run_job(world.app, job)
    sa.event.remove(engine, "before_cursor_execute", note)
    with sqlite3.connect(engine.url.database) as connection:
        plans = [
            row[3]
            for statement, parameters in asked
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            if "sign_in" in row[3]
        ]
    used = {plan.partition(" INDEX ")[2].partition(" ")[0] for plan in plans}
    assert used == {"ix_sign_in_open", "ix_sign_in_person_id_created_at", "sqlite_autoindex_sign_in_1"}, plans


def test_the_terms_come_first_and_again_with_a_new_version(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url))
    world.person("a.clerk", terms=False)
    client = world.sign_in("a.clerk")
    assert client.get("/").location == "/terms"
    asked = client.get("/my-activity")
    assert asked.location == "/terms?next=/my-activity"
    assert "Sample Health Plan" in client.get("/terms").text
    refused = client.post("/terms", {"next": "/my-activity"})
    assert refused.status_code == 422
    assert "Check the box" in refused.text
    assert client.post("/terms", {"terms_of_use": "2026-01", "next": "/my-activity"}).location == "/my-activity"
    assert client.get("/my-activity").status_code == 200
    assert "You have accepted these terms" in client.get("/terms").text

    later = PortalClient(make_app(database_url, terms_version="2027-01"))
    enter(later, "a.clerk")
    assert later.get("/my-activity").location == "/terms?next=/my-activity"
    assert later.post("/terms", {"terms_of_use": "2026-01"}).status_code == 422, "another version was read"
    later.post("/terms", {"terms_of_use": "2027-01"})
    with world.session() as session:
        kept = session.execute(sa.select(Acceptance.version, Acceptance.address).order_by(Acceptance.id)).all()
    assert [tuple(row) for row in kept] == [("2026-01", "127.0.0.1"), ("2027-01", "127.0.0.1")]


def test_a_payer_has_terms_of_its_own(database_url: str, make_app: MakeApp, tmp_path: object) -> None:
    path = f"{tmp_path}/terms.md"
    with open(path, "w", encoding="utf-8") as file:
        file.write("## Ours\n\nAs {payer} wants it <b>so</b>.\n")
    world = World(make_app(database_url, terms_path=path))
    world.person("a.clerk", terms=False)
    assert "As Sample Health Plan wants it &lt;b&gt;so&lt;/b&gt;." in world.sign_in("a.clerk").get("/terms").text


# ---- no open redirect


NASTY = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/%5cevil.example\\",
    "javascript:alert(1)",
    "http:evil.example",
    "evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "https:/evil.example",
    "/ok\r\nLocation: //evil.example",
    "data:text/html,hi",
]


@pytest.mark.parametrize("target", NASTY)
def test_signing_in_never_leads_away(sqlite_app: Flask, target: str) -> None:
    world = World(sqlite_app)
    world.person("a.clerk")
    assert enter(world.client(), "a.clerk", to=target).location == "/"


@given(target=st.text(alphabet="/\\:.@?#%\t\n\r a09ehtps", max_size=20))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
def test_where_one_returns_to_is_a_path_of_the_portal(sqlite_app: Flask, target: str) -> None:
    with sqlite_app.test_request_context():
        result = safe_next(target)
    # As browsers read it: backslashes are slashes, tabs and line ends vanish.
    seen = result.replace("\\", "/").replace("\t", "").replace("\n", "").replace("\r", "")
    assert seen.startswith("/")
    assert not seen.startswith("//")
    assert not urlsplit(seen).netloc
