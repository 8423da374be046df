"""A table as it was read: rows of cells with their numbers, before anybody knows what they mean."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from openpyxl.utils import get_column_letter

from hp_portal.core.documents.limited import DocumentLimits

CSV, XLSX = "csv", "xlsx"


class UnreadableSheet(ValueError):
    """The file cannot be read as a table; the text says why and what to do."""


@dataclass(frozen=True)
class NoValue:
    """A cell that holds no value: `shown` is what stands there, `words` say what to do."""

    shown: str
    words: str


Cell = str | int | float | dt.date | dt.datetime | NoValue
"""What a cell holds; nothing is an empty text."""

_ERROR = re.compile(
    r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|GETTING_DATA|#+)"
)
_ERROR_WORDS = "Excel shows an error here. Correct the formula, or type the value itself."
FORMULA_WORDS = (
    "This is a formula whose result is not in the file. Open it in Excel and save it, or type the value itself."
)
ROUNDED_WORDS = (
    "Excel keeps 15 digits of a number, and has lost the rest. Give the column the format “Text”, and type it anew."
)


def text_cell(text: str) -> Cell:
    """A cell of a text: an error of Excel's is none."""
    text = text.strip()
    return NoValue(text, _ERROR_WORDS) if text.startswith("#") and _ERROR.fullmatch(text) else text


def shown(cell: Cell) -> str:
    """A cell as text, as a person knows it."""
    if isinstance(cell, NoValue):
        return cell.shown
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ", "seconds")
    return cell.isoformat() if isinstance(cell, dt.date) else str(cell)


@dataclass(frozen=True)
class SheetLimits:
    """What a table may have: rows with something in them, columns, characters in all, bytes once unpacked; and what
    reading it may take in its process."""

    rows: int
    characters: int
    unpacked: int
    process: DocumentLimits
    columns: int = 200
    cell: int = 32_767


SMALL_SHEET = SheetLimits(2_000, 2_000_000, 64 << 20, DocumentLimits(memory=768, processor=3, seconds=15))
"""For a file that somebody waits for."""
LARGE_SHEET = SheetLimits(50_000, 40_000_000, 256 << 20, DocumentLimits(memory=1024, processor=90, seconds=180))
"""For one that the worker reads."""


@dataclass(frozen=True)
class SheetRow:
    """A row with something in it; `number` is its number in Excel."""

    number: int
    cells: tuple[Cell, ...]

    def cell(self, place: int) -> Cell:
        """The cell of a column, counted from 0; empty where the row has ended."""
        return self.cells[place] if place < len(self.cells) else ""


@dataclass
class ReadSheet:
    """A table as it was read: `kind` csv or xlsx, `sheet` the name of the one that was read of a workbook, `others`
    of those that have something in them as well, `alike` those of them that look like the table as much, unless
    somebody has said which one to read. `notes` are sentences about how it was read. `delimiter` is a CSV file's."""

    kind: str
    rows: list[SheetRow]
    sheet: str = ""
    others: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    delimiter: str = ","
    since_1904: bool = False

    @property
    def width(self) -> int:
        """How many columns it has."""
        return max((len(row.cells) for row in self.rows), default=0)


def place_name(place: int) -> str:
    """The letters of a column, counted from 0, as Excel has them."""
    return str(get_column_letter(place + 1))


class Bounded:
    """Counts what is read, and says in words when it is too much."""

    def __init__(self, limits: SheetLimits) -> None:
        self.limits = limits
        self.rows = self.characters = 0

    def row(self, number: int, values: Iterable[Cell]) -> SheetRow | None:
        """The row without empty cells at its end; None when nothing is in it. Raises UnreadableSheet."""
        cells = list(values)
        while cells and cells[-1] == "":
            cells.pop()
        if not cells:
            return None
        self.rows += 1
        if self.rows > self.limits.rows:
            raise UnreadableSheet(
                f"The table has more than {self.limits.rows:,} rows. Split it, and send the parts one after another."
            )
        if len(cells) > self.limits.columns:
            raise UnreadableSheet(
                f"Row {number} reaches to column {place_name(len(cells) - 1)}. A table may have {self.limits.columns} columns: "
                "remove those to the right of it."
            )
        for place, cell in enumerate(cells):
            if isinstance(cell, str):
                self.characters += len(cell)
                if len(cell) > self.limits.cell:
                    raise UnreadableSheet(
                        f"Cell {place_name(place)}{number} holds {len(cell):,} characters. That is more than a cell may have: "
                        "shorten it."
                    )
        if self.characters > self.limits.characters:
            raise UnreadableSheet("There is too much text in this table. Split it, and send the parts one by one.")
        return SheetRow(number, tuple(cells))


def _packed(cell: Cell) -> Any:
    if isinstance(cell, NoValue):
        return {"no": cell.shown, "words": cell.words}
    if isinstance(cell, dt.datetime):
        return {"at": cell.isoformat()}
    return {"day": cell.isoformat()} if isinstance(cell, dt.date) else cell


def _unpacked(cell: Any) -> Cell:
    if isinstance(cell, dict):
        if "no" in cell:
            return NoValue(str(cell["no"]), str(cell["words"]))
        return dt.datetime.fromisoformat(cell["at"]) if "at" in cell else dt.date.fromisoformat(cell["day"])
    return cell if isinstance(cell, str | int | float) else str(cell)


def pack(read: ReadSheet) -> str:
    """A table as JSON: it is handed from the process that read it, and kept between two pages."""
    rows = [[row.number, *map(_packed, row.cells)] for row in read.rows]
    return json.dumps({**vars(read), "rows": rows}, ensure_ascii=False, separators=(",", ":"))


def unpack(text: str | bytes) -> ReadSheet:
    """The table that was packed."""
    values = json.loads(text)
    rows = [SheetRow(number, tuple(map(_unpacked, cells))) for number, *cells in values.pop("rows")]
    return ReadSheet(rows=rows, **values)


def rows_of(read: Iterable[SheetRow | None]) -> Iterator[SheetRow]:
    """Those that have something in them."""
    return (row for row in read if row is not None)
