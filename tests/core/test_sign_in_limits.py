"""Limits of signing in: nobody locks somebody else out, many addresses are no way round, and answers tell nothing of names."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Response
from werkzeug.test import TestResponse

from hp_portal.core.access.known_browsers import remember_browser
from hp_portal.core.identity.known_browsers import PEOPLE, KnownBrowser, read_known, write_known
from hp_portal.core.limits.models import Attempt, FailureTotal
from hp_portal.core.limits.sign_ins import longest_waits
from hp_portal.core.limits.totals import count_total
from hp_portal.worker import core_jobs, run_job
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

START = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
NEW = "purple-anchor-window-2031"


@pytest.fixture
def limited(database_url: str, make_app: MakeApp, clock: Clock) -> World:
    """Three tries a name at an address, six everywhere, a hundred at an address."""
    clock.set(START)
    made = make_app(database_url, attempts_per_account=3, attempts_everywhere=6, attempts_per_address=100)
    world = World(made)
    world.person("a.clerk")
    return world


def enter(client: PortalClient, name: str, password: str = PASSWORD, *, at: str = "203.0.113.1") -> TestResponse:
    form = {"username": name, "password": password, "next": ""}
    return client.post("/sign-in", form, environ_base={"REMOTE_ADDR": at})


def fail(world: World, name: str, times: int, *, at: str = "198.51.100.9") -> list[int]:
    return [enter(world.client(), name, "wrong", at=at).status_code for _ in range(times)]


def told(answer: TestResponse) -> tuple[int, str | None, str]:
    """What an answer tells: status, how long to wait, and the summary of errors."""
    words = answer.text.split("<h1", 1)[1].split("<form", 1)[0]
    return answer.status_code, answer.headers.get("Retry-After"), words


def test_tries_from_elsewhere_lock_nobody_out(limited: World) -> None:
    assert fail(limited, "a.clerk", 4) == [422, 422, 422, 429]
    assert enter(limited.client(), "a.clerk").status_code == 303, "from another address"


def test_a_known_browser_has_tries_of_its_own(limited: World, clock: Clock) -> None:
    """Even at the address of whoever guesses, and after as many tries as you like from anywhere."""
    office, at = limited.client(), "198.51.100.9"
    assert enter(office, "a.clerk", at=at).status_code == 303
    office.post("/sign-out")
    for number in range(3):
        fail(limited, "a.clerk", 4, at=at if number == 0 else f"192.0.2.{number}")
    assert enter(limited.client(), "a.clerk", at="192.0.2.77").status_code == 429, "everybody else waits"
    assert [enter(office, "a.clerk", "wrong", at=at).status_code for _ in range(2)] == [422] * 2
    assert enter(office, "a.clerk", at=at).status_code == 303
    office.post("/sign-out")
    assert enter(limited.client(), "a.clerk", at="192.0.2.77").status_code == 429, "its success gives others nothing"
    assert [enter(office, "a.clerk", "wrong").status_code for _ in range(4)] == [422, 422, 422, 429]
    assert enter(office, "a.clerk").status_code == 429, "its own tries are limited like anybody's"
    clock.advance(minutes=15)
    assert enter(office, "a.clerk").status_code == 303


def test_the_address_s_limit_spares_a_known_browser(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url, attempts_per_address=4))
    world.person("a.clerk")
    office = world.client()
    assert enter(office, "a.clerk").status_code == 303
    for number in range(4):
        assert enter(world.client(), f"name{number}", "wrong").status_code == 422
    assert enter(world.client(), "a.clerk").status_code == 429
    assert enter(office, "a.clerk").status_code == 303


def test_many_addresses_are_no_way_round(limited: World, clock: Clock) -> None:
    """After six failed tries wherever they were made, each further one makes the next wait longer."""
    assert [fail(limited, "a.clerk", 1, at=f"192.0.2.{number}")[0] for number in range(7)] == [422] * 6 + [429]
    fresh = iter(range(1, 250))
    for minutes in (1, 2, 4, 8):
        blocked = enter(limited.client(), "a.clerk", at=f"198.51.100.{next(fresh)}")
        assert (blocked.status_code, blocked.headers["Retry-After"]) == (429, str(minutes * 60 + 1))
        clock.advance(minutes=minutes)
        assert fail(limited, "a.clerk", 1, at=f"198.51.100.{next(fresh)}") == [422]
    clock.advance(days=2)
    assert fail(limited, "a.clerk", 2, at="198.51.100.249") == [422, 429], "in all, not within a window"
    clock.advance(minutes=32)
    assert enter(limited.client(), "a.clerk").status_code == 303
    assert fail(limited, "a.clerk", 3) == [422] * 3, "the right password starts the count anew"


def test_the_longest_wait_is_told(limited: World, clock: Clock) -> None:
    at = "192.0.2.1"
    fail(limited, "a.clerk", 3, at=at)
    fail(limited, "a.clerk", 3)
    answer = enter(limited.client(), "a.clerk", at=at)
    assert answer.headers["Retry-After"] == str(15 * 60 + 1), "not the one minute that everybody waits"


@pytest.mark.parametrize("everywhere", [False, True], ids=["at one address", "everywhere"])
def test_no_answer_tells_whose_e_mail_it_is(limited: World, everywhere: bool, clock: Clock) -> None:
    """Tries with a user name change nothing for the e-mail of the same person, nor for one that nobody has."""
    names = ("a.clerk@office.example", "nobody@office.example")
    places = [f"192.0.2.{number // 2 if everywhere else 0}" for number in range(8)]
    for place in places:
        enter(limited.client(), "a.clerk", "wrong", at=place)
    assert enter(limited.client(), "a.clerk", "wrong", at=places[-1]).status_code == 429
    for place in places:
        answers = {told(enter(limited.client(), name, "wrong", at=place)) for name in names}
        assert len(answers) == 1, answers


def test_a_known_browser_tells_nothing_either(limited: World) -> None:
    """Somebody at a shared computer cannot find out whose e-mail belongs to a user name that signs in there."""
    office = limited.client()
    enter(office, "a.clerk")
    office.post("/sign-out")
    for _ in range(4):
        enter(office, "a.clerk", "wrong")
    answers = {told(enter(office, name, "wrong")) for name in ("a.clerk@office.example", "nobody@office.example")}
    assert len(answers) == 1, answers


def test_a_new_password_makes_other_browsers_unknown(limited: World, clock: Clock) -> None:
    here, there = limited.client(), limited.client()
    for client in (here, there):
        assert enter(client, "a.clerk").status_code == 303
    clock.advance(minutes=1)
    form = {"current": PASSWORD, "new": NEW, "again": NEW}
    assert here.post("/change-password", form).status_code == 303
    here.post("/sign-out")
    fail(limited, "a.clerk", 4, at="203.0.113.1")
    assert enter(there, "a.clerk", NEW).status_code == 429
    assert enter(here, "a.clerk", NEW).status_code == 303, "where it was changed is known"


def test_a_browser_is_known_for_a_while_and_by_our_own_word(limited: World, clock: Clock) -> None:
    office, forger = limited.client(), limited.client()
    answer = enter(office, "a.clerk")
    (cookie,) = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("hp_portal_browser=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert f"Max-Age={90 * 24 * 3600}" in cookie
    value = cookie.split("=", 1)[1].split(";", 1)[0]
    assert "a.clerk" not in value
    forger.flask.set_cookie("hp_portal_browser", value[:-2] + ("AA" if value[-2:] != "AA" else "BB"))
    fail(limited, "a.clerk", 4, at="203.0.113.1")
    assert enter(forger, "a.clerk").status_code == 429
    office.post("/sign-out")
    clock.advance(days=89, hours=23)
    fail(limited, "a.clerk", 4, at="203.0.113.1")
    assert enter(office, "a.clerk", "wrong").status_code == 422
    clock.advance(hours=2)
    fail(limited, "a.clerk", 4, at="203.0.113.1")
    assert enter(office, "a.clerk").status_code == 429


def test_over_tls_the_cookie_is_this_host_s_alone(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url, https=True))
    person = world.person("a.clerk")
    with world.session() as session, world.app.test_request_context():
        (cookie,) = remember_browser(Response(), session, person).headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-hp_portal_browser=")
    assert "; Secure; HttpOnly; Path=/; SameSite=Lax" in cookie


def test_a_shared_computer_knows_its_latest_people(limited: World) -> None:
    people = [limited.person(f"p{number}.clerk") for number in range(PEOPLE + 1)]
    known = KnownBrowser()
    with limited.session() as session:
        for person in people:
            known = known.with_person(session, person)
        known = known.with_person(session, people[-1])
        known = read_known(limited.settings, write_known(limited.settings, known))
        words = [known.word_for(session, person) for person in people]
    assert words[0] is None
    assert None not in words[1:]
    assert len(known.entries) == PEOPLE


def test_staff_give_the_tries_back_wherever_they_failed(limited: World) -> None:
    staff = limited.staff("s.staff", permissions=("staff:people:unlock", "staff:people:search"))
    person = limited.person("m.keeper")
    for number, name in enumerate(("m.keeper", "m.keeper@office.example")):
        for place in range(3):
            fail(limited, name, 3, at=f"192.0.2.{number}{place}")
    console = limited.sign_in(staff.username)
    assert "Locked" in console.get(f"/staff/people/{person.id}").text
    assert person.name in console.get("/staff/people/locked").text
    console.post(f"/staff/people/{person.id}/unlock")
    assert "Locked" not in console.get(f"/staff/people/{person.id}").text
    for name in ("m.keeper", "m.keeper@office.example"):
        assert fail(limited, name, 1, at="192.0.2.00") == [422]


def test_staff_see_how_long_a_name_has_to_wait(limited: World, clock: Clock) -> None:
    """At one address, or everywhere: whichever is longer."""
    clock.set(clock.now())
    for name in ("m.keeper", "a.clerk"):
        fail(limited, name, 3, at="192.0.2.1")
    with limited.session() as session:
        waits = longest_waits(session, limited.settings, ["m.keeper", "a.clerk", "n.obody"])
    assert set(waits) == {"m.keeper", "a.clerk"}
    assert waits["m.keeper"] == waits["a.clerk"] == dt.timedelta(minutes=15)
    with limited.session() as session:
        for _ in range(12):
            count_total(session, "sign-in", "name:m.keeper")
        waits = longest_waits(session, limited.settings, ["m.keeper", "a.clerk"])
    assert waits == {"m.keeper": dt.timedelta(hours=6), "a.clerk": dt.timedelta(minutes=15)}


def test_a_link_from_staff_makes_the_browser_known(limited: World, clock: Clock) -> None:
    """Whoever is being guessed at always gets in: by a browser they have used, or by a link."""
    staff = limited.staff("s.staff", permissions=("staff:password-links:make",))
    person = limited.person("m.keeper")
    shown = limited.sign_in(staff.username).post(f"/staff/people/{person.id}/password-link").text
    path = "/set-password/" + shown.split("/set-password/")[1].split('"')[0].split("<")[0].strip()
    somebody = limited.client()
    somebody.get(path)
    clock.advance(minutes=1)
    assert somebody.post("/set-password", {"new": NEW, "again": NEW}).status_code == 303
    for number in range(4):
        fail(limited, "m.keeper", 3, at=f"192.0.2.{number}")
    assert enter(limited.client(), "m.keeper", NEW).status_code == 429
    assert enter(somebody, "m.keeper", NEW).status_code == 303


def test_the_worker_forgets_quiet_totals(limited: World, clock: Clock) -> None:
    job = next(job for job in core_jobs(limited.settings) if job.key == "identity.forget-attempts")
    fail(limited, "a.clerk", 1)
    for days, left in ((29, 1), (2, 0)):
        clock.advance(days=days)
        assert run_job(limited.app, job)
        with limited.session() as session:
            assert session.scalar(sa.select(sa.func.count(FailureTotal.id))) == left
    with limited.session() as session:
        assert session.scalars(sa.select(Attempt)).all() == []
