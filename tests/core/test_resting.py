"""Accounts that nobody uses: reminded of twice, then deactivated; the only delegate stays, and staff are told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.identity.unconfirmed import unconfirmed_address
from hp_portal.core.people.models import AccountRest
from hp_portal.settings import ConfigurationError
from hp_portal.worker import all_jobs, run_job
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.people import enter, recorded
from tests.support.world import PASSWORD, World

BEGIN = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
UNUSED, TOLD, TOLD_DELEGATE = "account_unused", "account_rested", "account_rested_delegate"


@pytest.fixture
def begin(clock: Clock) -> Clock:
    clock.set(BEGIN)
    return clock


def work(world: World, clock: Clock, day: float) -> None:
    """So many days after the beginning the worker comes by."""
    clock.set(BEGIN + dt.timedelta(days=day))
    (job,) = [one for one in all_jobs(world.app) if one.key == "people.rest-accounts"]
    with world.app.app_context():
        assert run_job(world.app, job)


def mails(world: World, *templates: str) -> list[tuple[str, str, dict[str, Any]]]:
    """To whom, by which template, and what fills it in."""
    with world.session() as session:
        wanted = sa.select(Message).where(Message.template.in_(templates or (UNUSED, TOLD, TOLD_DELEGATE)))
        return [
            (row.recipient, row.template, values_of(session, row))
            for row in session.scalars(wanted.order_by(Message.id))
        ]


def active(world: World, *people: Person) -> list[bool]:
    with world.session() as session:
        return [session.get_one(Person, one.id).deactivated_at is None for one in people]


def used(world: World, person: Person, day: float) -> None:
    """The person was last seen so many days after the beginning."""
    at = BEGIN + dt.timedelta(days=day)
    with world.session() as session:
        session.add(
            SignIn(
                token_hash=f"{person.id}-{day}".encode().ljust(32, b"."),
                person_id=person.id,
                created_at=at,
                last_seen_at=at,
                address="192.0.2.1",
                user_agent="",
            )
        )


def test_reminded_14_and_3_days_before_and_then_deactivated(world: World, begin: Clock) -> None:
    clinic = world.organization("Sample Clinic")
    delegate = world.person("d.elegate", organization=clinic, delegate=True)
    person = world.person("q.uiet", organization=clinic)
    used(world, delegate, 85)
    told = []
    for day in (75, 76, 80, 86, 87, 88, 89.9, 90, 91):
        work(world, begin, day)
        told.append((day, len(mails(world)), active(world, person)[0]))
    assert told == [
        (75, 0, True),
        (76, 1, True),
        (80, 1, True),
        (86, 1, True),
        (87, 2, True),
        (88, 2, True),
        (89.9, 2, True),
        (90, 4, False),
        (91, 4, False),
    ]
    sent = [(to, template) for to, template, _ in mails(world)]
    assert sent == [
        (person.email, UNUSED),
        (person.email, UNUSED),
        (delegate.email, TOLD_DELEGATE),
        (person.email, TOLD),
    ]
    reminder, _, _, rested = (values for _, _, values in mails(world))
    assert (reminder["since"], reminder["due"], reminder["alone"]) == ("Mar 2, 2026", "May 31, 2026", False)
    assert rested["delegates"] == delegate.name
    assert enter(world, "q.uiet", PASSWORD) == 422
    assert recorded(world, "people.person.deactivated") == [
        {"person": person.id, "sign_ins_ended": 0, "reason": "Not used for 90 days"}
    ]


def test_whoever_signs_in_is_left_alone_for_another_90_days(world: World, begin: Clock) -> None:
    clinic = world.organization("Sample Clinic")
    delegate = world.person("d.elegate", organization=clinic, delegate=True)
    person = world.person("q.uiet", organization=clinic)
    used(world, delegate, 200)
    work(world, begin, 80)
    used(world, person, 81)
    for day in (90, 95, 156):
        work(world, begin, day)
    assert (active(world, person), len(mails(world))) == ([True], 1)
    work(world, begin, 157)
    assert len(mails(world)) == 2, "reminded anew"
    work(world, begin, 171)
    assert (active(world, person), len(mails(world))) == ([True], 3), "not without the second reminder"
    work(world, begin, 174)
    assert active(world, person) == [False]


def test_where_the_worker_stood_still_the_day_moves(world: World, begin: Clock) -> None:
    """Nobody is deactivated who was not told 14 and 3 days before."""
    clinic = world.organization("Sample Clinic")
    used(world, world.person("d.elegate", organization=clinic, delegate=True), 400)
    person = world.person("q.uiet", organization=clinic)
    for day, is_active, messages in ((300, True, 1), (310, True, 1), (320, True, 2), (322.9, True, 2), (323, False, 4)):
        work(world, begin, day)
        assert (active(world, person), len(mails(world))) == ([is_active], messages)
    assert mails(world)[0][2]["due"] == "Jan 10, 2027"


def test_reactivated_counts_as_used(world: World, begin: Clock) -> None:
    clinic = world.organization("Sample Clinic")
    delegate = world.person("d.elegate", organization=clinic, delegate=True)
    person = world.person("q.uiet", organization=clinic)
    used(world, delegate, 200)
    for day in (76, 87, 90):
        work(world, begin, day)
    assert active(world, person) == [False]
    client = world.sign_in("d.elegate")
    assert client.post(f"/accounts/{person.id}/reactivate").status_code == 303
    told = len(mails(world))
    for day in (91, 120, 165):
        work(world, begin, day)
    assert (active(world, person), len(mails(world))) == ([True], told), "nor reminded before it is time"
    work(world, begin, 166.1)
    assert len(mails(world)) == told + 1


def test_the_only_delegate_stays_and_staff_are_told(world: World, begin: Clock) -> None:
    clinic = world.organization("Sample Clinic")
    delegates = [world.person(name, organization=clinic, delegate=True) for name in ("a.first", "b.second")]
    for day in (76, 87, 90, 91, 120):
        work(world, begin, day)
    assert active(world, *delegates) == [False, True], "one after the other, and the last one stays"
    begin.set(BEGIN + dt.timedelta(days=120))
    world.staff("a.staff", permissions=("staff:console:open", "staff:people:unlock", "staff:people:search"))
    staff = world.sign_in("a.staff")
    assert "only delegate has not signed in for long" in staff.get("/staff/").text
    assert delegates[1].name in staff.get("/staff/people/locked").text
    used(world, delegates[1], 121)
    work(world, begin, 122)
    assert delegates[1].name not in staff.get("/staff/people/locked").text


def test_somebody_who_has_not_accepted_to_be_a_delegate_does_not_take_over(world: World, begin: Clock) -> None:
    clinic = world.organization("Sample Clinic")
    only = world.person("a.first", organization=clinic, delegate=True)
    named = world.person("b.second", organization=clinic, delegate=True, terms=False)
    used(world, named, 70)
    for day in (76, 87, 90, 91):
        work(world, begin, day)
    assert active(world, only) == [True]
    begin.set(BEGIN + dt.timedelta(days=120))
    world.staff("a.staff", permissions=("staff:console:open", "staff:people:unlock"))
    assert only.name in world.sign_in("a.staff").get("/staff/people/locked").text


def test_the_only_delegate_is_told_once_in_other_words(world: World, begin: Clock) -> None:
    person = world.person("d.elegate", organization=world.organization("Sample Clinic"), delegate=True)
    for day in (76, 87, 90, 91):
        work(world, begin, day)
    ((to, template, values),) = mails(world)
    assert (to, template, values["alone"]) == (person.email, UNUSED, True)
    assert active(world, person) == [True]


def test_the_payers_staff_and_closed_accounts_are_left_alone(world: World, begin: Clock) -> None:
    staff, closed = world.staff("a.staff"), world.person("c.losed")
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == closed.id).values(deactivated_at=BEGIN))
    for day in (76, 87, 90):
        work(world, begin, day)
    assert active(world, staff) == [True]
    assert mails(world) == []


def test_an_address_that_nobody_confirmed_gets_nothing(world: World, begin: Clock) -> None:
    clinic = world.organization("Sample Clinic")
    used(world, world.person("d.elegate", organization=clinic, delegate=True), 100)
    person = world.person("q.uiet", organization=clinic)
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == person.id).values(email=unconfirmed_address()))
    for day in (76, 87, 90):
        work(world, begin, day)
    assert [template for _, template, _ in mails(world)] == [TOLD_DELEGATE]
    assert active(world, person) == [False]


def test_never_where_the_setting_is_0(database_url: str, make_app: MakeApp, begin: Clock) -> None:
    world = World(make_app(database_url, account_rest_days=0))
    clinic = world.organization("Sample Clinic")
    person = world.person("q.uiet", organization=clinic)
    with world.session() as session:
        session.add(AccountRest(person_id=person.id, last_use=BEGIN, first_told_at=BEGIN, rests_at=BEGIN))
    for day in (76, 87, 300):
        work(world, begin, day)
    assert (active(world, person), mails(world)) == ([True], [])


@pytest.mark.parametrize("days", [1, 14, 29, -1])
def test_a_time_too_short_to_be_told_of_is_refused(database_url: str, make_app: MakeApp, days: int) -> None:
    with pytest.raises(ConfigurationError, match=r"(?i)account_rest_days"):
        make_app(database_url, account_rest_days=days)
