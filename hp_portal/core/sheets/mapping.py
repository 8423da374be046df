"""Which of their columns is which of ours: told by the headings, else asked."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hp_portal.core.sheets.grids import ReadSheet, SheetRow, place_name, shown
from hp_portal.core.sheets.layouts import SheetLayout, plain_heading

_LOOKED_AT = 25
_ALIKE = 0.72
_SAMPLE = 3
WHAT_WE_DID = "What we did"
"""The heading of the column that a file has which we have given back: it is nobody's."""
OUR_COLUMN = plain_heading(WHAT_WE_DID)


@dataclass(frozen=True)
class TheirColumn:
    """A column of the file: its place from 0, its heading as a person says it, and some of what stands below."""

    place: int
    heading: str
    named: bool
    sample: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnMapping:
    """Our columns by the places of theirs. `head` is the number of the row with the headings, 0 without one."""

    head: int
    theirs: tuple[TheirColumn, ...]
    keys: Mapping[int, str]

    def heading(self, key: str) -> str:
        """What their column is called that is read as ours; empty when none is."""
        return next((one.heading for one in self.theirs if self.keys.get(one.place) == key), "")

    def place(self, key: str) -> int | None:
        """Where their column stands."""
        return next((place for place, found in self.keys.items() if found == key), None)

    @property
    def unused(self) -> list[str]:
        """The headings of those that are not read."""
        return [one.heading for one in self.theirs if one.place not in self.keys]

    def problems(self, layout: SheetLayout) -> list[str]:
        """Why nothing can be read by it, in sentences."""
        found = []
        for key, count in Counter(self.keys.values()).items():
            if count > 1:
                ours = [f"“{one.heading}”" for one in self.theirs if self.keys.get(one.place) == key]
                found.append(f"{' and '.join(ours)} are both read as {layout.column(key).label}. Choose one of them.")
        missing = [one.label for one in layout.columns if one.required and one.key not in self.keys.values()]
        if missing:
            found.append(
                f"No column is read as {', '.join(missing)}. Choose the one that holds it, or add it to your table."
            )
        return found


@dataclass(frozen=True)
class FoundColumns:
    """What the headings tell: a mapping, and in sentences why it is not certain. Without doubts it can be used."""

    mapping: ColumnMapping
    doubts: list[str] = field(default_factory=list)
    remembered: bool = False


def find_columns(read: ReadSheet, layout: SheetLayout) -> FoundColumns:
    """The mapping that the headings tell, or the best guess with what speaks against it."""
    known = layout.known()
    head, score = None, 0
    for row in read.rows[:_LOOKED_AT]:
        found = len({known[heading] for cell in row.cells if (heading := plain_heading(shown(cell))) in known})
        if found > score:
            head, score = row, found
    if head is None:
        return _without_headings(read, layout)
    theirs = their_columns(read, head)
    keys = {
        one.place: known[heading] for one in theirs if (heading := plain_heading(one.heading)) in known and one.named
    }
    guessed = _guesses(theirs, keys, layout)
    doubts = [*sheet_doubts(read), *ColumnMapping(head.number, theirs, keys | guessed).problems(layout)]
    doubts += [
        f"“{one.heading}” may be {layout.column(guessed[one.place]).label}." for one in theirs if one.place in guessed
    ]
    if layout.strict:
        doubts += [
            f"We do not know the heading “{one.heading}”."
            for one in theirs
            if one.place not in keys and one.place not in guessed
        ]
    return FoundColumns(ColumnMapping(head.number, theirs, keys | guessed), doubts)


def sheet_doubts(read: ReadSheet) -> list[str]:
    """Why it is not certain which sheet of a workbook is meant."""
    if not read.alike:
        return []
    others = " and ".join(f"“{one}”" for one in read.alike)
    return [f"{others} look{'s' if len(read.alike) == 1 else ''} like the table as much as “{read.sheet}” does."]


def _without_headings(read: ReadSheet, layout: SheetLayout) -> FoundColumns:
    first = read.rows[0]
    in_order = {place: column.key for place, column in enumerate(layout.columns)}
    if layout.in_order and read.width <= len(layout.columns) and _reads(first, layout):
        columns = tuple(TheirColumn(place, layout.column(key).label, False) for place, key in in_order.items())
        return FoundColumns(ColumnMapping(0, columns, in_order))
    theirs = their_columns(read, first)
    guessed = _guesses(theirs, {}, layout)
    words = "We know none of the headings of this table. Say for each column what is in it."
    return FoundColumns(ColumnMapping(first.number, theirs, guessed), [words])


def _reads(row: SheetRow, layout: SheetLayout) -> bool:
    """Does a row read as values, so that it is no line of headings?"""
    for place, column in enumerate(layout.columns):
        text = shown(row.cell(place))
        try:
            if text:
                column.parse(text)
            elif column.required:
                return False
        except ValueError:
            return False
    return True


def their_columns(read: ReadSheet, head: SheetRow) -> tuple[TheirColumn, ...]:
    """The columns of a table whose headings stand in this row; those with neither heading nor cells are none."""
    below = [row for row in read.rows if row.number > head.number]
    columns = []
    for place in range(read.width):
        heading = " ".join(shown(head.cell(place)).split())[:80]
        sample: list[str] = []
        for row in below:
            if text := shown(row.cell(place)):
                sample.append(" ".join(text.split())[:40])
                if len(sample) == _SAMPLE:
                    break
        if plain_heading(heading) == OUR_COLUMN:
            continue
        if heading or sample:
            named = heading or f"column {place_name(place)}, which has no heading"
            columns.append(TheirColumn(place, named, bool(heading), tuple(sample)))
    return tuple(columns)


def _guesses(theirs: Iterable[TheirColumn], keys: Mapping[int, str], layout: SheetLayout) -> dict[int, str]:
    """Columns whose headings look like one of ours that no other is."""
    known = {heading: key for heading, key in layout.known().items() if key not in keys.values()}
    guessed: dict[int, str] = {}
    for one in theirs:
        if one.place in keys or not one.named:
            continue
        close = difflib.get_close_matches(plain_heading(one.heading), known, 1, _ALIKE)
        if close and known[close[0]] not in guessed.values():
            guessed[one.place] = known[close[0]]
    return guessed


def chosen_columns(found: ColumnMapping, keys: Mapping[int, str]) -> ColumnMapping:
    """The same table with what somebody has chosen: keys by place, empty for a column that is not read."""
    return ColumnMapping(found.head, found.theirs, {place: key for place, key in keys.items() if key})


def headings_digest(theirs: Sequence[TheirColumn]) -> bytes:
    """What tells a line of headings from another, however they are written."""
    text = "\n".join(f"{one.place} {plain_heading(one.heading)}" for one in theirs)
    return hashlib.sha256(text.encode()).digest()
