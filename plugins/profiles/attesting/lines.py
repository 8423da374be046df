"""What an organization attests, a line for each practitioner at each location, and what needs a look before it does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from hp_portal.api import Person, PortalSession, settings, show_date

from ..loading.specialties import specialty_words
from ..record.facts import Facts, Key, facts_of, items_of, values_on
from ..record.fields import ACCEPTING, FIELDS, WEEKDAYS, Subject
from ..record.models import Affiliation, Location, Practitioner
from ..seeing.expiring import attention_of
from ..seeing.lists import address_of, full_name
from .contradicting import in_words
from .models import Attestation, Contradiction
from .sent import SentChanges, sent_changes

CHANGED, EXPIRES, CONTRADICTED, TOLD = "Changed", "Missing or expires", "Contradicts itself", "Contradicted"


@dataclass(frozen=True)
class Look:
    """Why somebody should look at a line: `kind` is CHANGED, EXPIRES, CONTRADICTED or, told by somebody else, TOLD."""

    kind: str
    words: str


@dataclass
class Line:
    """A practitioner at a location, with what is published of it, in words. `left_out`: the case that says what is not right.
    `sent`: the case of a change that is under way, whether or not the line is left out for it."""

    affiliation_id: int
    practitioner_id: int
    location_id: int
    name: str
    npi: str
    specialty: str
    accepting: str
    listed: str
    more: str
    exceptions: list[Look] = field(default_factory=list)
    left_out: int | None = None
    sent: int | None = None


@dataclass
class Place:
    """A location with its lines: what is published of it, by label. `left_out` and `sent` as of lines."""

    id: int
    payee_id: int | None
    name: str
    facts: list[tuple[str, str]]
    lines: list[Line] = field(default_factory=list)
    exceptions: list[Look] = field(default_factory=list)
    left_out: int | None = None
    sent: int | None = None

    @property
    def to_look_at(self) -> list[Line]:
        """The lines that somebody should look at, those left out not among them."""
        return [one for one in self.lines if one.exceptions and not one.left_out]


@dataclass
class Shown:
    """Everything that an organization attests on a day; `since` is when it did so last. `told` speaks against the record and fits
    no line; `returned` says whose e-mail came back. `numbers` are those of cases under way."""

    day: dt.date
    places: list[Place]
    since: dt.datetime | None
    told: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    numbers: dict[int, str] = field(default_factory=dict)

    @property
    def lines(self) -> list[Line]:
        """All lines, by location."""
        return [line for place in self.places for line in place.lines]

    @property
    def exceptions(self) -> list[tuple[Place, Line]]:
        """The lines that somebody should look at, those left out not among them."""
        return [(place, one) for place in self.places for one in place.to_look_at]

    @property
    def first(self) -> bool:
        """Is there anything to look at first?"""
        return bool(self.told or self.returned or self.exceptions or any(one.exceptions for one in self.places))

    @property
    def places_left_out(self) -> list[Place]:
        """The locations of which something is not right."""
        return [one for one in self.places if one.left_out]

    @property
    def left_out(self) -> list[tuple[Place, Line]]:
        """The lines that are not attested, because they are not right."""
        return [(place, one) for place in self.places for one in place.lines if one.left_out]

    @property
    def attested(self) -> list[Line]:
        """The lines that are attested when it is signed."""
        return [line for line in self.lines if not line.left_out]


@dataclass(frozen=True)
class _Before:
    """What was on record when the organization attested last."""

    day: dt.date
    known_at: dt.datetime


def read_all(session: PortalSession, day: dt.date) -> Shown:
    """What the scope's organization has on record on a day, and what needs a look."""
    shown, work, last = _read_record(session, day)
    told = _open_contradictions(session, last)
    sent = sent_changes(session, day, min((one.told_at for one in told), default=None))
    _say_what_was_sent(shown, sent)
    _say_what_was_told(shown, told, sent)
    _two_primaries(shown.places, work, day)
    shown.returned = _returned_mail(session)
    return shown


