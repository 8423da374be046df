"""Authenticator apps and recovery codes: set up, used once each, limited, recorded."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import pytest
import sqlalchemy as sa

from hp_portal.core.factors.apps import MOST
from hp_portal.core.identity.factors import AuthenticatorApp, HalfSignIn, RecoveryCode
from hp_portal.core.identity.models import Person
from hp_portal.core.people.accounts import deactivate, unlock
from hp_portal.worker import core_jobs
from tests.conftest import MakeApp
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.clock import Clock
from tests.support.factors import SECRET, add_app, add_codes, code, first_step, second_step, secret_kept
from tests.support.html import text_of
from tests.support.people import recorded
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.set(NOON)
    return clock


def is_in(client: PortalClient) -> bool:
    return client.get("/my-sign-ins").status_code == 200


def key_of(answer: Any) -> str:
    """The key that the page shows for typing."""
    found = next(one for one in tree_of(answer).iter("span") if "key" in (one.get("class") or "").split())
    return "".join(text_of(found).split())


def begin(client: PortalClient) -> tuple[str, str]:
    """Where a new app is set up, and its key."""
    url = client.post("/sign-in-security/apps").location
    assert url is not None
    return url, key_of(client.get(url))


def codes_on(answer: Any) -> list[str]:
    listed = next(one for one in tree_of(answer).iter("ol") if one.get("id") == "codes")
    return [text_of(item).strip() for item in listed.iter("li")]


def test_an_app_is_set_up_and_asked_for_from_then_on(world: World, noon: Clock) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    url, secret = begin(client)
    page = client.get(url)
    assert "<svg" in page.text
    assert f"secret={secret}" in page.text
    wrong = client.post(url, {"name": "Desk telephone", "code": "000000"})
    assert (wrong.status_code, "not the code that belongs to this key" in wrong.text) == (422, True)
    assert "Desk telephone" in wrong.text, "nothing typed is lost"
    assert world.client().post("/sign-in", {"username": "a.clerk", "password": PASSWORD}).location == "/"
    shown = code(secret=secret)
    assert client.post(url, {"name": "Desk telephone", "code": f"{shown[:3]} {shown[3:]}"}).status_code == 303
    assert "Desk telephone" in client.get("/sign-in-security").text
    guest = first_step(world, "a.clerk", to="/my-activity")
    assert not is_in(guest)
    asked = guest.get("/sign-in/second-step?next=/my-activity")
    assert heading_of(asked) == "One more step"
    assert second_step(guest, shown).status_code == 422, "the code that set it up has been used"
    noon.advance(seconds=30)
    assert second_step(guest, code(secret=secret), to="/my-activity").location == "/my-activity"
    assert is_in(guest)
    assert client.post(url, {"name": "Twice", "code": code(secret=secret)}).location == "/sign-in-security"
    assert "Please begin again" in client.get("/sign-in-security").text


def test_the_key_is_sealed_and_gone_with_the_app(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    app_id = add_app(world, person)
    assert SECRET.encode() not in secret_kept(world, person)
    client = world.sign_in("a.clerk")
    assert SECRET not in client.get("/sign-in-security").text
    client.post(f"/sign-in-security/apps/{app_id}/name", {"name": "Old telephone"})
    page = client.get(f"/sign-in-security/apps/{app_id}")
    assert "your only second factor" in page.text
    assert client.post(f"/sign-in-security/apps/{app_id}/remove").status_code == 303
    assert "“Old telephone” is removed" in client.get("/sign-in-security").text
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(AuthenticatorApp.id))) == 0
    assert world.client().post("/sign-in", {"username": "a.clerk", "password": PASSWORD}).location == "/"
    said = client.get("/my-activity").text
    assert "Called an authenticator app Old telephone; before it was Sample telephone" in said
    assert "Removed an authenticator app for signing in: Old telephone" in said


def test_nobody_sees_or_changes_the_app_of_a_colleague(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    with world.session() as session:
        organization = session.get_one(Person, person.id).organization_id
    app_id = add_app(world, person)
    world.person("b.clerk")
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.username == "b.clerk").values(organization_id=organization))
    colleague = world.sign_in("b.clerk")
    assert "Sample telephone" not in colleague.get("/sign-in-security").text
    assert colleague.get(f"/sign-in-security/apps/{app_id}").status_code == 404
    assert colleague.post(f"/sign-in-security/apps/{app_id}/name", {"name": "Mine"}).status_code == 404
    assert colleague.post(f"/sign-in-security/apps/{app_id}/remove").status_code == 404
    url, secret = begin(world.sign_in("a.clerk"))
    assert colleague.post(url, {"name": "Mine", "code": code(secret=secret)}).location == "/sign-in-security"
    assert second_step(first_step(world, "a.clerk"), code()).status_code == 303


def test_there_are_as_many_apps_as_one_needs(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    client = world.sign_in("a.clerk")
    url, secret = begin(client)
    for number in range(MOST):
        add_app(world, person, f"Telephone {number}")
    assert client.post("/sign-in-security/apps").location == "/sign-in-security"
    assert client.post(url, {"name": "One more", "code": code(secret=secret)}).location == "/sign-in-security"
    assert "as many as one can have" in client.get("/sign-in-security").text


@pytest.mark.parametrize(("drift", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_telephones_may_be_half_a_minute_off(world: World, noon: Clock, drift: int, right: bool) -> None:
    add_app(world, world.person("a.clerk"))
    assert second_step(first_step(world, "a.clerk"), code(drift)).status_code == (303 if right else 422)


def test_a_code_and_those_before_it_open_nothing_more(world: World, noon: Clock) -> None:
    add_app(world, world.person("a.clerk"))
    assert second_step(first_step(world, "a.clerk"), code()).status_code == 303
    guest = first_step(world, "a.clerk")
    for old in (code(), code(-1)):
        answer = second_step(guest, old)
        assert answer.status_code == 422
        assert "was used already" in answer.text
    assert second_step(guest, code(1)).status_code == 303


def test_any_of_several_apps_will_do(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    add_app(world, person)
    other = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
    add_app(world, person, "Other telephone", other)
    assert second_step(first_step(world, "a.clerk"), code(secret=other)).status_code == 303
    assert recorded(world, "identity.factor.used") == [{"kind": "app", "name": "Other telephone"}]


def at_once(world: World, clients: list[PortalClient], typed: str, way: str) -> list[int]:
    with ThreadPoolExecutor(len(clients)) as pool:
        return sorted(pool.map(lambda client: second_step(client, typed, way=way).status_code, clients))


def test_one_code_typed_twice_at_once_opens_one_session(world: World, noon: Clock) -> None:
    add_app(world, world.person("a.clerk"))
    guests = [first_step(world, "a.clerk") for _ in range(4)]
    assert at_once(world, guests, code(), "app") == [303, 422, 422, 422]
    assert [is_in(guest) for guest in guests].count(True) == 1


def test_one_recovery_code_typed_twice_at_once_opens_one_session(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    add_app(world, person)
    (used, *_) = add_codes(world, person)
    guests = [first_step(world, "a.clerk") for _ in range(4)]
    assert at_once(world, guests, used, "recovery") == [303, 422, 422, 422]
    assert recorded(world, "identity.recovery-code.used") == [{"left": 9}]


def test_a_half_is_finished_once(world: World, noon: Clock) -> None:
    """The same browser's two windows, with a code each."""
    person = world.person("a.clerk")
    add_app(world, person)
    one, other, *_ = add_codes(world, person)
    here = first_step(world, "a.clerk")
    there = world.client()
    with here.flask.session_transaction() as kept, there.flask.session_transaction() as copy:
        copy["half_sign_in"] = kept["half_sign_in"]
    assert second_step(here, one, way="recovery").location == "/"
    assert second_step(there, other, way="recovery").location == "/sign-in"
    assert not is_in(there)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(RecoveryCode.id)).where(RecoveryCode.used_at.is_(None))) == 9


