"""The gate: one decision, asked by requests and templates; sign-ins that end; addresses to return to."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask
from flask.sessions import SecureCookieSessionInterface
from hypothesis import given
from hypothesis import strategies as st

from hp_portal import clock
from hp_portal.core.access.enforce import enforce, safe_next
from hp_portal.core.access.gate import Directory, Verdict, decide
from hp_portal.core.access.rules import Rule, rule_of
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.hookspecs import Application, Permission
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.world import World

NOW = dt.datetime(2026, 11, 3, 15, 0, tzinfo=dt.UTC)
BASE = Actor(
    token="t", sign_in_id=1, signed_in_at=NOW, last_seen_at=NOW, reason="", person_id=1, display_name="A", username="a",
    is_staff=False, is_delegate=False, organization_id=1, organization_name="O", audience="physician", validated=True,
    terms_accepted=True, given=frozenset({"x"}), enabled=frozenset({"x"}), permissions=frozenset(),
)  # fmt: skip
STAFF = replace(BASE, is_staff=True, organization_id=None, given=frozenset(), enabled=frozenset())
DIRECTORY = Directory(staff_permissions={"x:thing:manage": "Manage"})
DIRECTORY.add(
    Application("x", "X", "", 1, Blueprint("x", "x"), "x.index", permissions=(Permission("x:thing:read", "Read"),))
)
READ, MANAGE = Rule("requires", "x:thing:read"), Rule("staff", "x:thing:manage")


@pytest.mark.parametrize(
    ("rule", "actor", "verdict"),
    [
        (Rule("public"), None, Verdict.ALLOW),
        (Rule("signed_in"), None, Verdict.SIGN_IN),
        (Rule("signed_in"), BASE, Verdict.ALLOW),
        (Rule("signed_in"), replace(BASE, terms_accepted=False), Verdict.TERMS),
        (Rule("signed_in", before_terms=True), replace(BASE, terms_accepted=False), Verdict.ALLOW),
        (READ, BASE, Verdict.ALLOW),
        (READ, replace(BASE, terms_accepted=False), Verdict.TERMS),
        (READ, replace(BASE, enabled=frozenset()), Verdict.NOT_FOUND),
        (READ, replace(BASE, validated=False), Verdict.NOT_VALIDATED),
        (READ, replace(BASE, validated=False, enabled=frozenset()), Verdict.NOT_FOUND),
        (READ, replace(BASE, given=frozenset({"y"})), Verdict.NOT_GIVEN),
        (READ, replace(BASE, validated=False, given=frozenset()), Verdict.NOT_VALIDATED),
        (READ, replace(BASE, validated=False, given=frozenset(), enabled=frozenset()), Verdict.NOT_FOUND),
        (READ, STAFF, Verdict.FORBIDDEN),
        (READ, replace(STAFF, given=frozenset({"x"}), enabled=frozenset({"x"})), Verdict.FORBIDDEN),
        (MANAGE, BASE, Verdict.NOT_FOUND),
        (MANAGE, replace(BASE, permissions=frozenset({"x:thing:manage"})), Verdict.NOT_FOUND),
        (MANAGE, STAFF, Verdict.FORBIDDEN),
        (MANAGE, replace(STAFF, permissions=frozenset({"x:thing:manage"})), Verdict.ALLOW),
        (MANAGE, replace(STAFF, permissions=frozenset({"x:thing:manage"}), terms_accepted=False), Verdict.TERMS),
        (Rule("delegate"), BASE, Verdict.FORBIDDEN),
        (Rule("delegate"), replace(BASE, is_delegate=True), Verdict.ALLOW),
        (Rule("delegate"), replace(STAFF, is_delegate=True), Verdict.FORBIDDEN),
    ],
)
def test_the_decision(rule: Rule, actor: Actor | None, verdict: Verdict) -> None:
    assert decide(rule, actor, DIRECTORY) is verdict


def test_changes_count_from_the_next_request_of_every_worker(database_url: str, make_app: MakeApp) -> None:
    first, second = make_app(database_url), make_app(database_url)
    world = World(first)
    person = world.person("a.clerk")
    client, elsewhere = world.sign_in("a.clerk"), world.sign_in("a.clerk", app=second)
    url = "/apps/tax-id-npi-access/"
    assert (client.get(url).status_code, elsewhere.get(url).status_code) == (200, 200)
    world.disable("tax-id-npi-access", "physician")
    assert (client.get(url).status_code, elsewhere.get(url).status_code) == (404, 404)
    world.enable("tax-id-npi-access", "physician")
    with world.session() as session:
        session.execute(sa.delete(PersonApplication).where(PersonApplication.person_id == person.id))
    assert (client.get(url).status_code, elsewhere.get(url).status_code) == (403, 403)
    with world.session() as session:
        session.get_one(Person, person.id).deactivated_at = clock.now()
    assert (client.get(url).status_code, elsewhere.get(url).status_code) == (303, 303)


def test_a_sign_in_ends_when_idle_and_at_the_latest(world: World, clock: Clock) -> None:
    clock.set(clock.now())
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    for _ in range(4):
        clock.advance(minutes=14)
        assert client.get("/my-sign-ins").status_code == 200
    clock.advance(minutes=15, seconds=1)
    assert client.get("/my-sign-ins").status_code == 303
    client = world.sign_in("a.clerk")
    for _ in range(12 * 6 - 1):
        clock.advance(minutes=10)
        assert client.get("/my-sign-ins", check=False).status_code == 200
    clock.advance(minutes=10, seconds=1)
    assert client.get("/my-sign-ins").status_code == 303


def test_an_ended_sign_in_and_an_invented_token_open_nothing(world: World) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    with world.session() as session:
        session.execute(sa.update(SignIn).values(ended_at=clock.now()))
    assert client.get("/my-sign-ins").status_code == 303
    with client.flask.session_transaction() as kept:
        kept["_user_id"] = "invented"
    assert client.get("/my-sign-ins").status_code == 303


def test_a_cookie_that_is_not_the_portal_s_own_opens_nothing(world: World) -> None:
    """Neither one whose text was changed, nor one that was signed with another key."""
    world.person("a.clerk")
    client, forger = world.sign_in("a.clerk"), world.client()
    name = world.app.config["SESSION_COOKIE_NAME"]
    cookie = client.flask.get_cookie(name)
    assert cookie is not None
    text, _, signature = cookie.value.partition(".")
    elsewhere = Flask("elsewhere")
    elsewhere.secret_key = "another key"
    signer = SecureCookieSessionInterface().get_signing_serializer(elsewhere)
    assert signer is not None
    sessions = world.app.session_interface
    assert isinstance(sessions, SecureCookieSessionInterface)
    own = sessions.get_signing_serializer(world.app)
    assert own is not None
    forged = signer.dumps(dict(own.loads(cookie.value)))
    for value in (text[:-1] + ("A" if text[-1] != "A" else "B") + "." + signature, forged, text):
        forger.flask.set_cookie(name, value)
        assert forger.get("/my-sign-ins").status_code == 303
    forger.flask.set_cookie(name, cookie.value)
    assert forger.get("/my-sign-ins").status_code == 200


def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(world: World, clock: Clock) -> None:
    clock.set(clock.now())
    world.staff("a.keeper", permissions=("remittance:import:read",))
    client = world.sign_in("a.keeper")
    passive = next(
        route.rule
        for route in world.app.url_map.iter_rules()
        if (rule := rule_of(world.app.view_functions[route.endpoint]))
        and rule.passive
        and not route.arguments
        and rule.permission == "remittance:import:read"
    )
    for _ in range(3):
        clock.advance(minutes=4)
        assert client.get(passive, fragment=True, check=False).status_code == 200
    clock.advance(minutes=4)
    assert client.get(passive).status_code == 303


def test_templates_ask_the_gate(world: World) -> None:
    """The home page's menu shows what opens, and nothing else."""
    world.person("a.clerk", applications=("tax-id-npi-access",))
    shown = world.sign_in("a.clerk").get("/").text
    assert "/apps/tax-id-npi-access/" in shown
    assert "/apps/remittance/" not in shown


