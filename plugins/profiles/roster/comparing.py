"""Compares a roster with the record, row by row. Pure: what is on record is given.

A cell that says what holds today, or on its effective date, changes nothing. An empty cell says nothing, and neither does a
column that the table does not have; “none” says that there is none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hp_portal.api import sheets, show_date

from ..record.timeline import Span, value_on
from ..record.wording import full_name
from .layout import NAMES, SAID, Said, current
from .matching import Matched, match_rows
from .models import ADDED, CHANGED, CONTRADICTORY, ENDED, PROBLEM
from .rows import Compared, Difference, Line
from .standing import Standing

MISSING_REASON = "No longer on the roster"
UNMATCHED = (
    "Nobody is ended for being missing: {rows} cannot be matched, and whoever is missing may be in one of them. Correct "
    "those rows, and send the file again."
)


@dataclass
class Comparison:
    """What came of a roster: its rows, and sentences about the whole of it."""

    rows: list[Compared] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wish:
    """How a roster is to be read: the table, the day of rows that name none, and the day on which whoever is missing is ended
    (None: missing means nothing)."""

    layout: sheets.SheetLayout
    effective_on: dt.date
    complete_on: dt.date | None = None


def compare(
    standing: Standing,
    rows: Iterable[sheets.CheckedRow],
    wish: Wish,
    progress: Callable[[int], None] = lambda _done: None,
) -> Comparison:
    """Every row, in the order of the file; then whoever is missing."""
    matched = match_rows(standing, rows)
    comparer = _Comparer(standing, wish)
    for one in matched:
        comparer.gather(one)
    found = Comparison()
    for done, one in enumerate(matched, 1):
        found.rows.append(comparer.row(one))
        progress(done)
    if wish.complete_on:
        _add_missing(standing, matched, wish.complete_on, found)
    return found


def _add_missing(standing: Standing, matched: list[Matched], day: dt.date, found: Comparison) -> None:
    lost = sum(one.lost for one in matched)
    if lost:
        found.notes.append(UNMATCHED.format(rows="1 row" if lost == 1 else f"{lost:,} rows"))
        return
    present = {(one.practitioner, one.location) for one in matched}
    for (practitioner, location), affiliation in standing.both.items():
        span = standing.at_work(affiliation, standing.day)
        if (practitioner, location) in present or span is None or not span.covers(day) or span.since >= day:
            continue
        values = standing.values("practitioner", practitioner)
        lines = _lines(standing, affiliation, {"standing": "ended", "reason": MISSING_REASON}, day)
        found.rows.append(
            Compared(
                0,
                full_name(values, "A practitioner"),
                values.get(("npi", ""), ""),
                place_name(standing, location),
                practitioner,
                location,
                affiliation,
                ENDED,
                [Difference("Left on", "", show_date(day), day, lines)],
            )
        )


def place_name(standing: Standing, location: int) -> str:
    """What a location is called."""
    return standing.values("location", location).get(("name", "")) or standing.references[location]


def _lines(standing: Standing, affiliation: int, values: Mapping[str, str], day: dt.date) -> tuple[Line, ...]:
    """Facts of an affiliation from a day on, without those that hold already."""
    facts = standing.facts("affiliation", affiliation)
    found = []
    for name, value in values.items():
        seen = value_on(facts.get((name, ""), []), day)
        if seen != value:
            found.append(Line("affiliation", affiliation, name, "", value, seen, day))
    return tuple(found)


class _Comparer:
    def __init__(self, standing: Standing, wish: Wish) -> None:
        self.standing, self.wish = standing, wish
        self.labels = {column.key: column for column in wish.layout.columns}
        # What rows say of a practitioner or a location, of which several speak: the first row with each value.
        self.said: dict[tuple[str, int], dict[Any, int]] = {}
        self.currents: dict[tuple[str, int, str, dt.date], Any] = {}

    def gather(self, one: Matched) -> None:
        """Remember what a row says of whom other rows speak, too."""
        if one.words or one.contradictions:
            return
        for key, said in SAID.items():
            value = one.row.values.get(key)
            if said.subject == "affiliation" or value is None:
                continue
            place = (self._place(one, key, said), one.subject(said.subject))
            self.said.setdefault(place, {}).setdefault(value or None, one.row.number)

    def _place(self, one: Matched, key: str, said: Said) -> str:
        return f"{key} {self.standing.state(one.location)}" if said.manner == "license" else key

    def _day(self, one: Matched) -> dt.date:
        day: dt.date = one.row.values.get("effective") or self.wish.effective_on
        return day

    def _span(self, one: Matched) -> Span | None:
        """Since when, and until when, somebody works there who does today or on the day of the row."""
        days = (self.standing.day, self._day(one))
        return next((span for day in days if (span := self.standing.at_work(one.affiliation, day))), None)

    def _differs(self, one: Matched, key: str, said: Said) -> bool:
        value = one.row.values[key]
        if value is None:
            return False
        value, subject_id = value or None, one.subject(said.subject)
        if subject_id < 0:
            return value is not None
        days = dict.fromkeys((self.standing.day, self._day(one)))
        stands = [self._current(key, said, subject_id, one.location, day) for day in days]
        return value not in stands and not any(self._says(key, before, value) for before in stands)

    def _says(self, key: str, before: Any, value: Any) -> bool:
        """Is the cell as our own roster writes it? Not all that is on record comes back as it was, such as a name that is
        “None”."""
        cell = None if before is None else self.labels[key].show(before)
        text = cell.isoformat() if isinstance(cell, dt.date) else str(cell or "")
        try:
            return bool(text) and (self.labels[key].parse(text) or None) == value
        except ValueError:
            return False

    def _current(self, key: str, said: Said, subject_id: int, location: int, day: dt.date) -> Any:
        """What a column says by the record; asked for once, as a practitioner stands in many rows."""
        state = self.standing.state(location) if said.manner == "license" else ""
        place = (key, subject_id, state, day)
        if place not in self.currents:
            self.currents[place] = current(said, self.standing.values(said.subject, subject_id, day), state)
        return self.currents[place]

    def row(self, one: Matched) -> Compared:
        """What came of a row."""
        made = one.compared(self.standing)
        if one.words:
            made.outcome, made.words = PROBLEM, one.words
            return made
        made.words = [*one.contradictions]
        for key, said in SAID.items():
            if not made.words and self._differs(one, key, said):
                self._add(made, one, key, said)
        made.outcome = CHANGED if made.differences else made.outcome
        if not made.words:
            self._work(made, one)
        if made.words:
            made.outcome, made.differences = made.outcome if made.outcome == PROBLEM else CONTRADICTORY, []
        return made

    def _add(self, made: Compared, one: Matched, key: str, said: Said) -> None:
        value, label = one.row.values[key] or None, self.labels[key].label
        if others := self._others(one, key, said):
            rows = " and ".join(str(number) for number in others[:3])
            made.words.append(f"{label}: row {rows} says something else. Say the same in all of these rows.")
            return
        day, subject_id = self._day(one), one.subject(said.subject)
        state = self.standing.state(one.location, day)
        if said.manner == "license" and not state:
            made.words.append(f"{label}: we do not have the state of the location on record. Ask us to add it.")
            return
        values = self.standing.values(said.subject, subject_id, day)
        lines = tuple(
            Line(said.subject, subject_id, said.field, item, text, values.get((said.field, item), ""), day)
            for item, text in _facts(said, value, current(said, values, state), state)
        )
        before = current(said, values, state)
        made.differences.append(Difference(label, self._text(key, before), self._text(key, value), day, lines))

    def _others(self, one: Matched, key: str, said: Said) -> list[int]:
        if said.subject == "affiliation":
            return []
        values = self.said.get((self._place(one, key, said), one.subject(said.subject)), {})
        return sorted(row for value, row in values.items() if value != (one.row.values[key] or None))

    def _text(self, key: str, value: Any) -> str:
        shown = None if value is None else self.labels[key].show(value)
        if key in ("phone", "fax") and isinstance(shown, str) and len(shown) == 10:
            return f"{shown[:3]}-{shown[3:6]}-{shown[6:]}"
        return show_date(shown) if isinstance(shown, dt.date) else str(shown or "")

    def _work(self, made: Compared, one: Matched) -> None:
        """Does somebody begin, or leave?"""
        day, ends, reason = self._day(one), one.row.values["ends"], one.row.values["reason"]
        span = self._span(one)
        until = span.until if span and ends is None else ends or None
        if reason and not until:
            made.outcome = PROBLEM
            made.words.append("Reason for leaving: write in “Left on” since when, or remove the reason.")
        elif span is None:
            self._begin(made, one, day, until)
        elif until and until <= span.since:
            since = f"{show_date(span.since)}, since when the practitioner works there"
            made.words.append(f"Left on: {show_date(until)} is not after {since}.")
        else:
            self._leave(made, one.affiliation, span.until, until, reason)

    def _begin(self, made: Compared, one: Matched, day: dt.date, ends: dt.date | None) -> None:
        if ends and ends <= day:
            left = value_on(self.standing.facts("affiliation", one.affiliation).get(("standing", ""), []), ends)
            if left != "ended":
                made.words.append("Left on: nobody with this NPI works at this location by our record.")
            return
        if one.practitioner < 0:
            for key in NAMES:
                if not one.row.values.get(key):
                    made.outcome = PROBLEM
                    made.words.append(f"{self.labels[key].label}: needed for somebody who is not on record yet.")
            npi = one.row.values["npi"]
            known = Line("practitioner", one.practitioner, "npi", "", npi, "", day)
            made.differences.insert(0, Difference(self.labels["npi"].label, "", npi, day, (known,)))
        made.outcome = made.outcome if made.words else ADDED
        lines = [*_lines(self.standing, one.affiliation, {"standing": "active", "reason": ""}, day)]
        if ends:
            values = {"standing": "ended", "reason": one.row.values.get("reason") or ""}
            lines += _lines(self.standing, one.affiliation, values, ends)
        made.differences.insert(0, Difference("Works there from", "", show_date(day), day, tuple(lines)))

    def _leave(
        self, made: Compared, affiliation: int, until: dt.date | None, ends: dt.date | None, reason: str | None
    ) -> None:
        if ends == until:
            was = self.standing.reason(affiliation, ends) if ends else None
            same = not ends or reason is None or self._says("reason", was, reason or None)
            said = () if same or not ends else _lines(self.standing, affiliation, {"reason": reason or ""}, ends)
            if ends and said:
                made.outcome = CHANGED
                made.differences.append(Difference("Reason for leaving", was or "", reason or "", ends, said))
            return
        lines: tuple[Line, ...] = ()
        if until and (ends is None or ends > until):
            lines += _lines(self.standing, affiliation, {"standing": "active", "reason": ""}, until)
        if ends:
            seen = {name: self._seen(affiliation, name, ends) for name in ("standing", "reason")}
            # A reason that is taken back from the day before on has to be said again.
            held = "" if any(line.field == "reason" for line in lines) else seen["reason"]
            lines += (Line("affiliation", affiliation, "standing", "", "ended", seen["standing"], ends),)
            if (reason or "") != held:
                lines += (Line("affiliation", affiliation, "reason", "", reason or "", seen["reason"], ends),)
        made.outcome = ENDED if ends else CHANGED
        before, after = (show_date(one) if one else "" for one in (until, ends))
        made.differences.append(Difference("Left on", before, after, ends or until or self.standing.day, lines))

    def _seen(self, affiliation: int, name: str, day: dt.date) -> str:
        return value_on(self.standing.facts("affiliation", affiliation).get((name, ""), []), day)


def _facts(said: Said, value: Any, before: Any, state: str) -> list[tuple[str, str]]:
    """Items and values that make the record say what a cell says."""
    if said.manner == "list":
        wanted, held = set(value or ()), set(before or ())
        return [*((item, "") for item in sorted(held - wanted)), *((item, "yes") for item in sorted(wanted - held))]
    if said.manner == "specialty":
        found = [(before, "secondary" if value else "")] if before else []
        return [*found, *([(value, "primary")] if value else [])]
    return [(state if said.manner == "license" else "", value or "")]
