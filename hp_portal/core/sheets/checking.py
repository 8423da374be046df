"""Checks a table row by row: what is right is a value, what is not has words, and nothing is left out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from hp_portal.core.sheets.grids import CSV, ROUNDED_WORDS, Cell, NoValue, ReadSheet, SheetRow, shown
from hp_portal.core.sheets.layouts import DAY, DIGITS, SheetColumn, SheetLayout
from hp_portal.core.sheets.mapping import ColumnMapping

EMPTY = "This must not be empty."
_SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d{2,}", re.IGNORECASE)
_SHORTENED_WORDS = (
    "Excel has shortened this number, and digits are lost. Give the column the format “Text”, type the number anew, and save the "
    "file."
)
_TOO_LONG = "The row has more cells than the table has columns. Put quotation marks around text with a comma in it."
_MOST_ZEROS, _MOST_DIGITS = 2, 10**15
_YEARS = range(1900, 3000)
_LONGEST_SHOWN = 80
_MOST_PARSED = 5_000


@dataclass(frozen=True)
class RowProblem:
    """What is wrong in a row: its number in Excel, the heading of the column in their file (empty: the row as a
    whole), its key with us, what stands there, and what to do."""

    row: int
    heading: str
    key: str
    found: str
    words: str


@dataclass
class CheckedRow:
    """A row: values by key, None where a cell is empty or wrong, and `texts` as they were read. Without problems it can
    be taken; warnings are for a person to read."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)

    @property
    def words(self) -> str:
        """What is wrong with it, in one paragraph."""
        return " ".join(f"{one.heading}: {one.words}" if one.heading else one.words for one in self.problems)

    @property
    def good(self) -> bool:
        """Can it be taken?"""
        return not self.problems


def check_rows(
    read: ReadSheet, layout: SheetLayout, mapping: ColumnMapping, rows: Iterable[SheetRow] | None = None
) -> Iterator[CheckedRow]:
    """Every row below the headings, one after another. `rows`: others than those of the table, such as of one read as
    a stream."""
    checker = _Checker(read, layout, mapping)
    for row in read.rows if rows is None else rows:
        if row.number > mapping.head:
            yield checker.check(row)


@dataclass(frozen=True)
class _Refused:
    """A text that its column cannot have, and why."""

    words: str


class _Checker:
    def __init__(self, read: ReadSheet, layout: SheetLayout, mapping: ColumnMapping) -> None:
        self.read, self.layout, self.mapping = read, layout, mapping
        self.places = [(column, mapping.place(column.key), mapping.heading(column.key)) for column in layout.columns]
        head = next((row for row in read.rows if row.number == mapping.head), None)
        self.end = len(layout.columns) if head is None else len(head.cells)
        self.seen: dict[tuple[Any, ...], int] = {}
        self.parsed: dict[str, dict[str, Any]] = {column.key: {} for column in layout.columns}

    def check(self, row: SheetRow) -> CheckedRow:
        checked = CheckedRow(row.number)
        for column, place, heading in self.places:
            cell: Cell = "" if place is None else row.cell(place)
            checked.values[column.key] = self._value(checked, column, heading or column.label, cell)
        if self.read.kind == CSV and len(row.cells) > self.end:
            beyond = shown(row.cells[-1])[:_LONGEST_SHOWN]
            checked.problems.append(RowProblem(row.number, "", "", beyond, _TOO_LONG))
        if checked.good:
            self._check_whole(checked)
        return checked

    def _value(self, checked: CheckedRow, column: SheetColumn, heading: str, cell: Cell) -> Any:
        found = checked.texts[column.key] = shown(cell)

        def say(words: str, to: list[RowProblem]) -> None:
            to.append(RowProblem(checked.number, heading, column.key, found[:_LONGEST_SHOWN], words))

        if not found:
            if column.required:
                say(EMPTY, checked.problems)
            return None
        if isinstance(cell, NoValue):
            say(cell.words, checked.problems)
            return None
        text, warning, wrong = _text(cell, column, since_1904=self.read.since_1904)
        if wrong:
            say(wrong, checked.problems)
            return None
        checked.texts[column.key] = text
        if not text:
            if column.required:
                say(EMPTY, checked.problems)
            return None
        value = self._parsed(column, text)
        if isinstance(value, _Refused):
            say(value.words, checked.problems)
            return None
        if warning:
            say(warning, checked.warnings)
        return value

    def _parsed(self, column: SheetColumn, text: str) -> Any:
        """The value of a text, which is parsed once: the same names and places stand in row after row."""
        known = self.parsed[column.key]
        if text in known:
            return known[text]
        if len(known) == _MOST_PARSED:
            known.clear()
        try:
            value = column.parse(text)
        except ValueError as error:
            value = _Refused(str(error))
        known[text] = value
        return value

    def _check_whole(self, checked: CheckedRow) -> None:
        if self.layout.check is not None:
            try:
                self.layout.check(checked.values)
            except ValueError as error:
                checked.problems.append(RowProblem(checked.number, "", "", "", str(error)))
                return
        if self.layout.unique:
            own = tuple(checked.values[key] for key in self.layout.unique)
            first = self.seen.setdefault(own, checked.number)
            if first != checked.number:
                names = " and ".join(self.layout.column(key).label for key in self.layout.unique)
                words = f"The same {names} as in row {first}. Keep one of them."
                key = self.layout.unique[-1]
                heading = self.mapping.heading(key) or self.layout.column(key).label
                found = str(checked.values[key] if checked.values[key] is not None else "")[:_LONGEST_SHOWN]
                checked.problems.append(RowProblem(checked.number, heading, key, found, words))


def _text(cell: Cell, column: SheetColumn, *, since_1904: bool) -> tuple[str, str, str]:
    """What the column's parser reads, a warning, and what is wrong before it reads anything."""
    text = shown(cell)
    if column.kind == DAY:
        return _day(cell, since_1904=since_1904), "", ""
    if isinstance(cell, int | float) and abs(cell) >= _MOST_DIGITS:
        return "", "", ROUNDED_WORDS
    if isinstance(cell, str) and _SHORTENED.fullmatch(text):
        return ("", "", _SHORTENED_WORDS) if column.kind == DIGITS else (text, _SHORTENED_WORDS, "")
    if column.kind == DIGITS and text.isdecimal() and column.widths and len(text) not in column.widths:
        wider = next((width for width in sorted(column.widths) if len(text) < width <= len(text) + _MOST_ZEROS), 0)
        if wider:
            full = text.zfill(wider)
            return full, f"Read as {full}: Excel leaves out zeros in front.", ""
    return text, "", ""


def _day(cell: Cell, *, since_1904: bool) -> str:
    """A day as 2026-03-02 where it is one for Excel, however it is shown."""
    if isinstance(cell, dt.date | NoValue):
        return shown(cell)
    number = cell if isinstance(cell, int | float) else int(cell) if _is_number(cell) else None
    if number is None:
        return shown(cell)
    text = shown(number)
    if len(text) == 8:
        try:
            return dt.datetime.strptime(text, "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            return text
    try:
        day = from_excel(number, CALENDAR_MAC_1904 if since_1904 else CALENDAR_WINDOWS_1900)
    except (OverflowError, ValueError):
        return text
    return day.date().isoformat() if isinstance(day, dt.datetime) and day.year in _YEARS and number >= 1 else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) in (5, 8)