def _read_record(session: PortalSession, day: dt.date) -> tuple[Shown, dict[int, Facts], Attestation | None]:
    last = session.scalars(sa.select(Attestation).order_by(Attestation.id.desc()).limit(1)).one_or_none()
    before = _Before(last.as_of, last.attested_at) if last else None
    rows = session.execute(
        sa.select(Affiliation.id, Affiliation.practitioner_id, Affiliation.location_id, Practitioner.reference)
        .join(Practitioner, Practitioner.id == Affiliation.practitioner_id)
        .where(Affiliation.since.is_not(None))
    ).all()
    places = {
        one: (reference, payee)
        for one, reference, payee in session.execute(sa.select(Location.id, Location.reference, Location.payee_id))
    }
    work, people = _facts(session, "affiliation", [row[0] for row in rows]), {row[1] for row in rows}
    who, where = _facts(session, "practitioner", sorted(people)), _facts(session, "location", sorted(places))
    words = specialty_words(session)
    found = {
        one: Place(one, payee, values.get(("name", ""), "") or reference, _place_facts(values))
        for one, (reference, payee) in places.items()
        if (values := values_on(where.get(one, {}), day))
    }
    for affiliation_id, practitioner_id, location_id, reference in rows:
        values = values_on(work.get(affiliation_id, {}), day)
        ended = before and values_on(work.get(affiliation_id, {}), before.day, before.known_at)
        is_active = values.get(("standing", "")) == "active"
        if location_id not in found or not is_active:
            if ended and ended.get(("standing", "")) == "active" and location_id in found:
                name = full_name(values_on(who.get(practitioner_id, {}), day), reference)
                found[location_id].exceptions.append(Look(CHANGED, f"{name} does not work here any more."))
            continue
        person = values_on(who.get(practitioner_id, {}), day)
        line = _line((affiliation_id, practitioner_id, location_id), reference, person, values, words)
        line.exceptions = [
            *_changed("affiliation", work.get(affiliation_id, {}), day, before),
            *_contradictions(person, values, values_on(where.get(location_id, {}), day), day),
        ]
        found[location_id].lines.append(line)
    shown = []
    for place in found.values():
        values = values_on(where.get(place.id, {}), day)
        place.lines.sort(key=lambda one: (one.name.lower(), one.affiliation_id))
        place.exceptions += _changed("location", where.get(place.id, {}), day, before)
        if values.get(("standing", "")) != "closed" or place.lines or place.exceptions:
            shown.append(place)
    shown.sort(key=lambda one: (one.name.lower(), one.id))
    _of_people(shown, who, day, before)
    return Shown(day, shown, last.attested_at if last else None), work, last


def _facts(session: PortalSession, subject: Subject, ids: Sequence[int]) -> dict[int, Facts]:
    return dict(facts_of(session, subject, ids))


def _of_people(places: Sequence[Place], who: Mapping[int, Facts], day: dt.date, before: _Before | None) -> None:
    """What changed or expires of a practitioner is said once, wherever they work."""
    said = set()
    for line in (line for place in places for line in place.lines):
        if line.practitioner_id in said:
            continue
        said.add(line.practitioner_id)
        facts = who.get(line.practitioner_id, {})
        expires = [
            Look(EXPIRES, f"{one.what}: {_until(one.until)}") for one in attention_of(values_on(facts, day), day)
        ]
        line.exceptions = [*_changed("practitioner", facts, day, before), *expires, *line.exceptions]


def _open_contradictions(session: PortalSession, last: Attestation | None) -> list[Contradiction]:
    """What speaks against the record, is not settled, and was told since the organization attested last: by attesting it has said
    of everything before that the record is right all the same."""
    wanted = sa.select(Contradiction).where(Contradiction.settled_at.is_(None)).order_by(Contradiction.id)
    if last is not None:
        wanted = wanted.where(Contradiction.told_at > last.attested_at)
    return list(session.scalars(wanted))


def _say_what_was_sent(shown: Shown, sent: SentChanges) -> None:
    shown.numbers = sent.numbers
    for place in shown.places:
        place.sent, place.left_out = sent.open.get(("location", place.id)), sent.wrong.get(("location", place.id))
        for line in place.lines:
            about: list[tuple[Subject, int]] = [
                ("affiliation", line.affiliation_id),
                ("practitioner", line.practitioner_id),
            ]
            line.sent = next((sent.open[one] for one in about if one in sent.open), None)
            line.left_out = next((sent.wrong[one] for one in about if one in sent.wrong), None)


def _say_what_was_told(shown: Shown, told: Sequence[Contradiction], sent: SentChanges) -> None:
    """Each with the line or the location that it is about; what a change has been decided about since is settled."""
    for row in told:
        here = [
            place for place in shown.places if row.location_id in (None, place.id) and place.payee_id == row.payee_id
        ]
        lines = [line for place in here for line in place.lines if line.practitioner_id == row.practitioner_id]
        about: set[tuple[Subject, int]] = {("affiliation", one.affiliation_id) for one in lines}
        if row.practitioner_id is not None:
            about.add(("practitioner", row.practitioner_id))
        elif row.location_id is not None:
            about.add(("location", row.location_id))
        if any(sent.decided[one] >= row.told_at for one in about if one in sent.decided):
            continue
        look = Look(TOLD, in_words(row))
        if lines:
            lines[0].exceptions.append(look)
        elif row.location_id is not None and here and not row.npi:
            here[0].exceptions.append(look)
        else:
            shown.told.append(f"NPI {row.npi}: {look.words}" if row.npi else look.words)


