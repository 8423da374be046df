"""What a roster is, whatever is on record: unchanged it says nothing, edits are the differences, and applied they hold."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hp_portal.api import sheets
from hp_portal.core.documents.sheets import csv_file
from hp_portal.core.sheets.reader import read_body
from hp_portal_plugins.profiles.record.fields import ACCEPTING, Subject, find_field, read_value
from hp_portal_plugins.profiles.record.timeline import Told
from hp_portal_plugins.profiles.roster.comparing import Comparison, Wish, compare
from hp_portal_plugins.profiles.roster.layout import KEYS, NAMES, NONE, SAID, make_layout
from hp_portal_plugins.profiles.roster.rows import Line
from hp_portal_plugins.profiles.roster.sending import once_each
from hp_portal_plugins.profiles.roster.standing import Standing
from tests.support.identifiers import make_npi

SINCE, TODAY = dt.date(2026, 1, 1), dt.date(2026, 9, 15)
WORDS = {"207Q00000X": "Family medicine", "207R00000X": "Internal", "208000000X": "=Pediatrics"}
LAYOUT = make_layout(WORDS)
# What Excel takes for one of its errors is no name.
TEXT = st.text("abcß’'=+-@;,\"0 9ENone", min_size=1, max_size=12)
FEW = st.lists(TEXT, max_size=3, unique=True)
YES_NO = st.sampled_from(["yes", "no"])
DAYS = st.dates(dt.date(2026, 1, 2), dt.date(2028, 1, 1))


def kept(subject: Subject, name: str, item: str, text: str) -> tuple[str, str]:
    """Item and value as the record has them."""
    return read_value(find_field(subject, name), item, text)


@dataclass
class Book:
    """A record that grows, as facts by subject."""

    facts: dict[Subject, dict[int, dict[tuple[str, str], list[Told]]]] = field(
        default_factory=lambda: {"practitioner": {}, "location": {}, "affiliation": {}}
    )
    references: dict[int, str] = field(default_factory=dict)
    both: dict[tuple[int, int], int] = field(default_factory=dict)
    said: int = 0

    def say(self, subject: Subject, one: int, name: str, value: str, item: str = "", day: dt.date = SINCE) -> None:
        item, value = kept(subject, name, item, value)
        self.tell(Line(subject, one, name, item, value, "", day))

    def tell(self, line: Line) -> None:
        self.said += 1
        told = Told(self.said, line.day, line.value)
        of = self.facts[line.subject].setdefault(line.subject_id, {})
        of.setdefault((line.field, line.item), []).append(told)

    def standing(self, day: dt.date = TODAY) -> Standing:
        found = Standing(
            day,
            self.facts["practitioner"],
            self.facts["location"],
            self.facts["affiliation"],
            self.references,
            self.both,
        )
        found.index()
        return found


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A few practitioners at a few locations, with what a payer may have on record of them, also of other days."""
    book = Book()
    places, people = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    for one in range(1, places + 1):
        book.references[one] = f"L{one}"
        book.say("location", one, "standing", "open")
        book.say("location", one, "name", f"Site {one}")
        for name, values in (("state", ("MN", "WI")), ("street", ("1 Way", "2 Way")), ("zip", ("55000", "01234-0000"))):
            if value := draw(st.sampled_from(("", *values))):
                book.say("location", one, name, value)
        _say_some(draw, book, "location", one, {"phone": st.sampled_from(["9525550100", "9525550199"])})
    for one in range(1, people + 1):
        book.say("practitioner", one, "npi", make_npi(7000 + one))
        for name in NAMES:
            book.say(
                "practitioner", one, name, draw(TEXT.filter(lambda text: kept("practitioner", "degree", "", text)[1]))
            )
        _say_some(draw, book, "practitioner", one, {"middle_name": TEXT, "degree": TEXT, "primary_care": YES_NO})
        if code := draw(st.sampled_from(["", *WORDS])):
            book.say("practitioner", one, "specialty", "primary", code)
        for state in draw(st.sets(st.sampled_from(["MN", "WI"]))):
            book.say("practitioner", one, "license_number", draw(TEXT), state)
            book.say("practitioner", one, "license_expires", draw(DAYS).isoformat(), state)
        for name in ("language", "hospital"):
            for item in draw(FEW):
                # No file has an apostrophe before what would be a formula: a load takes it off, as it does in a value.
                if item := kept("practitioner", "degree", "", item)[1]:
                    book.say("practitioner", one, name, "yes", item)
        for place in draw(st.sets(st.integers(1, places))):
            both = book.both[one, place] = len(book.both) + 1
            book.say("affiliation", both, "standing", "active")
            if draw(st.booleans()):
                ends = draw(st.dates(dt.date(2026, 2, 1), dt.date(2027, 6, 1)))
                book.say("affiliation", both, "standing", "ended", day=ends)
                book.say("affiliation", both, "reason", draw(TEXT), day=ends)
            chosen = {"accepting": st.sampled_from(list(ACCEPTING)), "specialty": st.sampled_from(list(WORDS))}
            _say_some(draw, book, "affiliation", both, {"primary": YES_NO, "directory": YES_NO, **chosen})
    return book


def _say_some(
    draw: st.DrawFn, book: Book, subject: Subject, one: int, values: dict[str, st.SearchStrategy[str]]
) -> None:
    for name, strategy in values.items():
        for day in draw(st.sets(st.sampled_from([SINCE, dt.date(2026, 10, 1)]))):
            book.say(subject, one, name, draw(strategy), day=day)


