"""The record: changes in any order, taken back, refused when it has changed meanwhile, and facts that nobody changes."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.record import applying
from hp_portal_plugins.profiles.record.applying import Fact, RecordMoved, Stated, Written
from hp_portal_plugins.profiles.record.facts import facts_of, holding, items_of, values_on
from hp_portal_plugins.profiles.record.fields import FIELDS, BadValue, Subject, read_value
from hp_portal_plugins.profiles.record.models import Affiliation, Change, LocationFact, Practitioner, PractitionerFact
from hp_portal_plugins.profiles.record.triggers import REFUSAL
from tests.core.test_staff_console import recorded
from tests.support.clock import Clock
from tests.support.databases import as_owner
from tests.support.world import World

START = dt.date(2026, 1, 1)
DAYS = [START + dt.timedelta(days=number) for number in range(20)]
STATED = Stated("practitioner-changed", "A test")


def say(session: PortalSession, *facts: Fact, seen: tuple[Fact, ...] = (), stated: Stated = STATED) -> Written:
    return applying.apply_change(session, stated, facts, seen)


def about(subject_id: int, day: dt.date, value: str, field: str = "first_name", item: str = "") -> Fact:
    return Fact("practitioner", subject_id, field, item, value, day)


def as_of_every_day(session: PortalSession, subject: Subject, subject_id: int) -> list[dict[Any, str]]:
    facts = facts_of(session, subject, [subject_id], sealed=True).get(subject_id, {})
    return [values_on(facts, day) for day in DAYS]


@pytest.mark.parametrize("seed", [1, 2])
def test_changes_in_any_order_and_taken_back(world: World, seed: int) -> None:
    """Changes of different days of a field make the same record in any order; taken back, they leave what was."""
    chance = random.Random(seed)
    keys = [
        ("first_name", ""),
        ("dea_number", ""),
        ("language", "Sample"),
        ("license_number", "MN"),
        ("language", "Other"),
    ]
    wanted = [
        (field, item, day, "yes" if field == "language" else chance.choice(["", "A1", "B2"]))
        for field, item in keys
        for day in chance.sample(DAYS, 4)
    ]
    with world.session() as session:
        one, two = applying.new_practitioner(session), applying.new_practitioner(session)
        for practitioner in (one, two):
            order = chance.sample(wanted, len(wanted))
            for field, item, day, value in order:
                say(session, about(practitioner.id, day, value, field, item))
        record = as_of_every_day(session, "practitioner", one.id)
        assert record == as_of_every_day(session, "practitioner", two.id)
        assert any(("dea_number", "") in values for values in record), "sealed values are read again"
        undone = []
        for _ in range(4):
            field, item = chance.choice(keys)
            corrected = "no such" if field != "language" else ""
            facts = [about(one.id, chance.choice(DAYS), corrected, field, item), about(one.id, DAYS[3], "Z", "suffix")]
            written = say(session, *facts)
            if written.change:
                undone.append(written.change.id)
        for change_id in reversed(undone):
            applying.undo_change(session, change_id, STATED)
        assert as_of_every_day(session, "practitioner", one.id) == record
        with pytest.raises(LookupError):
            applying.undo_change(session, undone[0], STATED)
        with pytest.raises(LookupError):
            applying.undo_change(session, 10**6, STATED)


def test_a_change_is_refused_when_the_record_has_changed_meanwhile(world: World) -> None:
    with world.session() as session:
        practitioner = applying.new_practitioner(session).id
        first = say(session, about(practitioner, START, "Ann"))
        read = about(practitioner, DAYS[5], "Ann")
        say(session, about(practitioner, DAYS[2], "Anna"))
        with pytest.raises(RecordMoved) as refused:
            say(session, about(practitioner, DAYS[5], "Annie"), seen=(read,))
        (moved,) = refused.value.moved
        assert (moved.seen, moved.now) == ("Ann", "Anna")
        assert as_of_every_day(session, "practitioner", practitioner)[6] == {("first_name", ""): "Anna"}
        assert say(session, about(practitioner, DAYS[2], "Anna")).unchanged == 1, "it is not said twice"
        say(session, about(practitioner, START, "Anne"))
        assert first.change
        with pytest.raises(RecordMoved):
            applying.undo_change(session, first.change.id, STATED)
        with pytest.raises(BadValue):
            say(session, about(practitioner, START, "1234567890", "npi"))
        with pytest.raises(ValueError, match="two values"):
            say(session, about(practitioner, DAYS[7], "A"), about(practitioner, DAYS[7], "B"))
        with pytest.raises(ValueError, match="kind"):
            say(session, about(practitioner, DAYS[7], "A"), stated=Stated("nonsense"))
    events = recorded(world, "profiles.record.changed")
    assert [event["kind"] for event in events] == ["practitioner-changed"] * 3


def test_who_leaves_and_what_closes(world: World) -> None:
    """Ending is for one's own affiliations; closing a location ends what is there. What holds is found by a statement, too."""
    payee = world.payee()
    with world.session() as session:
        people = [applying.new_practitioner(session).id for _ in range(3)]
        here, there = (applying.new_location(session, payee.id).id for _ in range(2))
        active = {("standing", ""): "active", ("primary", ""): "yes"}
        ids = {}
        for person in people:
            for place in (here, there):
                both = ids[person, place] = applying.affiliation_of(session, person, place).id
                assert applying.affiliation_of(session, person, place).id == both
                say(session, *applying.saying("affiliation", both, START, active))
        gone = [ids[people[0], place] for place in (here, there)]
        say(session, *applying.ending(gone, DAYS[4], "Retired"))
        closed = say(session, *applying.closing(session, here, DAYS[8], "Lease ended"))
        assert closed.change

        def at_work(day: dt.date) -> set[int]:
            found = session.execute(holding("affiliation", "standing", day, value=["active"]))
            return {subject for subject, _, _ in found}

        assert at_work(START - dt.timedelta(days=1)) == set()
        assert at_work(DAYS[3]) == set(ids.values())
        assert at_work(DAYS[4]) == set(ids.values()) - set(gone)
        assert at_work(DAYS[8]) == {ids[people[1], there], ids[people[2], there]}
        row = session.get_one(Affiliation, gone[0])
        session.refresh(row)
        assert (row.since, row.until) == (START, DAYS[4])
        applying.undo_change(session, closed.change.id, STATED)
        assert at_work(DAYS[8]) == set(ids.values()) - set(gone)
        facts = facts_of(session, "location", [here])[here]
        assert values_on(facts, DAYS[9]) == {}, "it was not said before that it is open"