def _returned_mail(session: PortalSession) -> list[str]:
    rows = session.execute(
        sa.select(Person.name, Person.email_returned_at)
        .where(Person.email_returned_at.is_not(None), Person.deactivated_at.is_(None))
        .order_by(Person.name)
    )
    zone = settings().payer.zone
    return [
        f"The last e-mail to {name} came back on {show_date(at.astimezone(zone).date())}: reminders do not arrive there."
        for name, at in rows
        if at is not None
    ]


def _until(day: dt.date | None) -> str:
    return show_date(day) if day else "not on record"


def _line(
    ids: tuple[int, int, int],
    reference: str,
    person: Mapping[Key, str],
    work: Mapping[Key, str],
    words: Mapping[str, str],
) -> Line:
    codes = sorted(items_of(person, "specialty").items(), key=lambda one: (one[1] != "primary", one[0]))
    here = work.get(("specialty", ""), "")
    specialties = [words.get(code, code) for code, _ in codes]
    specialty = words.get(here, here) if here else ", ".join(specialties)
    also = [one for one in specialties if one != specialty]
    more = [
        f"Specialties: {', '.join(specialties)}" if here and also else "",
        "Primary care" if person.get(("primary_care", "")) == "yes" else "",
        "Primary location" if work.get(("primary", "")) == "yes" else "",
        _list("Languages", items_of(person, "language")),
        _list("Hospitals", items_of(person, "hospital")),
    ]
    return Line(
        *ids,
        full_name(person, reference),
        person.get(("npi", ""), ""),
        specialty,
        ACCEPTING.get(work.get(("accepting", ""), ""), ""),
        {"yes": "Shown", "no": "Not shown"}.get(work.get(("directory", ""), ""), ""),
        ". ".join(filter(None, more)),
    )


def _list(label: str, items: Mapping[str, str]) -> str:
    return f"{label}: {', '.join(items)}" if items else ""


def _place_facts(values: Mapping[Key, str]) -> list[tuple[str, str]]:
    phones = [
        f"{text[:3]}-{text[3:6]}-{text[6:]}" if text else ""
        for text in (values.get((one, ""), "") for one in ("phone", "fax"))
    ]
    hours = items_of(values, "hours")
    return [
        ("Standing", {"open": "Open", "closed": "Closed"}.get(values.get(("standing", ""), ""), "")),
        ("Address", address_of(values)),
        ("Telephone", phones[0]),
        ("Fax", phones[1]),
        ("Hours", "; ".join(f"{day.capitalize()} {hours[day]}" for day in WEEKDAYS if day in hours)),
        ("Accessibility", ", ".join(items_of(values, "accessibility"))),
        ("In the directory", {"yes": "Shown", "no": "Not shown"}.get(values.get(("directory", ""), ""), "")),
    ]


def _changed(subject: Subject, facts: Facts, day: dt.date, before: _Before | None) -> Iterator[Look]:
    """What of the public fields is another than when the organization attested last."""
    if before is None:
        return
    public = {key: told for key, told in facts.items() if (found := FIELDS.get((subject, key[0]))) and found.public}
    was, now = values_on(public, before.day, before.known_at), values_on(public, day)
    for one in sorted(was.keys() | now.keys()):
        old, new = was.get(one, ""), now.get(one, "")
        if old == new:
            continue
        label = " ".join(filter(None, (FIELDS[subject, one[0]].label, one[1])))
        yield Look(CHANGED, f"{label}: {old or 'nothing'} before, {new or 'nothing'} now")


def _contradictions(
    person: Mapping[Key, str], work: Mapping[Key, str], place: Mapping[Key, str], day: dt.date
) -> Iterator[Look]:
    said = []
    if place.get(("standing", "")) == "closed":
        said.append("Works at a location that is closed.")
    if work.get(("directory", "")) == "yes":
        expired = [one for one in items_of(person, "license_expires").values() if one < day.isoformat()]
        if expired and len(expired) == len(items_of(person, "license_number")):
            said.append("Is shown in the directory, and no license is valid.")
        if not person.get(("npi", "")):
            said.append("Is shown in the directory, and has no NPI on record.")
        if not place.get(("phone", "")):
            said.append("Is shown in the directory at a location without a telephone number.")
    for words in said:
        yield Look(CONTRADICTED, words)


def _two_primaries(places: Sequence[Place], work: Mapping[int, Facts], day: dt.date) -> None:
    primary: dict[int, list[Line]] = {}
    for line in (line for place in places for line in place.lines):
        if values_on(work.get(line.affiliation_id, {}), day).get(("primary", "")) == "yes":
            primary.setdefault(line.practitioner_id, []).append(line)
    for lines in primary.values():
        if len(lines) > 1:
            for line in lines:
                line.exceptions.append(Look(CONTRADICTED, f"{len(lines)} locations are the primary one."))
