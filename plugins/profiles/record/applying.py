"""Changes of the record: facts added, and taken back by other facts. Nothing here commits, and all of it needs a whole scope.

A lock lets one change at a time into the record, so that the order of the facts is the order in which they were recorded.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import PortalSession

from .facts import Key, facts_of
from .fields import Subject, find_field, read_value
from .models import FACTS, SEALED, Affiliation, Change, Location, Practitioner, PractitionerFact
from .timeline import Told, spans, told_on, value_on

LOCK = "profiles record"
KINDS = {
    "loaded": "Loaded from a file",
    "practitioner-added": "Practitioner added",
    "practitioner-changed": "Practitioner changed",
    "practitioner-ended": "Practitioner has left",
    "location-added": "Location added",
    "location-changed": "Location changed",
    "location-moved": "Location moved",
    "location-closed": "Location closed",
    "affiliations-changed": "Affiliations changed",
    "roster": "Roster taken over",
    "undone": "Change taken back",
}
_INSERT_AT_ONCE = 1000


@dataclass(frozen=True)
class Fact:
    """From `holds_from` on, `field` (of `item`) of the subject has `value`; empty: none. `withdrawn`: nothing is said of that day
    after all."""

    subject: Subject
    subject_id: int
    field: str
    item: str
    value: str
    holds_from: dt.date
    withdrawn: bool = False

    @property
    def key(self) -> Key:
        return (self.field, self.item)


@dataclass(frozen=True)
class Stated:
    """Who wants a change, and why: `kind` is one of KINDS, `organization_id` None for the payer's own."""

    kind: str
    why: str = ""
    organization_id: int | None = None
    person_id: int | None = None
    case_id: int | None = None


@dataclass(frozen=True)
class Moved:
    """A value that is another one by now than when it was read."""

    fact: Fact
    seen: str
    now: str


class RecordMoved(Exception):
    """The record has changed since it was read; nothing was written. `moved` says what."""

    def __init__(self, moved: Sequence[Moved]) -> None:
        super().__init__(f"{len(moved)} values have changed meanwhile")
        self.moved = list(moved)


@dataclass
class Written:
    """What came of a change: `change` is None when all of it was on record already."""

    change: Change | None = None
    added: int = 0
    corrected: int = 0
    unchanged: int = 0
    facts: list[Fact] = field(default_factory=list)


def new_practitioner(session: PortalSession, reference: str = "") -> Practitioner:
    """A practitioner of whom nothing is known yet; without the payer's number it gets one of ours."""
    row = Practitioner(reference=reference or f"P-{secrets.token_hex(6)}")
    session.add(row)
    session.flush()
    return row


def new_location(session: PortalSession, payee_id: int, reference: str = "") -> Location:
    """A location of a payee, of which nothing is known yet."""
    row = Location(payee_id=payee_id, reference=reference or f"L-{secrets.token_hex(6)}")
    session.add(row)
    session.flush()
    return row


def affiliation_of(session: PortalSession, practitioner_id: int, location_id: int) -> Affiliation:
    """The affiliation of the two, made where there is none yet."""
    both = (Affiliation.practitioner_id == practitioner_id, Affiliation.location_id == location_id)
    row = session.scalars(sa.select(Affiliation).where(*both)).one_or_none()
    if row is None:
        row = Affiliation(practitioner_id=practitioner_id, location_id=location_id)
        session.add(row)
        session.flush()
    return row


def saying(subject: Subject, subject_id: int, day: dt.date, values: Mapping[Key, str]) -> list[Fact]:
    """Facts of one day, from values by field and item."""
    return [Fact(subject, subject_id, name, item, value, day) for (name, item), value in values.items()]


def ending(affiliation_ids: Iterable[int], day: dt.date, reason: str) -> list[Fact]:
    """The facts that end affiliations: `day` is the first one on which it is over."""
    values = {("standing", ""): "ended", ("reason", ""): reason}
    return [fact for one in affiliation_ids for fact in saying("affiliation", one, day, values)]


def closing(session: PortalSession, location_id: int, day: dt.date, reason: str) -> list[Fact]:
    """The facts that close a location, and end what affiliations there are: `day` is the first one on which it is closed."""
    at = sa.select(Affiliation.id).where(
        Affiliation.location_id == location_id,
        Affiliation.since.is_not(None),
        sa.or_(Affiliation.until.is_(None), Affiliation.until > day),
    )
    closed = Fact("location", location_id, "standing", "", "closed", day)
    return [closed, *ending(session.scalars(at).all(), day, reason)]


def apply_change(session: PortalSession, stated: Stated, facts: Sequence[Fact], seen: Sequence[Fact] = ()) -> Written:
    """Record facts as one change. `seen` are values as they were read, each on its day: when one is another by now, nothing is
    written. What is on record already, of the same day and with the same value, is not repeated.

    Raises RecordMoved; BadValue for a value that cannot be; ValueError for two values of one field and day.
    """
    if stated.kind not in KINDS:
        raise ValueError(f"there is no kind of change {stated.kind!r}")
    wanted = [_read(fact) for fact in facts]
    _once(wanted)
    api.lock(session, LOCK)
    known = _known(session, [*wanted, *seen])
    if moved := _moved(known, seen):
        raise RecordMoved(moved)
    written = Written()
    for fact in wanted:
        told = told_on(_of(known, fact), fact.holds_from)
        if told is None and not fact.withdrawn:
            written.added += 1
        elif told is not None and (told.value, told.withdrawn) != (fact.value, fact.withdrawn):
            written.corrected += 1
        else:
            written.unchanged += 1
            continue
        written.facts.append(fact)
    if written.facts:
        written.change = _add_change(session, stated)
        _insert(session, written.change, written.facts)
        api.record(session, "profiles.record.changed", change=written.change.id, kind=stated.kind)
    return written