def test_recovery_codes_are_shown_once_and_work_once(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    client = world.sign_in("a.clerk")
    assert client.post("/sign-in-security/recovery-codes").location == "/sign-in-security", "none without a factor"
    add_app(world, person)
    made = client.post("/sign-in-security/recovery-codes")
    codes = codes_on(made)
    assert len(set(codes)) == 10
    link = next(one.get("href") or "" for one in tree_of(made).iter("a") if one.get("download"))
    assert all(one in unquote(link) for one in codes)
    overview = client.get("/sign-in-security").text
    assert "10 of your 10 codes are left" in overview
    assert not any(one in overview for one in codes)
    with world.session() as session:
        kept = b"".join(session.scalars(sa.select(RecoveryCode.code_hash)))
    assert not any(one.replace("-", "").encode() in kept for one in codes)
    guest = first_step(world, "a.clerk")
    assert "Use a recovery code" in guest.get("/sign-in/second-step").text
    assert heading_of(guest.get("/sign-in/second-step?way=recovery")) == "One more step"
    assert second_step(guest, codes[0].lower().replace("-", " "), way="recovery").location == "/"
    assert "9 recovery codes left" in guest.get("/").text
    again = second_step(first_step(world, "a.clerk"), codes[0], way="recovery")
    assert (again.status_code, "used already" in again.text) == (422, True)
    assert "9 of your 10 codes are left" in client.get("/sign-in-security").text
    new = codes_on(client.post("/sign-in-security/recovery-codes"))
    old = second_step(first_step(world, "a.clerk"), codes[1], way="recovery")
    assert (old.status_code, "none of your recovery codes" in old.text) == (422, True)
    assert second_step(first_step(world, "a.clerk"), new[0], way="recovery").location == "/"


def test_codes_of_another_person_open_nothing(world: World, noon: Clock) -> None:
    for name in ("a.clerk", "b.clerk"):
        person = world.person(name)
        add_app(world, person, secret=SECRET if name == "a.clerk" else "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU")
        codes = add_codes(world, person)
    assert second_step(first_step(world, "a.clerk"), codes[0], way="recovery").status_code == 422
    assert second_step(first_step(world, "b.clerk"), code()).status_code == 422


def test_with_the_last_factor_the_recovery_codes_end(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    app_id = add_app(world, person)
    add_codes(world, person)
    client = world.sign_in("a.clerk")
    client.post(f"/sign-in-security/apps/{app_id}/remove")
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(RecoveryCode.id))) == 0