def up(book: Book, made: bytes, day: dt.date = TODAY) -> Comparison:
    """A file, read and compared."""
    read = read_body(made, sheets.LARGE_SHEET, tuple(LAYOUT.known()))
    found = sheets.find_columns(read, LAYOUT)
    assert not found.doubts
    checked = list(sheets.check_rows(read, LAYOUT, found.mapping))
    return compare(book.standing(), checked, Wish(LAYOUT, day))


EXAMPLES = 15
KINDS = st.sampled_from(["csv", "csv", "csv", "xlsx"])


@settings(max_examples=EXAMPLES, deadline=None)
@given(books(), KINDS, st.sampled_from([TODAY, dt.date(2026, 11, 1)]))
def test_down_and_up_unchanged_says_nothing(book: Book, kind: str, day: dt.date) -> None:
    rows = list(book.standing().rows())
    if not rows:
        return
    found = up(
        book, sheets.layout_csv(LAYOUT, rows) if kind == "csv" else sheets.layout_xlsx(LAYOUT, rows, locked=KEYS), day
    )
    assert [(row.outcome, row.words, row.differences) for row in found.rows] == [("unchanged", [], [])] * len(rows)


EDITS: dict[str, st.SearchStrategy[Any]] = {
    "last_name": TEXT,
    "degree": st.one_of(st.just(""), TEXT),
    "primary_care": st.sampled_from(["", "yes", "no"]),
    "specialty": st.sampled_from(["", *WORDS]),
    "license_number": TEXT,
    "license_expires": DAYS.map(dt.date.isoformat),
    "languages": st.lists(st.sampled_from(["Hmong", "Spanish", "=Karen"]), unique=True).map(
        lambda found: tuple(sorted(found))
    ),
    "phone": st.sampled_from(["", "9525550111", "9525550122"]),
    "primary": st.sampled_from(["", "yes", "no"]),
    "specialty_here": st.sampled_from(["", *WORDS]),
    "accepting": st.sampled_from(["", *ACCEPTING]),
    "directory": st.sampled_from(["", "yes", "no"]),
    "ends": st.one_of(st.just(""), st.dates(TODAY, dt.date(2028, 1, 1))),
}


@st.composite
def edits(draw: st.DrawFn, rows: list[dict[str, Any]], book: Book) -> dict[int, dict[str, Any]]:
    """Cells that say something else, by row; what is about the practitioner or the location stands in all of its rows."""
    changed: dict[int, dict[str, Any]] = {}
    standing = book.standing()
    for place, key in draw(
        st.lists(st.tuples(st.integers(0, len(rows) - 1), st.sampled_from(list(EDITS))), max_size=6)
    ):
        row, value = rows[place], draw(EDITS[key])
        if isinstance(value, str) and value:
            subject, name, item = (SAID[key].subject, SAID[key].field, "MN" if key.startswith("license") else "")
            item, code = (value, "primary") if key == "specialty" else (item, value)
            value = value if key == "specialty" else kept(subject, name, item, code)[1]
        if (not value and key in NAMES) or str(value).casefold() == NONE or any(key in one for one in changed.values()):
            continue
        if (value or None) == row.get(key) or (not value and not row.get(key)):
            continue
        states = [standing.state(standing.by_number[one["location_number"]]) for one in rows]
        if key.startswith("license") and not states[place]:
            continue
        for other, one in enumerate(rows):
            same = {
                "practitioner": one["npi"] == row["npi"]
                and (not key.startswith("license") or states[other] == states[place]),
                "location": one["location_number"] == row["location_number"],
                "affiliation": other == place,
            }[SAID[key].subject if key in SAID else "affiliation"]
            if same:
                changed.setdefault(other, {})[key] = value
    return changed


def said(row: dict[str, Any]) -> dict[str, Any]:
    """What of a row says something."""
    return {key: value for key, value in row.items() if value}


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_edits_are_the_differences_and_hold_once_they_are_applied(data: st.DataObject) -> None:
    book = data.draw(books())
    rows = list(book.standing().rows())
    if not rows:
        return
    changed = data.draw(edits(rows, book))
    wanted = [{**row, **changed.get(place, {})} for place, row in enumerate(rows)]
    for row in wanted:
        row["reason"] = row.get("reason") if row["ends"] else None
    heads, cells = sheets.layout_table(LAYOUT, wanted)
    labels = {column.key: column.label for column in LAYOUT.columns}
    for place, values in changed.items():
        for key, value in values.items():
            if not value:
                cells[place][heads.index(labels[key])] = NONE
    file = csv_file(heads, cells)
    found = up(book, file)
    for place, compared in enumerate(found.rows):
        assert compared.words == []
        assert {one.label for one in compared.differences} == {labels[key] for key in changed.get(place, {})}
        ended = changed.get(place, {}).get("ends")
        assert compared.outcome == ("ended" if ended else "changed" if place in changed else "unchanged")
    for line in once_each(line for row in found.rows for one in row.differences for line in one.lines):
        assert line.day >= TODAY
        book.tell(line)
    there = [row for row in wanted if not row["ends"] or row["ends"] > TODAY]
    order = ("npi", "location_number")
    stands = sorted(book.standing().rows(), key=lambda row: [row[key] for key in order])
    assert list(map(said, stands)) == list(map(said, sorted(there, key=lambda row: [row[key] for key in order])))
    again = up(book, file)
    assert [(row.outcome, row.words) for row in again.rows] == [("unchanged", [])] * len(rows)
