"""One practitioner, and one location: what holds on a day, who works where, and what was recorded when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import Case, Person, PortalSession, record, show_number

from ..loading.specialties import specialty_words
from ..record.applying import KINDS
from ..record.facts import Key, facts_of, values_on
from ..record.fields import FIELDS, WEEKDAYS, Subject
from ..record.models import Affiliation, Change, Location, Practitioner
from ..record.timeline import Told, spans
from ..record.wording import worded
from .expiring import Attention, attention_of
from .lists import address_of, full_name, location_names


@dataclass(frozen=True)
class ShownFact:
    """A fact as people read it: what it is called, its value, and since when."""

    label: str
    value: str
    since: dt.date


@dataclass(frozen=True)
class ShownAffiliation:
    """Where somebody works, or who works there: `name` is the other side's, `other_id` its id. `listed_since`: since when it is
    shown in the directory, None where it is not."""

    other_id: int
    name: str
    since: dt.date
    until: dt.date | None
    primary: bool
    specialty: str
    accepting: str
    listed_since: dt.date | None
    reason: str


@dataclass(frozen=True)
class Entry:
    """Something that was recorded: when, what, from which day on, by whom, why, and for which case."""

    recorded_at: dt.datetime
    label: str
    value: str
    holds_from: dt.date
    withdrawn: bool
    who: str
    what: str
    why: str
    case_id: int | None
    case_number: str


@dataclass(frozen=True)
class Shown:
    """A practitioner or a location on a day."""

    id: int
    name: str
    facts: list[ShownFact]
    affiliations: list[ShownAffiliation]
    attention: list[Attention]
    history: list[Entry]
    is_open: bool = True


def view_practitioner(session: PortalSession, practitioner_id: int, day: dt.date, payer: str) -> Shown | None:
    """A practitioner that the scope sees, or None. Recorded."""
    row = session.get(Practitioner, practitioner_id)
    if row is None:
        return None
    told = facts_of(session, "practitioner", [row.id]).get(row.id, {})
    values, words = values_on(told, day), specialty_words(session)
    places = location_names(session, day)
    both = session.execute(
        sa.select(Affiliation.id, Affiliation.location_id).where(Affiliation.practitioner_id == row.id)
    )
    affiliations = _affiliations(session, {one: (place, places.get(place, "")) for one, place in both}, day, words)
    facts, history = _facts("practitioner", told, day, words), _history(session, "practitioner", told, words, payer)
    record(session, "profiles.practitioner.viewed", practitioner=row.id)
    return Shown(row.id, full_name(values, row.reference), facts, affiliations, attention_of(values, day), history)


def view_location(session: PortalSession, location_id: int, day: dt.date, payer: str) -> Shown | None:
    """A location that the scope sees, or None. Recorded."""
    row = session.get(Location, location_id)
    if row is None:
        return None
    told = facts_of(session, "location", [row.id]).get(row.id, {})
    values, words = values_on(told, day), specialty_words(session)
    pairs = session.execute(
        sa.select(Affiliation.id, Practitioner.id, Practitioner.reference)
        .join(Practitioner, Practitioner.id == Affiliation.practitioner_id)
        .where(Affiliation.location_id == row.id)
    ).all()
    people = facts_of(session, "practitioner", [person for _, person, _ in pairs])
    names = {
        one: (person, full_name(values_on(people.get(person, {}), day), reference)) for one, person, reference in pairs
    }
    affiliations = _affiliations(session, names, day, words)
    facts, history = _facts("location", told, day, words), _history(session, "location", told, words, payer)
    record(session, "profiles.location.viewed", location=row.id)
    name = values.get(("name", "")) or address_of(values) or row.reference
    return Shown(row.id, name, facts, affiliations, [], history, values.get(("standing", "")) == "open")


def _facts(subject: Subject, told: Mapping[Key, list[Told]], day: dt.date, words: Mapping[str, str]) -> list[ShownFact]:
    """In the order of the fields; hours in the order of the week."""
    order = [field.key for field in FIELDS.values() if field.subject == subject]
    found = []
    for key in sorted(
        told, key=lambda key: (order.index(key[0]) if key[0] in order else len(order), _item_order(key[1]))
    ):
        for span in spans(told[key]):
            if span.covers(day) and span.value:
                found.append(ShownFact(*worded(subject, key, span.value, words), span.since))
    return found


def _item_order(item: str) -> tuple[int, str]:
    return (WEEKDAYS.index(item), "") if item in WEEKDAYS else (0, item)


def _affiliations(
    session: PortalSession, others: Mapping[int, tuple[int, str]], day: dt.date, words: Mapping[str, str]
) -> list[ShownAffiliation]:
    """Those of the day first, then those to come and those that are over; by name."""
    facts = facts_of(session, "affiliation", others)
    found = []
    for one, (other_id, name) in others.items():
        told = facts.get(one, {})
        active = [span for span in spans(told.get(("standing", ""), [])) if span.value == "active"]
        if not active:
            continue
        shown = next((span for span in active if span.covers(day)), active[-1])
        values = values_on(told, shown.until - dt.timedelta(days=1) if shown.until and shown.until <= day else day)
        listed = [span for span in spans(told.get(("directory", ""), [])) if span.covers(day) and span.value == "yes"]
        accepting = FIELDS["affiliation", "accepting"].choices or {}
        specialty = values.get(("specialty", ""), "")
        found.append(
            ShownAffiliation(
                other_id,
                name,
                shown.since,
                shown.until,
                values.get(("primary", "")) == "yes",
                words.get(specialty, specialty),
                accepting.get(values.get(("accepting", ""), ""), ""),
                listed[0].since if listed and shown.covers(day) else None,
                values_on(told, shown.until).get(("reason", ""), "") if shown.until else "",
            )
        )
    return sorted(found, key=lambda one: (not _is_now(one, day), one.name.lower(), one.other_id))


def _is_now(one: ShownAffiliation, day: dt.date) -> bool:
    return one.since <= day and (one.until is None or day < one.until)


def _history(
    session: PortalSession, subject: Subject, told: Mapping[Key, list[Told]], words: Mapping[str, str], payer: str
) -> list[Entry]:
    """Everything that was recorded, the newest first. Of changes that others have asked for, an organization reads neither who
    nor why."""
    rows = session.execute(
        sa.select(Change, Person.name, Case.number)
        .outerjoin(Person, Person.id == Change.person_id)
        .outerjoin(Case, Case.id == Change.case_id)
        .where(Change.id.in_({fact.change_id for facts in told.values() for fact in facts if fact.change_id}))
    )
    changes = {change.id: (change, name, number) for change, name, number in rows}
    found: list[tuple[tuple[dt.datetime, int], Entry]] = []
    for key, facts in told.items():
        for fact in facts:
            change, name, number = changes.get(fact.change_id or 0, (None, None, None))
            label, value = worded(subject, key, fact.value, words)
            at = fact.recorded_at or dt.datetime.min.replace(tzinfo=dt.UTC)
            entry = Entry(
                at,
                label,
                value,
                fact.holds_from,
                fact.withdrawn,
                name or payer,
                KINDS.get(change.kind, change.kind) if change else "",
                change.why if change else "",
                change.case_id if change and number else None,
                show_number(number) if number else "",
            )
            found.append(((at, fact.order), entry))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0], reverse=True)]
