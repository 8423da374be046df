"""One account, one person: a sign-in from elsewhere is told in the page, and what looks like sharing is shown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.identity.models import Person, SignIn
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.people import recorded
from tests.support.world import PASSWORD, World

ELSEWHERE = "also in use somewhere else"
SHARED = "Do several people use this account?"
HERE, THERE = "192.0.2.10", "198.51.100.20"


def at(world: World, address: str, username: str = "a.clerk") -> PortalClient:
    """Somebody who signs in at a network address, and stays there."""
    client = world.client()
    client.flask.environ_base["REMOTE_ADDR"] = address
    answer = client.post("/sign-in", {"username": username, "password": PASSWORD})
    assert answer.status_code == 303
    return client


def used_at(world: World, person: Person, days: float, address: str, **values: Any) -> int:
    """A session of the person that has ended, so many days ago: its id."""
    with world.session() as session:
        then = clock.now() - dt.timedelta(days=days)
        row = SignIn(
            token_hash=f"{person.id} {days} {address}".encode().ljust(32, b".")[:32],
            person_id=person.id,
            created_at=then,
            last_seen_at=then,
            ended_at=then,
            address=address,
            user_agent="",
            **values,
        )
        session.add(row)
        session.flush()
        return row.id


def test_the_first_session_is_told_of_the_second_and_both_are_listed(world: World) -> None:
    world.person("a.clerk")
    first = at(world, HERE)
    assert ELSEWHERE not in first.get("/help/").text
    second = at(world, THERE)
    page = first.get("/help/")
    assert ELSEWHERE in page.text
    assert ELSEWHERE in first.get("/my-sign-ins").text
    assert ELSEWHERE not in second.get("/help/").text, "whoever came last knows"
    for client in (first, second):
        listed = client.get("/my-sign-ins").text
        assert HERE in listed
        assert THERE in listed
    answer = first.post("/my-sign-ins/elsewhere-seen", {"next": "/help/"})
    assert answer.location == "/help/"
    assert ELSEWHERE not in first.get("/help/").text
    assert recorded(world, "identity.sign-in.elsewhere-seen") == [{}]
    at(world, "203.0.113.5")
    assert ELSEWHERE in first.get("/help/").text, "a third one is news"
    assert ELSEWHERE in second.get("/help/").text


def test_nothing_is_said_of_the_same_address_and_of_sessions_that_are_over(world: World, clock: Clock) -> None:
    world.person("a.clerk")
    first = at(world, HERE)
    at(world, HERE)
    assert ELSEWHERE not in first.get("/help/").text
    idle = at(world, "203.0.113.9")
    first.get("/help/")
    clock.advance(minutes=world.settings.idle_minutes + 1)
    at(world, THERE)
    with world.session() as session:
        told = session.scalars(sa.select(SignIn.address).where(SignIn.elsewhere_id.is_not(None))).all()
    assert told == [HERE, HERE], "those that the third one overlapped, not the fourth"
    assert idle.get("/my-sign-ins").status_code == 303


def test_it_leads_back_to_no_foreign_page(world: World) -> None:
    world.person("a.clerk")
    first = at(world, HERE)
    at(world, THERE)
    assert first.post("/my-sign-ins/elsewhere-seen", {"next": "https://evil.example/"}).location == "/"


@pytest.mark.parametrize(("addresses", "shown"), [(7, False), (8, True)])
def test_many_addresses_are_shown_to_delegates_and_staff(world: World, addresses: int, shown: bool) -> None:
    clinic = world.organization("Sample Clinic")
    person = world.person("a.clerk", organization=clinic)
    world.person("d.elegate", organization=clinic, delegate=True)
    world.staff("a.staff", permissions=("staff:console:open", "staff:people:search"))
    for number in range(addresses):
        used_at(world, person, 29, f"192.0.2.{number}")
    used_at(world, person, 31, "203.0.113.7")
    delegate, staff = world.sign_in("d.elegate"), world.sign_in("a.staff")
    assert ("Shared?" in delegate.get("/accounts").text) is shown
    for page in (delegate.get(f"/accounts/{person.id}"), staff.get(f"/staff/people/{person.id}")):
        assert (SHARED in page.text) is shown
    if shown:
        assert "at 8 network addresses" in page.text


@pytest.mark.parametrize(("overlaps", "shown"), [(2, False), (3, True)])
def test_sessions_at_two_places_at_once_are_shown(world: World, overlaps: int, shown: bool) -> None:
    clinic = world.organization("Sample Clinic")
    person = world.person("a.clerk", organization=clinic)
    world.person("d.elegate", organization=clinic, delegate=True)
    other = used_at(world, person, 1, THERE)
    for number in range(overlaps):
        used_at(world, person, 2 + number, HERE, elsewhere_id=other)
    page = world.sign_in("d.elegate").get(f"/accounts/{person.id}")
    assert (SHARED in page.text) is shown
    if shown:
        assert "3 sessions were open" in page.text


def test_addresses_of_one_network_of_ipv6_are_one(world: World) -> None:
    """A computer changes its address within its network every day."""
    clinic = world.organization("Sample Clinic")
    person = world.person("a.clerk", organization=clinic)
    world.person("d.elegate", organization=clinic, delegate=True)
    for number in range(12):
        used_at(world, person, 1 + number, f"2001:db8:1:2::{number + 1:x}")
    first = at(world, "2001:db8:1:2::aaaa")
    at(world, "2001:db8:1:2::bbbb")
    assert ELSEWHERE not in first.get("/help/").text
    assert SHARED not in world.sign_in("d.elegate").get(f"/accounts/{person.id}").text
    at(world, "2001:db8:1:3::bbbb")
    assert ELSEWHERE in first.get("/help/").text