def test_no_way_leads_to_another_value_of_a_recorded_fact(world: World, clock: Clock) -> None:
    """What members saw on a day is read as it was known then; the database refuses to change or delete facts."""
    with world.session() as session:
        practitioner = applying.new_practitioner(session).id
        say(session, about(practitioner, START, "Ann"), about(practitioner, START, "AB1234567", "dea_number"))
        then = clock.now()
        clock.advance(days=1)
        say(session, about(practitioner, START, "Anna"))
        facts = facts_of(session, "practitioner", [practitioner])[practitioner]
        assert ("dea_number", "") not in facts, "what is sealed is read only when asked for"
        assert values_on(facts, DAYS[0]) == {("first_name", ""): "Anna"}
        assert values_on(facts, DAYS[0], known_at=then) == {("first_name", ""): "Ann"}
        kept = session.scalars(sa.select(PractitionerFact.value).where(PractitionerFact.field == "dea_number")).all()
        assert kept == [""], "the number is only in the sealed column"
    statements = (
        "UPDATE profiles_practitioner_fact SET value = 'x'",
        "UPDATE profiles_practitioner_fact SET holds_from = '2020-01-01'",
        "UPDATE profiles_practitioner_fact SET value_sealed = NULL",
        "DELETE FROM profiles_practitioner_fact",
    )
    for statement in statements:
        with (
            pytest.raises(sa.exc.DBAPIError, match=REFUSAL),
            as_owner(world.app) as engine,
            engine.begin() as connection,
        ):
            connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    ("subject", "key", "item", "typed", "kept"),
    [
        ("location", "phone", "", "(952) 555-0100", "9525550100"),
        ("location", "phone", "", "+1 952.555.0100", "9525550100"),
        ("location", "phone", "", "555-0100", None),
        ("location", "zip", "", "550001234", "55000-1234"),
        ("location", "zip", "", "5500", None),
        ("location", "state", "", "mn", "MN"),
        ("location", "state", "", "XX", None),
        ("location", "hours", "Monday", "08:00-12:00,13:00-17:00", "08:00-12:00, 13:00-17:00"),
        ("location", "hours", "monday", "17:00-08:00", None),
        ("location", "hours", "someday", "08:00-12:00", None),
        ("location", "hours", "", "08:00-12:00", None),
        ("location", "name", "x", "Site", None),
        ("location", "name", "", "x" * 201, None),
        ("affiliation", "accepting", "", "Referral", "referral"),
        ("affiliation", "accepting", "", "perhaps", None),
        ("practitioner", "license_expires", "mn", "2027-02-30", None),
        ("practitioner", "specialty", "207q00000x", "primary", "primary"),
        ("practitioner", "npi", "", "1234567893", "1234567893"),
        ("practitioner", "npi", "", "1234567890", None),
        ("practitioner", "npi", "", "2000000002", None),
    ],
)
def test_values_are_read_into_one_form(subject: Subject, key: str, item: str, typed: str, kept: str | None) -> None:
    field = FIELDS[subject, key]
    if kept is None:
        with pytest.raises(BadValue):
            read_value(field, item, typed)
    else:
        assert read_value(field, item, typed)[1] == kept
        assert read_value(field, *read_value(field, item, typed)) == read_value(field, item, typed)


