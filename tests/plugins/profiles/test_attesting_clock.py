"""The clock of attestations at its edges: daylight saving, a leap day, nothing left to attest, a person for two organizations."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal_plugins.profiles.attesting.models import AttestationDue
from hp_portal_plugins.profiles.attesting.reminding import keep_clock
from hp_portal_plugins.profiles.hiding import HiddenSpan
from hp_portal_plugins.profiles.record.applying import Fact
from tests.support.clock import Clock
from tests.support.messages import mails
from tests.support.world import World

from .proposing import Office, an_office, say

MAIL = "profiles/mail/attestation_due"


def tick(world: World, clock: Clock, moment: str) -> list[tuple[str, str]]:
    """The job runs at a moment of the plan's zone, Central Time here; whom it has written to about whom."""
    clock.set(dt.datetime.fromisoformat(moment))
    before = len(mails(world, MAIL))
    with world.app.app_context(), world.session() as session:
        keep_clock(session)
    return [(address, values["organization"]) for address, values in mails(world, MAIL)[before:]]


def due_of(world: World, office: Office) -> AttestationDue:
    with world.session() as session:
        of = AttestationDue.organization_id == office.organization.id
        found = session.scalars(sa.select(AttestationDue).where(of)).one()
        session.expunge(found)
    return found


def due_on(world: World, office: Office, day: str) -> None:
    with world.session() as session:
        of = AttestationDue.organization_id == office.organization.id
        row = session.scalars(sa.select(AttestationDue).where(of)).one()
        row.due_on, row.reminded, row.noticed_on = dt.date.fromisoformat(day), None, None


def close(world: World, office: Office, day: dt.date, standing: str = "closed") -> None:
    work = "ended" if standing == "closed" else "active"
    with world.session() as session:
        say(
            session,
            Fact("location", office.location, "standing", "", standing, day),
            Fact("affiliation", office.affiliation, "standing", "", work, day),
        )


def test_days_are_those_of_the_plan_whatever_the_clock_does(world: World, clock: Clock) -> None:
    """A day begins at midnight of the plan's zone: before and after daylight saving, and on February 29."""
    office = an_office(world)
    world.person("a.delegate", organization=office.organization, delegate=True)
    told = [("a.delegate@office.example", "Aspen Clinic")]
    assert tick(world, clock, "2026-08-10T23:59-05:00") == []
    assert due_of(world, office).due_on == dt.date(2026, 11, 8), "90 days later, over the end of daylight saving"
    assert tick(world, clock, "2026-10-08T23:59-05:00") == []
    assert tick(world, clock, "2026-10-09T00:00-05:00") == told, "30 days before"
    assert tick(world, clock, "2026-10-24T23:30-05:00") == []
    assert tick(world, clock, "2026-10-25T00:30-05:00") == told, "14 days before, a week before clocks are set back"
    for moment in ("2026-11-01T01:30-05:00", "2026-11-01T01:30-06:00", "2026-11-04T23:59-06:00"):
        assert tick(world, clock, moment) == [], "the hour that comes twice reminds of nothing twice"
    assert tick(world, clock, "2026-11-05T00:00-06:00") == told, "3 days before"
    due_on(world, office, "2028-02-29")
    assert tick(world, clock, "2028-01-30T12:00-06:00") == told, "30 days before February 29"
    assert tick(world, clock, "2028-02-29T23:59-06:00") == told, "what was missed of 14 and 3 days is said once"
    assert tick(world, clock, "2028-02-29T23:59:30-06:00") == []
    assert tick(world, clock, "2028-03-01T00:00-06:00") == told, "overdue"
    assert due_of(world, office).noticed_on == dt.date(2028, 3, 1)


def test_who_has_nothing_left_to_attest_is_left_alone(world: World, clock: Clock) -> None:
    office = an_office(world)
    world.person("a.delegate", organization=office.organization, delegate=True)
    assert tick(world, clock, "2026-03-02T12:00-06:00") == []
    due_on(world, office, "2026-06-01")
    assert len(tick(world, clock, "2026-06-02T12:00-05:00")) == 1
    assert tick(world, clock, "2026-07-02T12:00-05:00") == []
    with world.session() as session:
        assert session.scalars(sa.select(HiddenSpan.until)).all() == [None]
    close(world, office, dt.date(2026, 7, 10))
    assert tick(world, clock, "2026-07-12T12:00-05:00") == []
    with world.session() as session:
        assert session.scalars(sa.select(HiddenSpan.until)).all() == [dt.date(2026, 7, 12)]
    assert due_of(world, office).due_on == dt.date(2026, 10, 10)
    assert tick(world, clock, "2027-07-01T12:00-05:00") == [], "nobody is reminded of nothing"
    close(world, office, dt.date(2027, 7, 2), "open")
    assert tick(world, clock, "2027-07-03T12:00-05:00") == []
    assert due_of(world, office).due_on == dt.date(2027, 9, 29), "all 90 days, from the last day without anybody"

    new = an_office(world, "Birch Clinic", "1234567893")
    assert tick(world, clock, "2027-07-04T12:00-05:00") == []
    assert due_of(world, new).due_on == dt.date(2027, 10, 2), "an organization that was added"


def test_a_person_who_answers_for_two_organizations_is_reminded_of_each(world: World, clock: Clock) -> None:
    first, second = an_office(world), an_office(world, "Birch Clinic", "1234567893")
    world.person("d.first", organization=first.organization, delegate=True)
    world.person("d.second", organization=second.organization, delegate=True)
    both = world.person("b.oth", organization=first.organization)
    there = world.membership(both, second.organization).id
    assert tick(world, clock, "2026-03-02T12:00-06:00") == []
    with world.session() as session:
        for office, person in ((first, both.id), (second, there)):
            of = AttestationDue.organization_id == office.organization.id
            row = session.scalars(sa.select(AttestationDue).where(of)).one()
            row.due_on, row.responsible_id = dt.date(2026, 4, 1), person
    address = "b.oth@office.example"
    told = tick(world, clock, "2026-03-18T12:00-05:00")
    assert told == [(address, "Aspen Clinic"), (address, "Birch Clinic")], "each says of which it is"
    with world.session() as session:
        session.get_one(Person, there).deactivated_at = clock.now()
    told = tick(world, clock, "2026-03-29T12:00-05:00")
    assert told == [(address, "Aspen Clinic"), ("d.second@office.example", "Birch Clinic")]
