"""Somebody's own file back, with a column that says what was done with each row."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hp_portal.core.documents.limited import BY_THE_WORKER, DocumentLimits
from hp_portal.core.documents.sheet_making import xlsx_file_apart
from hp_portal.core.documents.sheets import CSV_TYPE, XLSX_TYPE, Sheet, Value, safe_text
from hp_portal.core.sheets.grids import CSV, Cell, NoValue, ReadSheet, SheetRow, shown
from hp_portal.core.sheets.layouts import plain_heading
from hp_portal.core.sheets.mapping import OUR_COLUMN, WHAT_WE_DID

_NARROW, _WIDE = 14, 60


@dataclass(frozen=True)
class GivenBack:
    """A file to hand out."""

    body: bytes
    content_type: str
    ending: str


def give_back(
    read: ReadSheet,
    words: Mapping[int, str],
    *,
    head: int,
    only: Collection[int] | None = None,
    limits: DocumentLimits = BY_THE_WORKER,
) -> GivenBack:
    """The table that was sent, CSV as CSV and a workbook as workbook, with `words` for rows by their number in a
    column of its own.

    Its rows keep their numbers and its columns their places; formulas are what they showed. `head` is the row with
    the headings, `only` leaves out the rows below it that are not named: to correct and send again. Raises
    DocumentTooLarge, DocumentError.
    """
    ours = next(
        (
            place
            for row in read.rows
            if row.number == head
            for place, cell in enumerate(row.cells)
            if plain_heading(shown(cell)) == OUR_COLUMN
        ),
        read.width,
    )
    rows = [row for row in read.rows if only is None or row.number <= head or row.number in only]
    said = dict(words) | ({head: WHAT_WE_DID} if head else {})
    if read.kind == CSV:
        return GivenBack(_csv(read, rows, said, ours, every=only is None), CSV_TYPE, "csv")
    return GivenBack(_xlsx(read, rows, said, ours, head, limits, every=only is None), XLSX_TYPE, "xlsx")


def _cells(row: SheetRow, word: str, ours: int) -> list[Cell]:
    cells = [*row.cells, *[""] * (ours + 1 - len(row.cells))]
    cells[ours] = word
    return cells


def _csv(read: ReadSheet, rows: list[SheetRow], said: Mapping[int, str], ours: int, *, every: bool) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=read.delimiter)
    number = 1
    for row in rows:
        while every and number < row.number:
            out.write("\r\n")
            number += 1
        writer.writerow([safe_text(shown(cell)) for cell in _cells(row, said.get(row.number, ""), ours)])
        number += 1
    return out.getvalue().encode("utf-8-sig", errors="replace")


def _xlsx(
    read: ReadSheet,
    rows: list[SheetRow],
    said: Mapping[int, str],
    ours: int,
    head: int,
    limits: DocumentLimits,
    *,
    every: bool,
) -> bytes:
    width = max([ours + 1, *(len(row.cells) for row in rows)])
    lines: list[list[Value]] = []
    for row in rows:
        while every and len(lines) + 1 < row.number:
            lines.append([None] * width)
        cells = [_value(cell) for cell in _cells(row, said.get(row.number, ""), ours)]
        lines.append([*cells, *[None] * (width - len(cells))])
    first, *rest = lines
    heads = [("" if one is None else str(one), _WIDE if place == ours else _NARROW) for place, one in enumerate(first)]
    title = re.sub(r"[\[\]:*?/\\]", " ", read.sheet)[:31].strip() or "Table"
    sheet = Sheet(title, heads, rest, filtered=head == 1)
    return xlsx_file_apart([sheet], title=title, limits=limits)


def _value(cell: Cell) -> Value:
    if cell == "":
        return None
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 1e15 else Decimal(repr(cell))
    if isinstance(cell, NoValue):
        return cell.shown
    if isinstance(cell, dt.datetime):
        return cell.date() if cell.time() == dt.time() else shown(cell)
    value: Any = cell
    return value if isinstance(value, int | dt.date) else str(value)
