"""Who must have a second factor, from when on, and how others are offered one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hp_portal.core.access.gate import Directory, Verdict, decide
from hp_portal.core.access.rules import Rule
from hp_portal.core.identity.factors import factor_by
from hp_portal.settings import ConfigurationError, Settings, load_settings
from tests.conftest import MakeApp
from tests.support.client import heading_of
from tests.support.clock import Clock
from tests.support.databases import DATA_KEY, SECRET_KEY
from tests.support.factors import add_app, code, first_step, second_step
from tests.support.people import recorded
from tests.support.world import World

from .test_gate import BASE
from .test_second_factor import begin

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SEPTEMBER = dt.datetime(2026, 9, 1, 5, tzinfo=dt.UTC)
JANUARY = dt.datetime(2027, 1, 1, 6, tzinfo=dt.UTC)


def settings(**values: Any) -> Settings:
    return load_settings(secret_key=SECRET_KEY, data_key=DATA_KEY, **values)


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.set(NOON)
    return clock


@pytest.mark.parametrize(
    ("values", "staff", "delegates", "others"),
    [
        ({}, NOON + 14 * DAY, NOON + 14 * DAY, None),
        ({"second_factor_for": ""}, None, None, None),
        ({"second_factor_for": "staff", "second_factor_days": 0}, NOON, None, None),
        ({"second_factor_for": "everybody", "second_factor_days": 1}, NOON + DAY, NOON + DAY, NOON + DAY),
        (
            {"second_factor_for": "delegates", "second_factor_from": "2026-09-01"},
            None,
            SEPTEMBER,
            None,
        ),
        ({"second_factor_from": "2026-01-01"}, NOON + 14 * DAY, NOON + 14 * DAY, None),
        ({"second_factor_for": "staff:2026-09-01, delegates:2027-01-01"}, SEPTEMBER, JANUARY, None),
        ({"second_factor_for": ["staff:2026-09-01", "everybody:2027-01-01"]}, SEPTEMBER, JANUARY, JANUARY),
        ({"second_factor_for": {"staff": dt.date(2026, 9, 1)}}, SEPTEMBER, None, None),
        (
            {"second_factor_for": "staff,delegates:2026-09-01", "second_factor_from": "2027-01-01"},
            JANUARY,
            SEPTEMBER,
            None,
        ),
        ({"second_factor_for": "staff:2026-09-01,everybody"}, NOON + 14 * DAY, NOON + 14 * DAY, NOON + 14 * DAY),
        ({"second_factor_for": "staff:2026-06-03"}, NOON + 14 * DAY, None, None),
    ],
)
def test_who_and_from_when(values: dict[str, Any], staff: Any, delegates: Any, others: Any) -> None:
    chosen = settings(**values)
    assert factor_by(chosen, is_staff=True, is_delegate=False, since=NOON) == staff
    assert factor_by(chosen, is_staff=False, is_delegate=True, since=NOON) == delegates
    assert factor_by(chosen, is_staff=False, is_delegate=False, since=NOON) == others


@pytest.mark.parametrize(
    "mistyped", ["stuff", "staff:soon", "staff:", "staff:2026-13-01", "staff,staff:2026-09-01", "staff;delegates"]
)
def test_a_mistyped_group_stops_the_start(mistyped: str) -> None:
    with pytest.raises(ConfigurationError, match="HP_PORTAL_SECOND_FACTOR_FOR"):
        settings(second_factor_for=mistyped)


def test_groups_with_days_come_from_the_environment_and_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HP_PORTAL_SECOND_FACTOR_FOR", "staff:2026-09-01,delegates")
    assert settings().second_factor_for == {"staff": dt.date(2026, 9, 1), "delegates": None}
    monkeypatch.delenv("HP_PORTAL_SECOND_FACTOR_FOR")
    file = tmp_path / "portal.toml"
    monkeypatch.setenv("HP_PORTAL_CONFIG", str(file))
    for written in (
        'second_factor_for = "delegates:2027-01-01"',
        'second_factor_for = ["delegates:2027-01-01"]',
        "[second_factor_for]\ndelegates = 2027-01-01",
    ):
        file.write_text(written, encoding="utf-8")
        assert settings().second_factor_for == {"delegates": dt.date(2027, 1, 1)}


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        (Rule("signed_in"), Verdict.FACTOR),
        (Rule("delegate"), Verdict.FACTOR),
        (Rule("signed_in", before_terms=True), Verdict.ALLOW),
        (Rule("public"), Verdict.ALLOW),
    ],
)
def test_the_gate_lets_nobody_by_who_must_have_one(rule: Rule, verdict: Verdict) -> None:
    actor = replace(BASE, is_delegate=True, factor_missing=True)
    assert decide(rule, actor, Directory()) is verdict
    assert decide(Rule("signed_in"), replace(actor, terms_accepted=False), Directory()) is Verdict.TERMS


@pytest.mark.parametrize("who", ["delegate", "staff"])
def test_whoever_must_have_one_is_led_to_it_and_on(database_url: str, make_app: MakeApp, noon: Clock, who: str) -> None:
    world = World(make_app(database_url, second_factor_for="staff,delegates", second_factor_days=14))
    if who == "staff":
        world.staff("a.person", permissions=["staff:console:open", "staff:people:search"])
    else:
        world.person("a.person", delegate=True)
    wanted = "/staff/" if who == "staff" else "/apps/remittance/"
    assert world.sign_in("a.person").get(wanted).status_code == 200
    noon.advance(days=14)
    client = world.sign_in("a.person")
    assert client.get(wanted).location == "/sign-in-security"
    assert client.get("/").location == "/sign-in-security"
    page = client.get("/sign-in-security")
    assert "Set up a second factor to go on" in page.text
    assert 'aria-label="Applications"' not in page.text
    assert 'aria-label="Staff console"' not in page.text
    for open_still in ("/my-sign-ins", "/change-password"):
        assert client.get(open_still).status_code == 200
    client.get(wanted)
    url, secret = begin(client)
    assert client.post(url, {"name": "Telephone", "code": code(secret=secret)}).location == "/sign-in-security"
    page = client.get("/sign-in-security")
    assert "Go on to the page you wanted" in page.text
    assert f'href="{wanted}"' in page.text
    assert "Go on to the page you wanted" not in client.get("/sign-in-security").text
    assert client.get(wanted).status_code == 200


def test_a_delegate_is_told_beforehand(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, second_factor_for="delegates"))
    person = world.person("a.delegate", delegate=True)
    world.person("a.clerk")
    client = world.sign_in("a.delegate")
    assert "on you need a second factor" in client.get("/").text
    assert "You need a second factor from" in client.get("/sign-in-security").text
    assert "need a second factor" not in world.sign_in("a.clerk").get("/").text
    add_app(world, person)
    assert "need a second factor" not in client.get("/").text
    noon.advance(days=15)
    guest = first_step(world, "a.delegate")
    assert second_step(guest, code()).location == "/"
    assert heading_of(guest.get("/")).startswith("Welcome")


def test_others_are_offered_one_until_they_say_no(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    offered = "Keep your account yours"
    client = world.sign_in("a.clerk")
    assert offered not in client.get("/").text, "not on the first visit"
    noon.advance(hours=1)
    client = world.sign_in("a.clerk")
    assert offered in client.get("/").text
    assert client.post("/sign-in-security/not-now").location == "/"
    assert offered not in client.get("/").text
    noon.advance(hours=1)
    assert offered not in world.sign_in("a.clerk").get("/").text
    assert recorded(world, "identity.factor.declined") == [{}]
    world.person("b.clerk")
    world.sign_in("b.clerk")
    noon.advance(hours=1)
    other = world.sign_in("b.clerk")
    assert offered in other.get("/").text
    add_app(world, person)
