"""Who fails at the second step, or at showing again who they are: told to the person, recorded, seen and lifted by staff."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.factors import add_app, add_codes, code, first_step, second_step
from tests.support.html import text_of
from tests.support.people import recorded
from tests.support.world import PASSWORD, World

from .test_account_changes import CONFIRM, is_in, late, mails, opened

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)
PERMISSIONS = ("staff:console:open", "staff:people:search", "staff:people:unlock", "staff:activity:search")


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.set(NOON)
    return clock


@pytest.fixture
def three(database_url: str, make_app: MakeApp, noon: Clock) -> World:
    """Three tries."""
    return World(make_app(database_url, attempts_per_account=3))


@pytest.fixture
def staff(three: World) -> PortalClient:
    three.staff("a.staff", permissions=PERMISSIONS)
    return three.sign_in("a.staff")


def said(client: PortalClient, url: str) -> str:
    return text_of(tree_of(client.get(url)))


def fail(world: World, username: str = "a.clerk") -> list[int]:
    guest = first_step(world, username)
    return [second_step(guest, "000000").status_code for _ in range(4)]


def test_staff_see_and_lift_the_wait_at_the_second_step(three: World, staff: PortalClient) -> None:
    person = three.person("a.clerk")
    three.person("b.clerk")
    add_app(three, person)
    assert fail(three) == [422, 422, 422, 429]
    url = f"/staff/people/{person.id}"
    assert "1 person is locked out" in said(staff, "/staff/")
    listed = said(staff, "/staff/people/locked")
    assert "Person A Clerk" in listed
    assert "Second step" in listed
    assert "Person B Clerk" not in listed
    page = said(staff, url)
    assert "Locked" in page
    assert "whoever tried knows the password" in page
    assert "15 minutes" in page
    assert staff.post(f"{url}/unlock").location == url
    assert "Locked" not in said(staff, url)
    assert "locked out" not in said(staff, "/staff/")
    assert second_step(first_step(three, "a.clerk"), code()).status_code == 303


def test_one_try_left_at_the_second_step_is_not_locked(three: World, staff: PortalClient) -> None:
    person = three.person("a.clerk")
    add_app(three, person)
    guest = first_step(three, "a.clerk")
    assert [second_step(guest, "000000").status_code for _ in range(2)] == [422, 422]
    assert "Locked" not in said(staff, f"/staff/people/{person.id}")
    assert "locked out" not in said(staff, "/staff/")


def test_a_failed_second_step_is_a_sentence_of_the_record(three: World, staff: PortalClient) -> None:
    person = three.person("a.clerk")
    add_app(three, person)
    assert second_step(first_step(three, "a.clerk"), "000000").status_code == 422
    assert "Second step failed: the code was not right" in said(staff, "/staff/activity?who=a.clerk")
    assert recorded(three, "identity.sign-in.failed") == []
    guest = first_step(three, "a.clerk")
    assert second_step(guest, code()).status_code == 303
    assert "Second step failed: the code was not right" in said(guest, "/my-activity")


def test_the_person_is_told_that_somebody_knows_the_password(three: World, noon: Clock) -> None:
    add_app(three, three.person("a.clerk"))
    assert fail(three) == [422, 422, 422, 429]
    ((to, told),) = mails(three)
    assert to == "a.clerk@office.example"
    assert told["what"] == "Somebody gave the right password, and failed several times at the second step."
    noon.advance(hours=23)
    assert fail(three)[-1] == 429
    assert len(mails(three)) == 1, "once in a day"
    noon.advance(hours=2)
    assert fail(three)[-1] == 429
    assert len(mails(three)) == 2
    owner = opened(three, told["link"])
    assert owner.post("/not-me").status_code == 200
    assert three.client().post("/sign-in", {"username": "a.clerk", "password": PASSWORD}).status_code == 422


def test_failing_to_show_again_who_one_is_has_a_sentence_of_its_own(three: World, noon: Clock) -> None:
    add_app(three, three.person("a.clerk"))
    client = late(three, noon)
    assert [client.post(CONFIRM, {"code": "000000"}).status_code for _ in range(4)] == [422, 422, 422, 429]
    assert recorded(three, "identity.factor.failed") == []
    assert recorded(three, "identity.confirmation.failed") == [{"account": "a.clerk", "kind": "app"}]
    assert recorded(three, "identity.confirmation.blocked") == [{"kind": "app"}]
    page = said(client, "/my-activity")
    assert "Could not show again who they are: the code was not right" in page
    assert "blocked after too many attempts" in page


def test_a_recovery_code_that_shows_again_who_one_is_is_told(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    add_app(world, person)
    (first, *_) = add_codes(world, person)
    client = late(world, noon)
    sent = {"code": first, "next": "/change-email"}
    assert client.post(f"{CONFIRM}?way=recovery", sent).location == "/change-email"
    assert "You have 9 recovery codes left" in said(client, "/change-email")
    ((to, told),) = mails(world)
    assert (to, told["what"]) == (person.email, "A recovery code was used to show that it is still you.")
    assert client.post(f"{CONFIRM}?way=recovery", sent).status_code == 422, "once"
    opened(world, told["link"]).post("/not-me")
    assert not is_in(client)
    assert len(mails(world)) == 1