def undo_change(session: PortalSession, change_id: int, stated: Stated) -> Written:
    """Take a change back by new facts: for each of its days what was said before it, or nothing. The rest of the record stays.

    Raises RecordMoved where something else has been said of one of its days since, LookupError when there is no such change or it
    was taken back before.
    """
    api.lock(session, LOCK)
    change = session.get(Change, change_id)
    taken_back = sa.select(Change.id).where(Change.undoes_id == change_id)
    if change is None or session.scalar(taken_back) is not None:
        raise LookupError(change_id)
    facts = _facts_of_change(session, change_id)
    known = _known(session, facts)
    moved, back = [], []
    for fact in facts:
        of_day = [told for told in _of(known, fact) if told.holds_from == fact.holds_from]
        newest = told_on(of_day, fact.holds_from)
        if newest is None or newest.change_id != change_id:
            moved.append(Moved(fact, fact.value, newest.value if newest else ""))
            continue
        before = told_on([told for told in of_day if told.change_id != change_id], fact.holds_from)
        gone = before is None or before.withdrawn
        back.append(replace(fact, value=before.value if before else "", withdrawn=gone))
    if moved:
        raise RecordMoved(moved)
    made = _add_change(session, replace(stated, kind="undone"), undoes_id=change_id)
    _insert(session, made, back)
    api.record(session, "profiles.record.undone", change=made.id, undone=change_id)
    return Written(made, corrected=len(back), facts=back)


def _read(fact: Fact) -> Fact:
    found = find_field(fact.subject, fact.field)
    item, value = read_value(found, fact.item, "" if fact.withdrawn else fact.value)
    return replace(fact, item=item, value=value)


def _once(facts: Sequence[Fact]) -> None:
    said: set[Any] = set()
    for fact in facts:
        place = (fact.subject, fact.subject_id, fact.key, fact.holds_from)
        if place in said:
            raise ValueError(f"{fact.field} {fact.item} has two values from {fact.holds_from} on")
        said.add(place)


Known = Mapping[Subject, Mapping[int, Mapping[Key, list[Told]]]]


def _known(session: PortalSession, facts: Sequence[Fact]) -> Known:
    ids: dict[Subject, set[int]] = {}
    for fact in facts:
        ids.setdefault(fact.subject, set()).add(fact.subject_id)
    return {subject: facts_of(session, subject, found, sealed=True) for subject, found in ids.items()}


def _of(known: Known, fact: Fact) -> list[Told]:
    return known.get(fact.subject, {}).get(fact.subject_id, {}).get(fact.key, [])


def _moved(known: Known, seen: Sequence[Fact]) -> list[Moved]:
    found = [(fact, value_on(_of(known, fact), fact.holds_from)) for fact in seen]
    return [Moved(fact, fact.value, now) for fact, now in found if now != fact.value]


def _add_change(session: PortalSession, stated: Stated, undoes_id: int | None = None) -> Change:
    change = Change(
        kind=stated.kind,
        recorded_at=api.now(),
        person_id=stated.person_id,
        why=stated.why,
        case_id=stated.case_id,
        organization_id=stated.organization_id,
        undoes_id=undoes_id,
    )
    session.add(change)
    session.flush()
    return change


def _insert(session: PortalSession, change: Change, facts: Sequence[Fact]) -> None:
    for subject, model in FACTS.items():
        rows = [_row(session, change, fact) for fact in facts if fact.subject == subject]
        for start in range(0, len(rows), _INSERT_AT_ONCE):
            session.execute(sa.insert(model), rows[start : start + _INSERT_AT_ONCE])
    _keep_spans(
        session, {fact.subject_id for fact in facts if (fact.subject, fact.field) == ("affiliation", "standing")}
    )


def _row(session: PortalSession, change: Change, fact: Fact) -> dict[str, Any]:
    row: dict[str, Any] = {
        f"{fact.subject}_id": fact.subject_id,
        "field": fact.field,
        "item": fact.item,
        "holds_from": fact.holds_from,
        "value": fact.value,
        "withdrawn": fact.withdrawn,
        "recorded_at": change.recorded_at,
        "change_id": change.id,
    }
    if fact.subject == "practitioner":
        row["token"] = secrets.token_hex(16)
        row["value_sealed"] = None
        if find_field(fact.subject, fact.field).sealed:
            row["value_sealed"] = session.vault.seal_text(fact.value, SEALED(row["token"]))
            row["value"] = ""
    return row


def _keep_spans(session: PortalSession, affiliation_ids: set[int]) -> None:
    """Repeat in the affiliations from when to when they are active, for scopes."""
    for affiliation_id, facts in facts_of(session, "affiliation", affiliation_ids).items():
        active = [span for span in spans(facts.get(("standing", ""), [])) if span.value == "active"]
        session.execute(
            sa.update(Affiliation)
            .where(Affiliation.id == affiliation_id)
            .values(
                since=active[0].since if active else None,
                until=active[-1].until if active else None,
            )
        )


def _facts_of_change(session: PortalSession, change_id: int) -> list[Fact]:
    found: list[Fact] = []
    for subject, model in FACTS.items():
        rows: Iterable[Any] = session.scalars(sa.select(model).where(model.change_id == change_id).order_by(model.id))
        for row in rows:
            value = row.value
            if isinstance(row, PractitionerFact) and row.value_sealed is not None:
                value = session.vault.open_text(row.value_sealed, SEALED(row.token))
            subject_id = getattr(row, f"{subject}_id")
            found.append(Fact(subject, subject_id, row.field, row.item, value, row.holds_from, row.withdrawn))
    return found
