"""Staff sign in with the payer's own directory: a real OpenID provider, and what one that lies is not believed."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.identity.staff_roles import StaffRole
from hp_portal.core.openid import calling
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.directory_browser import BACK, REFUSED, Browser, count, is_in, roles_of, whys
from tests.support.people import find, recorded
from tests.support.staff_directory import CLIENT, SECRET, StaffDirectory, parameters
from tests.support.world import World

pytestmark = pytest.mark.either_database


@pytest.fixture
def world(directory_world: World) -> World:
    """A portal whose staff sign in with the directory, and in no other way."""
    return directory_world


def test_the_first_sign_in_makes_the_account_with_the_roles_of_the_groups(
    world: World, directory: StaffDirectory
) -> None:
    directory.add("a.staff", "portal-claims", "canteen")
    browser = Browser(world)
    page = browser.portal.get("/sign-in?next=/staff/").text
    assert "Sign in with Plan ID (staff)" in page
    assert "/sign-in/directory?next=/staff/" in page
    answer = browser.enter("a.staff", "/sign-in/directory?next=/staff/")
    assert (answer.status_code, answer.location) == (303, "/staff/")
    assert is_in(browser.portal)
    person = find(world, "a.staff")
    assert person is not None
    assert (person.is_staff, person.organization_id) == (True, None)
    assert (person.name, person.email) == ("Staff A Staff", "a.staff@plan.example")
    assert roles_of(world, "a.staff") == ["Claims"]
    assert recorded(world, "staff.person.made-by-directory") == [{"person": person.id, "role": "Claims"}]
    assert recorded(world, "staff.person.linked") == [{"person": person.id, "subject": "subject-of-a.staff"}]
    assert recorded(world, "identity.directory.used") == [{}]
    again = Browser(world).enter("a.staff")
    assert again.status_code == 303
    assert count(world, Person) == 1


def test_the_browser_asks_with_all_that_ties_the_answer_to_it(world: World, directory: StaffDirectory) -> None:
    asked = parameters(Browser(world).go())
    assert asked["response_type"] == "code"
    assert (asked["client_id"], asked["redirect_uri"], asked["scope"]) == (CLIENT, BACK, "openid profile email")
    assert asked["code_challenge_method"] == "S256"
    other = parameters(Browser(world).go())
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name]) >= 43
        assert asked[name] != other[name]
    assert SECRET not in str(asked)
    assert "prompt" not in asked


def test_roles_follow_the_groups_at_every_sign_in(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins", "portal-claims")
    Browser(world).enter("a.staff")
    assert roles_of(world, "a.staff") == ["Administrator", "Claims"]
    directory.add("a.staff", "portal-claims")
    browser = Browser(world)
    browser.enter("a.staff")
    assert roles_of(world, "a.staff") == ["Claims"]
    person = find(world, "a.staff")
    assert person is not None
    assert recorded(world, "staff.person.role-taken") == [{"person": person.id, "role": "Administrator"}]
    directory.add("a.staff", "portal-admins")
    Browser(world).enter("a.staff")
    assert roles_of(world, "a.staff") == ["Administrator"]


def test_whoever_has_no_group_any_more_loses_roles_and_sessions(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins")
    elsewhere = Browser(world)
    elsewhere.enter("a.staff")
    directory.add("a.staff", "canteen")
    answer = Browser(world).enter("a.staff")
    assert answer.status_code == 403
    assert "none of your groups there" in answer.text
    assert not is_in(elsewhere.portal)
    assert roles_of(world, "a.staff") == []


@pytest.mark.parametrize("groups", [[], ["canteen"], "canteen", {"portal-admins": 1}, None, ["PORTAL-ADMINS"]])
def test_an_unknown_group_opens_nothing_and_makes_nothing(
    world: World, directory: StaffDirectory, groups: object
) -> None:
    directory.add("a.staff")
    directory.people["a.staff"]["groups"] = groups
    browser = Browser(world)
    answer = browser.enter("a.staff")
    assert answer.status_code == 403
    assert "Plan ID knows you, but none of your groups there" in answer.text
    assert not is_in(browser.portal)
    assert count(world, Person) == 0
    assert recorded(world, REFUSED) == [{"why": "group", "account": "a.staff", "subject": "subject-of-a.staff"}]


def test_a_role_that_there_is_not_gives_nothing(world: World, directory: StaffDirectory) -> None:
    with world.session() as session:
        session.execute(sa.update(StaffRole).where(StaffRole.name == "Claims").values(name="Claims of yore"))
    directory.add("a.staff", "portal-claims")
    assert Browser(world).enter("a.staff").status_code == 403


NOT_BELIEVED: dict[str, dict[str, Any]] = {
    "nonce of another": {"claims": {"nonce": "n" * 43}},
    "no nonce": {"claims": {"nonce": None}},
    "expired": {"claims": {"exp": 1_700_000_000, "iat": 1_699_999_000}},
    "no expiry": {"claims": {"exp": None}},
    "issued in the future": {"claims": {"iat": 4_000_000_000, "exp": 4_000_000_300}},
    "for another client": {"claims": {"aud": "payroll"}},
    "for another client, by us": {"claims": {"aud": "payroll", "azp": CLIENT}},
    "no audience": {"claims": {"aud": None}},
    "for another and us, by the other": {"claims": {"aud": [CLIENT, "payroll"], "azp": "payroll"}},
    "for several, by nobody": {"claims": {"aud": [CLIENT, "payroll"]}},
    "of another issuer": {"claims": {"iss": "https://evil.example"}},
    "no subject": {"claims": {"sub": None}},
    "subject too long": {"claims": {"sub": "s" * 256}},
    "subject of nothing": {"claims": {"sub": ""}},
    "signed by another": {"signed_with": "other"},
    "signed by nobody": {"signed_with": "none"},
    "signed with the client's secret": {"signed_with": "HS256"},
    "with an access token of another": {"access_token": "t" * 42},
}


@pytest.mark.parametrize("how", NOT_BELIEVED)
def test_a_token_that_is_not_to_be_trusted_opens_nothing(world: World, directory: StaffDirectory, how: str) -> None:
    directory.add("a.staff", "portal-admins")
    for name, value in NOT_BELIEVED[how].items():
        setattr(directory.spoiled, name, value)
    browser = Browser(world)
    answer = browser.enter("a.staff")
    assert answer.status_code == 502, how
    assert "not to be trusted" in answer.text
    assert not is_in(browser.portal)
    assert count(world, Person) == 0
    assert whys(world) == ["token"]


@pytest.mark.parametrize(
    "claims", [{"aud": [CLIENT]}, {"aud": [CLIENT, "payroll"], "azp": CLIENT}, {"at_hash": None}, {"auth_time": None}]
)
def test_what_a_directory_may_say_otherwise_is_believed(
    world: World, directory: StaffDirectory, claims: dict[str, Any]
) -> None:
    directory.add("a.staff", "portal-admins")
    directory.spoiled.claims = claims
    assert Browser(world).enter("a.staff").status_code == 303


def test_a_little_difference_of_clocks_is_borne(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins")
    now = int(dt.datetime.now(dt.UTC).timestamp())
    directory.spoiled.claims = {"exp": now - 30, "iat": now - 300}
    assert Browser(world).enter("a.staff").status_code == 303
    directory.spoiled.claims = {"exp": now - 90, "iat": now - 300}
    assert Browser(world).enter("a.staff").status_code == 502


def test_the_directory_may_change_its_keys(world: World, directory: StaffDirectory, clock: Clock) -> None:
    clock.set(dt.datetime.now(dt.UTC))
    directory.add("a.staff", "portal-admins")
    assert Browser(world).enter("a.staff").status_code == 303
    directory.new_key("second", elliptic=True)
    clock.advance(seconds=11)
    assert Browser(world).enter("a.staff").status_code == 303
    assert directory.requests.count("keys") == 2
    assert Browser(world).enter("a.staff").status_code == 303
    assert directory.requests.count("keys") == 2, "they are kept"
    assert directory.requests.count("openid-configuration") == 1


def test_an_answer_counts_once_in_the_browser_that_asked(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins")
    browser = Browser(world)
    browser.go()
    back = browser.choose("a.staff")
    stranger = world.client()
    refused = stranger.get(back)
    assert refused.status_code == 400
    assert "Please begin again" in refused.text
    assert not is_in(stranger)
    with browser.portal.flask.session_transaction() as kept:
        begun = kept["directory_sign_in"]
    assert browser.portal.get(back).status_code == 303
    with browser.portal.flask.session_transaction() as kept:
        assert "directory_sign_in" not in kept
    # Somebody who has kept the cookie as well gets nothing for it.
    thief = world.client()
    with thief.flask.session_transaction() as kept:
        kept["directory_sign_in"] = begun
    assert thief.get(back).status_code == 400
    assert not is_in(thief)
    assert whys(world) == ["gone"], "the second is counted"


def test_a_code_that_was_used_opens_nothing(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins")
    first, second = Browser(world), Browser(world)
    first.go()
    code = parameters(first.choose("a.staff"))["code"]
    state = parameters(second.go())["state"]
    # A code that somebody else was given does not fit what this browser has asked with.
    assert second.portal.get(f"/sign-in/directory/answer?code={code}&state={state}").status_code == 400
    directory.codes.clear()
    state = parameters(second.go())["state"]
    answer = second.portal.get(f"/sign-in/directory/answer?code={code}&state={state}")
    assert answer.status_code == 400
    assert "answered already, or took too long" in answer.text
    assert whys(world) == ["code"]
    assert not is_in(second.portal)


@pytest.mark.parametrize("state", ["", "another", "ü"])
def test_a_wrong_state_is_refused(world: World, directory: StaffDirectory, state: str) -> None:
    directory.add("a.staff", "portal-admins")
    browser = Browser(world)
    browser.go()
    code = parameters(browser.choose("a.staff"))["code"]
    answer = browser.portal.get("/sign-in/directory/answer", query_string={"code": code, "state": state})
    assert answer.status_code == 400
    assert "token" not in directory.requests, "nothing was asked for such an answer"


@pytest.mark.parametrize(
    ("site", "begins"), [("cross-site", False), ("same-site", False), ("same-origin", True), ("none", True)]
)
def test_another_site_begins_no_sign_in(world: World, directory: StaffDirectory, site: str, begins: bool) -> None:
    answer = world.client().get("/sign-in/directory?next=/staff/", headers={"Sec-Fetch-Site": site})
    assert answer.location.startswith(directory.issuer) is begins
    assert begins or answer.location == "/sign-in?next=/staff/"


def test_ten_minutes_are_enough(world: World, directory: StaffDirectory, clock: Clock) -> None:
    clock.set(dt.datetime.now(dt.UTC))
    directory.add("a.staff", "portal-admins")
    browser = Browser(world)
    browser.go()
    back = browser.choose("a.staff")
    clock.advance(minutes=10, seconds=1)
    assert browser.portal.get(back).status_code == 400
    assert whys(world) == ["gone"]


def test_another_directorys_answer_is_none(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins")
    browser = Browser(world)
    browser.go()
    back = browser.choose("a.staff")
    assert browser.portal.get(f"{back}&iss=https://evil.example").status_code == 502
    assert "token" not in directory.requests


def test_who_cancels_reads_so(world: World, directory: StaffDirectory) -> None:
    browser = Browser(world)
    answer = browser.enter("nobody")
    assert answer.status_code == 403
    assert "Plan ID did not let you in, or you canceled" in answer.text
    assert "Sign in with Plan ID (staff)" in answer.text
    assert whys(world) == ["denied"]
    state = parameters(browser.go())["state"]
    broken = browser.portal.get(f"/sign-in/directory/answer?error=invalid_scope&state={state}")
    assert broken.status_code == 502
    assert "<script>" not in browser.portal.get("/sign-in/directory/answer?error=<script>").text


def test_refusals_are_limited_by_address(world: World, directory: StaffDirectory) -> None:
    for _ in range(world.settings.attempts_per_address):
        world.client().get("/sign-in/directory/answer?state=x&code=y", check=False)
    blocked = world.client().get("/sign-in/directory/answer?state=x&code=y")
    assert blocked.status_code == 429
    assert int(blocked.headers["Retry-After"]) > 0
    assert recorded(world, "identity.directory.blocked") == [{}]
    directory.add("a.staff", "portal-admins")
    browser = Browser(world)
    browser.go()
    assert browser.portal.get(browser.choose("a.staff")).status_code == 429


def test_a_session_that_was_fixed_before_is_worth_nothing(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins")
    world.person("m.keeper")
    browser = Browser(world)
    browser.portal = world.sign_in("m.keeper")
    with browser.portal.flask.session_transaction() as kept:
        before, kept["planted"] = kept["_user_id"], "yes"
    browser.portal.get("/change-password")
    browser.enter("a.staff")
    with browser.portal.flask.session_transaction() as kept:
        assert kept["_user_id"] != before
        assert "planted" not in kept
    old = PortalClient(world.app, before)
    assert not is_in(old), "whoever was signed in here is no longer"


def test_a_directory_that_does_not_answer_is_said_and_not_asked_at_once_again(
    world: World, directory: StaffDirectory, clock: Clock
) -> None:
    clock.set(dt.datetime.now(dt.UTC))
    directory.add("a.staff", "portal-admins")
    directory.spoiled.status = 500
    browser = Browser(world)
    for _ in range(2):
        answer = browser.portal.get("/sign-in/directory?next=/staff/")
        assert answer.status_code == 503
        assert "Plan ID does not answer" in answer.text
        assert "next=/staff/" in answer.text, "where they wanted to go is kept"
    assert directory.requests == ["openid-configuration"]
    clock.advance(seconds=11)
    directory.spoiled.status = 0
    browser.go()
    back = browser.choose("a.staff")
    directory.spoiled.status = 503
    assert browser.portal.get(back).status_code == 503
    assert whys(world) == ["silent"]
    directory.spoiled.status = 0
    assert browser.enter("a.staff").status_code == 303


def test_a_directory_that_is_away_is_said(make_directory_world: Callable[..., World]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        issuer = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    world = make_directory_world(oidc_issuer=issuer)
    assert world.client().get("/sign-in/directory").status_code == 503


def test_an_answer_without_end_is_not_waited_for(
    world: World, directory: StaffDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "MOST", 2000)
    directory.spoiled.metadata = {"more": "x" * 3000}
    assert world.client().get("/sign-in/directory").status_code == 503


def test_a_directory_that_hangs_is_given_up(
    make_directory_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "READ", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world = make_directory_world(oidc_issuer=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert world.client().get("/sign-in/directory").status_code == 503


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://login.plan.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
    ],
)
def test_a_description_that_is_not_the_directorys_is_not_used(
    world: World, directory: StaffDirectory, metadata: dict[str, Any]
) -> None:
    directory.spoiled.metadata = metadata
    answer = world.client().get("/sign-in/directory")
    assert answer.status_code == 502
    assert "not set up to work together" in answer.text


def test_a_wrong_client_secret_is_a_matter_of_the_settings(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins")
    directory.methods = ["client_secret_post"]
    assert Browser(world).enter("a.staff").status_code == 303, "sent as the directory wants it"
    directory.methods = ["none"]
    assert Browser(world).enter("a.staff").status_code == 502
    assert whys(world) == ["settings"]