def test_one_comes_back_to_the_page_asked_for(world: World) -> None:
    client = world.client()
    response = client.get("/apps/remittance/?page=2")
    assert response.headers["Location"] == "/sign-in?next=/apps/remittance/?page%3D2"
    fragment = client.get(
        "/apps/remittance/?page=2", fragment=True, headers={"HX-Current-URL": "http://localhost/apps/remittance/"}
    )
    assert fragment.headers["HX-Redirect"] == "/sign-in?next=/apps/remittance/"
    assert client.post("/sign-out").headers["Location"] == "/sign-in?next=/"
    for odd, to in (("http://[", "/"), ("//evil.example/x", "/x"), ("nonsense", "/"), ("", "/"), (None, "/")):
        headers = {} if odd is None else {"HX-Current-URL": odd}
        fragment = client.get("/apps/remittance/", fragment=True, headers=headers)
        assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (401, f"/sign-in?next={to}")


@pytest.mark.parametrize(
    ("target", "to"),
    [
        ("/my page?of=mine", "/my page?of=mine"),
        ("/", "/"),
        (None, "/"),
        ("", "/"),
        ("contact", "/"),
        ("//contact", "/"),
        ("/con\\tact", "/"),
        ("/con\x1ftact", "/"),
        ("/con\x20tact", "/con tact"),
    ],
)
def test_a_path_of_the_portal_stays_as_it_is_and_nothing_else_does(
    sqlite_app: Flask, target: str | None, to: str
) -> None:
    with sqlite_app.test_request_context("/contact"):
        assert safe_next(target) == to


def test_no_view_is_run_without_a_rule(sqlite_app: Flask) -> None:
    """The start refuses such a view; should one slip in, the gate does."""
    client = World(sqlite_app).client()
    assert client.get("/nothing-here").status_code == 404
    assert client.get("/sign-out").status_code == 405
    sqlite_app.view_functions["pages.contact"] = lambda: "shown"
    assert client.get("/contact").status_code == 500
    with sqlite_app.test_request_context("/contact"), pytest.raises(RuntimeError, match="has no access rule"):
        enforce()


@given(st.text(max_size=40))
def test_no_address_leads_away(target: str) -> None:
    app = Flask("spare")
    app.add_url_rule("/", "pages.home")
    with app.test_request_context():
        for text in (target, "/" + target, "//" + target, "/\\" + target):
            found = safe_next(text)
            assert found.startswith("/")
            assert not found.startswith(("//", "/\\"))
            assert not any(ord(letter) < 32 or letter == "\\" for letter in found)
