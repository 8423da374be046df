"""Excel workbooks: the sheet that looks like the table, what people see in it, and what Excel does to it.

Runs in a process of its own (`reader`): a workbook is unpacked and parsed, and may be made to harm.
"""

from __future__ import annotations

import datetime as dt
import html
import io
import math
import re
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, cast

from openpyxl import load_workbook
from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from hp_portal.core.sheets.grids import (
    FORMULA_WORDS,
    ROUNDED_WORDS,
    XLSX,
    Bounded,
    Cell,
    NoValue,
    ReadSheet,
    SheetLimits,
    SheetRow,
    UnreadableSheet,
    rows_of,
    shown,
    text_cell,
)
from hp_portal.core.sheets.layouts import plain_heading

DAMAGED = (
    "This workbook cannot be opened: it is damaged, or a part of it is missing. Open it in Excel, save it anew, and send "
    "that."
)
NO_WORKBOOK = "This file is no Excel workbook. Save your table as .xlsx or CSV, then send that file."
TOO_LARGE = (
    "This workbook is too large once it is unpacked. Often empty rows that have a format are the reason: copy the table alone "
    "into a new workbook, save that, and send it."
)
NO_SUCH_SHEET = "There is no sheet “{name}” with anything in it. The workbook has {others}."
NOTHING = "There is no table in this workbook: all of its sheets are empty."
MERGED = "Some rows share a merged cell: each of them was read with what stands in it."
LOOKED_AT = 25
"""Rows in which the headings are looked for."""
_MOST_SHEETS, _MOST_MERGED, _MOST_BITS = 50, 100_000, 64
_VALUES = tuple(start + name + end for start in (b"<", b":") for name in (b"v", b"is", b"f") for end in (b">", b" "))
_ROW_ENDS = re.compile(rb"</(?:\w+:)?row>")
_ROWS_END = re.compile(rb"</(?:\w+:)?sheetData>")
_LEFT_OUT = ("xl/media/", "xl/drawings/", "xl/embeddings/", "xl/pivotCache/", "xl/externalLinks/")
_NO_RESULT = re.compile(
    rb'<(?:\w+:)?c\b[^>]*?\sr="([A-Z]{1,3}\d{1,7})"[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>([^<]*)</(?:\w+:)?f>)'
    rb"(?!\s*<(?:\w+:)?v\b[^>/]*>[^<])"
)
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*?\sref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')

Told = Callable[[int, int], None]


