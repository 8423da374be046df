"""What keeps an account its owner's: a second factor beside the first, one that must stay, and what ends with a change."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from hp_portal import cli
from hp_portal.core.identity.factors import AuthenticatorApp, Passkey
from hp_portal.core.identity.models import Person
from hp_portal.core.people.changes import remove_factors
from hp_portal.core.people.models import PasswordLink
from tests.conftest import MakeApp
from tests.support.authenticator import Device
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.factors import add_app, add_codes, add_passkey, code, first_step, second_step
from tests.support.html import text_of
from tests.support.people import follow, make_link, recorded, set_password
from tests.support.world import PASSWORD, World

from .test_account_changes import CONFIRM, NEW, ask, change, confirming, is_in, mails, opened
from .test_failed_steps import fail
from .test_passkeys import add
from .test_second_factor import begin

pytestmark = pytest.mark.either_database

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)
SECOND = "Have a second way in"
SECURITY = "/sign-in-security"


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.set(NOON)
    return clock


def said(client: PortalClient, url: str) -> str:
    return text_of(tree_of(client.get(url)))


def enter(world: World, username: str, later: int = 0) -> PortalClient:
    """Somebody who has signed in with the password and a code."""
    client = first_step(world, username)
    assert second_step(client, code(later)).status_code == 303
    return client


# ---- at least two


def test_whoever_has_one_is_asked_for_another_once(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    client = world.sign_in("a.clerk")
    add_app(world, person)
    assert SECOND not in client.get("/").text, "not when it was just set up"
    noon.advance(hours=1)
    client = enter(world, "a.clerk")
    assert SECOND not in client.get("/").text, "on the visit after"
    noon.advance(hours=1)
    client = enter(world, "a.clerk")
    assert SECOND in client.get("/").text
    assert client.post(f"{SECURITY}/not-now").location == "/"
    assert SECOND not in client.get("/").text
    noon.advance(hours=1)
    assert SECOND not in enter(world, "a.clerk").get("/").text


def test_whoever_declined_the_first_is_asked_for_the_second_all_the_same(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    world.sign_in("a.clerk").post(f"{SECURITY}/not-now")
    noon.advance(days=1)
    add_app(world, person)
    for _ in range(2):
        noon.advance(hours=1)
        client = enter(world, "a.clerk")
    assert SECOND in client.get("/").text
    add_passkey(world, person)
    assert SECOND not in client.get("/").text, "with two"


@pytest.mark.parametrize("who", ["delegate", "staff"])
def test_the_only_one_stays_with_whoever_must_have_one(
    database_url: str, make_app: MakeApp, noon: Clock, who: str
) -> None:
    world = World(make_app(database_url, second_factor_for="staff,delegates", second_factor_days=14))
    if who == "staff":
        person = world.staff("a.person", permissions=["staff:console:open"])
    else:
        person = world.person("a.person", delegate=True)
    app_id = add_app(world, person)
    noon.advance(days=14)
    client = enter(world, "a.person")
    url = f"{SECURITY}/apps/{app_id}"
    page = client.get(url)
    assert "you must have one" in text_of(tree_of(page))
    assert f'action="{url}/remove"' not in page.text
    assert client.post(f"{url}/remove").location == url
    assert "Add another one first" in said(client, url)
    with world.session() as session:
        assert session.scalars(sa.select(AuthenticatorApp.id)).all() == [app_id]
    passkey_id = add_passkey(world, person)
    assert f'action="{url}/remove"' in client.get(url).text
    assert client.post(f"{url}/remove").location == SECURITY
    only = f"{SECURITY}/passkeys/{passkey_id}"
    assert client.post(f"{only}/remove").location == only
    with world.session() as session:
        assert session.scalars(sa.select(Passkey.id)).all() == [passkey_id]
    assert len(mails(world)) == 1


def test_before_its_day_the_only_one_may_go(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, second_factor_for="delegates:2026-09-01"))
    app_id = add_app(world, world.person("a.delegate", delegate=True))
    assert enter(world, "a.delegate").post(f"{SECURITY}/apps/{app_id}/remove").location == SECURITY


def test_staff_are_told_beforehand_as_well(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, second_factor_for="staff"))
    world.staff("a.staff", permissions=["staff:console:open"])
    world.staff("b.staff", permissions=[])
    assert "on you need a second factor" in said(world.sign_in("a.staff"), "/staff/")
    assert "on you need a second factor" in said(world.sign_in("b.staff"), "/")


# ---- what ends


def test_the_first_factor_ends_sessions_that_the_password_alone_has_opened(world: World, noon: Clock) -> None:
    world.person("a.clerk")
    thief, owner = world.sign_in("a.clerk"), world.sign_in("a.clerk")
    url, secret = begin(owner)
    owner.post(url, {"name": "Telephone", "code": code(secret=secret)})
    assert "Your other sessions have been ended" in said(owner, SECURITY)
    assert is_in(owner)
    assert not is_in(thief)
    assert "Changed second factors, which ended 1 other session" in said(owner, "/my-activity")
    noon.advance(minutes=1)
    other = first_step(world, "a.clerk")
    assert second_step(other, code(secret=secret)).status_code == 303
    assert add(owner, Device(), "Laptop").location == SECURITY
    assert is_in(other), "the second factor was shown there"


def test_a_removed_factor_ends_the_session_of_a_lost_device(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    app_id = add_app(world, person)
    add_passkey(world, person)
    lost, here = enter(world, "a.clerk"), enter(world, "a.clerk", 1)
    assert here.post(f"{SECURITY}/apps/{app_id}/remove").location == SECURITY
    assert is_in(here)
    assert not is_in(lost)
    assert recorded(world, "identity.factor.others-ended") == [{"sign_ins_ended": 1}]


@pytest.mark.parametrize("how", ["changed", "set by a link"])
def test_a_new_password_ends_another_address_that_waits(world: World, noon: Clock, how: str) -> None:
    """Whoever was in before may have asked for it; and a link that was made to set a password works no longer."""
    person = world.person("a.clerk")
    world.staff("s.staff", permissions=["staff:console:open", "staff:people:search", "staff:password-links:make"])
    assert ask(world.sign_in("a.clerk"), "b@thief.example") == 303
    waiting = mails(world, "email_confirm")[-1][1]["link"]
    link = make_link(world.sign_in("s.staff"), person)
    if how == "changed":
        assert change(world.sign_in("a.clerk")) == "/"
    else:
        guest = world.client()
        follow(guest, link)
        assert set_password(guest).status_code == 303
    assert confirming(world, waiting).post("/confirm-email").status_code == 410
    with world.session() as session:
        assert session.get_one(Person, person.id).email == person.email
        assert session.scalar(sa.select(sa.func.count()).where(PasswordLink.ended_at.is_(None))) == 0


def test_a_half_ends_when_staff_remove_the_factors(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    add_app(world, person)
    guest = first_step(world, "a.clerk")
    with world.app.app_context(), world.session() as session:
        remove_factors(session, session.get_one(Person, person.id), "lost")
    assert guest.get("/sign-in/second-step").location == "/sign-in"
    assert second_step(guest, code()).location == "/sign-in"


def test_removing_lost_factors_lifts_the_wait(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, attempts_per_account=3))
    person = world.person("a.clerk")
    add_app(world, person)
    assert fail(world)[-1] == 429
    world.staff("s.staff", permissions=["staff:console:open", "staff:people:search", "staff:factors:remove"])
    staff, url = world.sign_in("s.staff"), f"/staff/people/{person.id}"
    assert "1 authenticator app, 0 recovery codes left" in said(staff, url)
    assert staff.post(f"{url}/lost-factors/remove", {"reason": "Called back."}).location == url
    assert "Locked" not in said(staff, url)
    add_app(world, person)
    assert second_step(first_step(world, "a.clerk"), code()).status_code == 303


def test_staff_see_what_a_person_signs_in_with(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    world.staff("s.staff", permissions=["staff:console:open", "staff:people:search"])
    staff, url = world.sign_in("s.staff"), f"/staff/people/{person.id}"
    assert "<dt>Second factor</dt><dd>None</dd>" in staff.get(url).text.replace("\n", "").replace("  ", "")
    for name in ("Laptop", "Telephone"):
        add_passkey(world, person, name)
    add_app(world, person)
    add_codes(world, person)
    page = said(staff, url)
    assert "2 passkeys, 1 authenticator app, 10 recovery codes left" in page
    assert "Laptop" not in page


@pytest.mark.parametrize("whose", ["their own browser", "a colleague's"])
def test_this_was_not_me_signs_out_its_own_browser(world: World, noon: Clock, whose: str) -> None:
    """Its answer offers nothing more that only somebody who is signed in can use."""
    for name in ("a.clerk", "b.clerk"):
        world.person(name)
    owner = world.sign_in("a.clerk" if whose == "their own browser" else "b.clerk")
    assert change(world.sign_in("a.clerk")) == "/"
    ((_, told),) = mails(world)
    if whose == "their own browser":
        assert not is_in(owner)
        owner = world.client()
        owner.post("/sign-in", {"username": "a.clerk", "password": NEW})
    owner.get(urlsplit(told["link"]).path)
    done = owner.post("/not-me").text
    assert "The account is locked" in done
    assert ('action="/sign-out"' in done) is (whose != "their own browser")
    assert is_in(owner) is (whose != "their own browser")


# ---- let in again by command


def test_whoever_is_let_in_again_is_told_and_may_say_that_it_was_not_them(
    database_url: str, make_app: MakeApp, noon: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(make_app(database_url, attempts_per_account=3))
    person = world.staff("staff.one", permissions=["staff:console:open"])
    add_app(world, person)
    before = enter(world, "staff.one")
    assert fail(world, "staff.one")[-1] == 429
    for _ in range(4):
        world.client().post("/sign-in", {"username": "staff.one", "password": "wrong"})
    monkeypatch.setattr(cli, "_app", [world.app])
    command = ["staff", "restore", "staff.one", "--reason", "Called back.", "--password", PASSWORD]
    assert CliRunner().invoke(cli.cli, command).exit_code == 0
    assert not is_in(before)
    assert is_in(world.sign_in("staff.one")), "no wait is left"
    ((to, told),) = [one for one in mails(world) if "our staff" in one[1]["what"].lower()]
    assert to == person.email
    assert "gave you a new password" in told["what"]
    assert opened(world, told["link"]).post("/not-me").status_code == 200
    assert world.client().post("/sign-in", {"username": "staff.one", "password": PASSWORD}).status_code == 422


# ---- where there are no passkeys


def test_at_the_address_of_a_machine_a_passkey_is_no_way_to_show_who_one_is(
    database_url: str, make_app: MakeApp, noon: Clock
) -> None:
    world = World(make_app(database_url, public_url="http://127.0.0.1:8350", https=True))
    person = world.person("a.clerk")
    client = world.sign_in("a.clerk")
    add_passkey(world, person)
    noon.advance(minutes=10)
    page = said(client, CONFIRM)
    assert "only at the portal’s own address" in page
    assert client.post(f"{CONFIRM}?way=passkey", {"token": "a", "credential": "b"}).status_code == 404
    add_app(world, person)
    page = said(client, CONFIRM)
    assert "Code from your app" in page
    assert "Use a passkey" not in page
