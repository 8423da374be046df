"""Tables that people paste: cells from a spreadsheet, or lines of a CSV file, with a line of headings or without."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from hp_portal.core.sheets.csv_reading import delimiter_of
from hp_portal.core.sheets.layouts import plain_heading

MOST_CHARACTERS = 200_000


class UnreadableTable(ValueError):
    """The table cannot be read; the text says what to do."""


@dataclass(frozen=True)
class TableColumn:
    """A column: its name, and the headings it is known by, as they are compared."""

    name: str
    headings: tuple[str, ...]


def read_table(text: str, columns: Sequence[TableColumn], most: int) -> list[dict[str, str]]:
    """The rows of a table, by the names of the columns. Without headings the columns stand in their order.

    Raises UnreadableTable; nothing of a table is left out: one with more rows or cells than fit is refused.
    """
    if len(text) > MOST_CHARACTERS:
        raise UnreadableTable("This table is too long. Send it in parts.")
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        cells = list(csv.reader(io.StringIO(text), delimiter=delimiter_of(text), strict=True))
    except csv.Error as error:
        raise UnreadableTable(
            "A quotation mark is missing somewhere in the table. Check it, then send it again."
        ) from error
    rows = [[cell.strip() for cell in row] for row in cells if any(cell.strip() for cell in row)]
    if not rows:
        raise UnreadableTable("Paste your table, or choose a file.")
    order = _order(rows[0], columns)
    rows = rows[1:] if order else rows
    if not rows:
        raise UnreadableTable("The table has headings, and no row below them.")
    if len(rows) > most:
        raise UnreadableTable(f"The table has {len(rows)} rows. Send at most {most} at once.")
    names = order or [column.name for column in columns]
    for number, row in enumerate(rows, 1):
        if len([cell for cell in row[len(names) :] if cell]):
            raise UnreadableTable(
                f"Row {number} has more cells than columns. Put quotation marks around text with commas."
            )
    for place in [place for place, name in enumerate(names) if not name]:
        if any(row[place] for row in rows if len(row) > place):
            raise UnreadableTable(
                f"Column {place + 1} has no heading, and cells below it are filled. Give it a heading, or empty it."
            )
    empty = {column.name: "" for column in columns}
    return [{**empty, **{name: cell for name, cell in zip(names, row, strict=False) if name}} for row in rows]


def _order(row: Sequence[str], columns: Sequence[TableColumn]) -> list[str]:
    """The names of the columns as the headings say, empty where there is none; no names at all: these are no headings.

    Raises UnreadableTable.
    """
    known = {heading: column.name for column in columns for heading in (column.name, *column.headings)}
    found = [known.get(plain_heading(cell), "") for cell in row]
    if not any(found):
        return []
    if unknown := [cell for cell, name in zip(row, found, strict=True) if cell and not name]:
        raise UnreadableTable(
            f"We do not know the heading “{unknown[0][:40]}”. Use: {', '.join(one.name for one in columns)}."
        )
    if len(set(filter(None, found))) < len([name for name in found if name]):
        raise UnreadableTable("Two columns have the same heading.")
    return found