def test_an_organization_sees_the_practitioners_of_its_locations_while_they_work_there(world: World) -> None:
    """Of somebody who has left: nothing that holds from a later day, and never another group's location."""
    own, other = world.organization("Aspen Clinic"), world.organization("Birch Clinic")
    payees = [world.payee(), world.payee()]
    for organization, payee in zip((own, other), payees, strict=True):
        world.grant(organization, payee)
    with world.session() as session:
        person = applying.new_practitioner(session, "SHARED").id
        places = [applying.new_location(session, payee.id).id for payee in payees]
        ids = [applying.affiliation_of(session, person, place).id for place in places]
        stranger = applying.new_practitioner(session, "STRANGER").id
        for place, name in zip(places, ("ASPEN SITE", "BIRCH SITE"), strict=True):
            say(session, Fact("location", place, "name", "", name, START))
        say(session, about(person, START, "Ann"), about(stranger, START, "Nobody"))
        active = {("standing", ""): "active"}
        say(session, *applying.saying("affiliation", ids[0], START, active))
        stated = Stated("practitioner-changed", "BIRCH WHY", organization_id=other.id)
        say(session, *applying.saying("affiliation", ids[1], DAYS[2], active), stated=stated)
        say(session, *applying.ending(ids[:1], DAYS[5], "Moved away"))
        say(session, about(person, DAYS[5], "AFTER"), about(person, DAYS[4], "BEFORE"), stated=stated)
    with world.session_of(own) as session:
        facts = facts_of(session, "practitioner", [person, stranger])
        assert {told.value for told in facts[person][("first_name", "")]} == {"Ann", "BEFORE"}
        assert stranger not in facts
        assert session.scalars(sa.select(Practitioner.reference)).all() == ["SHARED"]
        assert session.scalars(sa.select(LocationFact.value)).all() == ["ASPEN SITE"]
        assert session.scalars(sa.select(Affiliation.id)).all() == [ids[0]]
        assert facts_of(session, "affiliation", ids).keys() == {ids[0]}
        assert "BIRCH WHY" not in session.scalars(sa.select(Change.why)).all()
    with world.session_of(other) as session:
        facts = facts_of(session, "practitioner", [person])
        assert {told.value for told in facts[person][("first_name", "")]} == {"Ann", "BEFORE", "AFTER"}
        assert items_of(values_on(facts[person], DAYS[9]), "first_name") == {"": "AFTER"}
        assert session.scalars(sa.select(Change.why)).all() == ["BIRCH WHY", "BIRCH WHY"]
    grant_ended = sa.text("UPDATE access_grant SET ended_at = granted_at")
    with as_owner(world.app) as engine, engine.begin() as connection:
        connection.execute(grant_ended)
    for organization in (own, other):
        with world.session_of(organization) as session:
            assert session.scalars(sa.select(Practitioner.id)).all() == []
            assert facts_of(session, "practitioner", [person]) == {}