def read_xlsx(body: bytes, limits: SheetLimits, known: Collection[str], told: Told, wanted: str = "") -> ReadSheet:
    """The table of a workbook: the sheet that is `wanted`, else the one with most of the `known` headings. Raises
    UnreadableSheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = {part.filename for part in archive.infolist()}
            if not names & {"xl/workbook.xml", "/xl/workbook.xml"}:
                raise UnreadableSheet(NO_WORKBOOK)
            if sum(part.file_size for part in archive.infolist()) > limits.unpacked:
                raise UnreadableSheet(TOO_LARGE)
            slim, sheets = _slim(archive)
            with warnings.catch_warnings():
                # What is odd about a workbook that can be read all the same need not be told.
                warnings.simplefilter("ignore")
                return _read(slim, sheets, limits, known, told, wanted)
    except (UnreadableSheet, MemoryError):
        raise
    except Exception as error:
        # Whatever openpyxl stumbles over, of which it has no list: the file is not as Excel writes it.
        raise UnreadableSheet(DAMAGED) from error


def _slim(archive: zipfile.ZipFile) -> tuple[io.BytesIO, dict[str, bytes]]:
    """The workbook without pictures and the like, and without the empty rows at the end of its sheets, of which there can be a
    million; and the text of each sheet that has something in it."""
    out, sheets = io.BytesIO(), {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for name in dict.fromkeys(archive.namelist()):
            if name.startswith(_LEFT_OUT):
                continue
            text = archive.read(name)
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                text, filled = _without_end(text)
                if filled:
                    sheets[name] = text
            made.writestr(name, text)
    out.seek(0)
    return out, sheets


def _without_end(text: bytes) -> tuple[bytes, bool]:
    """A sheet up to its last row with a value, and what follows its rows; is there any value?"""
    last = max(text.rfind(mark) for mark in _VALUES)
    end = _ROWS_END.search(text, max(0, last))
    if last < 0 or end is None:
        return text, last >= 0
    row = _ROW_ENDS.search(text, last, end.start())
    return (text[: row.end()] + text[end.start() :] if row else text), True


def _read(
    file: io.BytesIO, texts: Mapping[str, bytes], limits: SheetLimits, known: Collection[str], told: Told, wanted: str
) -> ReadSheet:
    book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    try:
        sheets: list[Any] = [sheet for sheet in book.worksheets[:_MOST_SHEETS] if hasattr(sheet, "iter_rows")]
        seen = [sheet for sheet in sheets if sheet.sheet_state == "visible"] or sheets
        # The path as openpyxl has found it: it is nowhere to be asked for.
        filled = [
            _Part(sheet, texts[sheet._worksheet_path], limits) for sheet in seen if sheet._worksheet_path in texts
        ]
        if not filled:
            raise UnreadableSheet(NOTHING)
        best, alike = _chosen(filled, known, wanted)
        read = best.read(told)
        read.others = [part.sheet.title for part in filled if part is not best]
        read.alike = [part.sheet.title for part in alike]
        read.since_1904 = book.epoch == CALENDAR_MAC_1904
        return read
    finally:
        book.close()


def _chosen(filled: list[_Part], known: Collection[str], wanted: str) -> tuple[_Part, list[_Part]]:
    """The sheet to read, and those that look like the table as much where nobody has said which."""
    if wanted:
        found = next((part for part in filled if part.sheet.title == wanted), None)
        if found is None:
            others = ", ".join(f"“{part.sheet.title}”" for part in filled)
            raise UnreadableSheet(NO_SUCH_SHEET.format(name=wanted, others=others))
        return found, []
    if len(filled) == 1:
        return filled[0], []
    scores = [part.headings(known) for part in filled]
    best = scores.index(max(scores))
    same = [part for place, part in enumerate(filled) if place != best and scores[place] == scores[best] > 0]
    return filled[best], same


class _Part:
    """A sheet with what its text tells before it is parsed: formulas without a result, merged cells."""

    def __init__(self, sheet: Any, text: bytes, limits: SheetLimits) -> None:
        self.sheet, self.limits = sheet, limits
        sheet.reset_dimensions()
        self.size = len(_ROW_ENDS.findall(text))
        self.formulas = {
            coordinate_to_tuple(found[1].decode()): "=" + html.unescape((found[2] or b"").decode(errors="replace"))
            for found in _NO_RESULT.finditer(text)
        }
        self.merged = list(_merged(text))

    def _rows(self, last: int | None = None, told: Told | None = None) -> Iterator[SheetRow]:
        bounded = Bounded(self.limits)
        above: dict[int, tuple[int, Cell]] = {}
        starts = {(top, left): bottom for left, top, bottom in self.merged}
        columns = {left for left, _, _ in self.merged}

        def filled(number: int, values: list[Cell]) -> list[Cell]:
            """What is merged from above stands in each of its rows."""
            for place in columns:
                cell = values[place] if place < len(values) else ""
                if (bottom := starts.get((number, place))) is not None:
                    above[place] = (bottom, cell)
                elif place in above and number <= above[place][0] and cell == "":
                    values.extend([""] * (place + 1 - len(values)))
                    values[place] = above[place][1]
            return values

        def read() -> Iterator[SheetRow | None]:
            for number, row in enumerate(self.sheet.iter_rows(max_row=last, values_only=True), 1):
                if told is not None and number % 500 == 0 and number <= self.size:
                    told(number, self.size)
                values = [_cell(value) for value in row]
                if self.formulas:
                    values = self._with_formulas(number, values)
                if columns:
                    values = filled(number, values)
                yield bounded.row(number, values)

        return rows_of(read())

    def _with_formulas(self, number: int, values: list[Cell]) -> list[Cell]:
        return [
            NoValue(self.formulas[number, place + 1][:200], FORMULA_WORDS)
            if value == "" and (number, place + 1) in self.formulas
            else value
            for place, value in enumerate(values)
        ]

    def headings(self, known: Collection[str]) -> int:
        """How many of the known headings its best row has."""
        rows = self._rows(LOOKED_AT)
        return max((len({plain_heading(shown(cell)) for cell in row.cells} & set(known)) for row in rows), default=0)

    def read(self, told: Told) -> ReadSheet:
        rows = list(self._rows(told=told))
        return ReadSheet(XLSX, rows, self.sheet.title, notes=[MERGED] if self.merged else [])


def _cell(value: object) -> Cell:
    if value is None:
        return ""
    if isinstance(value, str):
        return text_cell(value)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, dt.datetime | dt.date):
        return value
    if isinstance(value, int | float):
        return _number(value)
    return str(value)


def _number(value: int | float) -> Cell:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value.bit_length() <= _MOST_BITS else NoValue("a number", ROUNDED_WORDS)


def _merged(text: bytes) -> Iterator[tuple[int, int, int]]:
    """Cells that are merged with those below: column, counted from 0, first and last row."""
    total = 0
    for found in _MERGE.finditer(text, max(0, text.rfind(b"sheetData"))):
        left, top, _, bottom = cast("tuple[int, int, int, int]", range_boundaries(found[1].decode()))
        total += bottom - top
        if total > _MOST_MERGED:
            return
        if bottom > top:
            yield left - 1, top, bottom