def test_guessing_the_second_step_is_limited_like_passwords(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, attempts_per_account=3))
    person = world.person("a.clerk")
    add_app(world, person)
    guest = first_step(world, "a.clerk")
    for _ in range(2):
        assert second_step(guest, "000000").status_code == 422
    (codes, *_) = add_codes(world, person)
    assert second_step(first_step(world, "a.clerk"), "AAAA-AAAA-AAAA", way="recovery").status_code == 422
    for client, typed, way in ((guest, code(), "app"), (first_step(world, "a.clerk"), codes, "recovery")):
        blocked = second_step(client, typed, way=way)
        assert blocked.status_code == 429
        assert "Retry-After" in blocked.headers
    assert {"account": "a.clerk", "kind": "app"} in recorded(world, "identity.factor.blocked")
    assert {"account": "a.clerk", "kind": "recovery"} in recorded(world, "identity.factor.failed")
    with world.session() as session:
        unlock(session, session.get_one(Person, person.id))
    assert second_step(first_step(world, "a.clerk"), code()).status_code == 303


def test_a_browser_one_knows_keeps_tries_of_its_own(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, attempts_per_account=2))
    add_app(world, world.person("a.clerk"))
    mine = first_step(world, "a.clerk")
    assert second_step(mine, code()).status_code == 303
    guest = first_step(world, "a.clerk")
    assert [second_step(guest, "000000").status_code for _ in range(3)] == [422, 422, 429]
    mine.post("/sign-out")
    mine.post("/sign-in", {"username": "a.clerk", "password": PASSWORD})
    noon.advance(seconds=30)
    assert second_step(mine, code()).status_code == 303


def test_half_a_sign_in_ends_by_itself(world: World, noon: Clock) -> None:
    add_app(world, world.person("a.clerk"))
    guest = first_step(world, "a.clerk", to="/my-activity")
    noon.advance(minutes=9)
    assert guest.get("/sign-in/second-step").status_code == 200
    noon.advance(minutes=1)
    assert second_step(guest, code(), to="/my-activity").location == "/sign-in?next=/my-activity"
    assert "within ten minutes" in guest.get("/sign-in").text
    with world.session() as session:
        next(job for job in core_jobs(world.settings) if job.key == "identity.forget-attempts").run(session)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(HalfSignIn.id))) == 0


def test_half_a_sign_in_is_worth_nothing_after_a_new_password_or_the_end_of_the_account(
    world: World, noon: Clock
) -> None:
    person = world.person("a.clerk")
    add_app(world, person)
    guest = first_step(world, "a.clerk")
    noon.advance(seconds=30)
    new = "purple-anchor-window-2031"
    changed = world.sign_in("a.clerk").post("/change-password", {"current": PASSWORD, "new": new, "again": new})
    assert changed.status_code == 303
    assert second_step(guest, code()).location == "/sign-in"
    half = world.client()
    half.post("/sign-in", {"username": "a.clerk", "password": new})
    with world.session() as session:
        deactivate(session, session.get_one(Person, person.id), "left")
    assert second_step(half, code()).location == "/sign-in"
    assert not is_in(half)


def test_nothing_is_told_to_somebody_without_the_password(world: World, noon: Clock) -> None:
    """Whether somebody has a second factor shows only after the right password."""
    add_app(world, world.person("a.clerk"))
    answers = [world.client().post("/sign-in", {"username": n, "password": "wrong"}) for n in ("a.clerk", "nobody")]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert world.client().get("/sign-in/second-step").location == "/sign-in"


def test_the_session_before_ends_with_the_half_as_well(world: World, noon: Clock) -> None:
    add_app(world, world.person("a.clerk"))
    world.person("b.clerk")
    client = world.sign_in("b.clerk")
    client.post("/sign-in", {"username": "a.clerk", "password": PASSWORD})
    assert not is_in(client)
    assert second_step(client, code()).location == "/"
    said = client.get("/my-activity").text
    for sentence in (
        "Gave the right password and was asked for the second step",
        "Took the second step with an authenticator app (Sample telephone)",
    ):
        assert sentence in said
