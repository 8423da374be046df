"""CSV files and Excel workbooks from columns and rows: exact amounts, real dates, and text that never becomes a formula.

A value is text, a whole number, an amount or quantity (`Decimal`), a day, a moment (shown in `zone`), yes or no (`bool`), or
None for an empty cell. A `float` is refused: amounts are exact. What comes from outside is taken as text and stays text
(OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from hp_portal import clock

Value = str | int | Decimal | dt.date | dt.datetime | bool | None
"""What a cell may hold."""
CSV_TYPE = "text/csv; charset=utf-8"
"""The media type of a CSV file."""
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
"""The media type of an Excel file."""
UTC = ZoneInfo("UTC")

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# Spreadsheets take a cell that starts with one of these for a formula; some also the full-width forms, and some drop
# blanks, and what is not seen at all, before them.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# In a workbook cells are typed; these are marked as text all the same, so that they stay it when somebody edits the cell:
# formulas, and what Excel has for errors, such as #N/A.
_NOT_PLAIN = ("=", "+", "-", "@", "#")
_MONEY = "#,##0.00"
# Excel shows its built-in format 14 in the order of day, month and year that the reader's computer is set to.
_DATE = "mm-dd-yy"
_MOMENT = "yyyy-mm-dd hh:mm:ss"
_FIRST_DATE = dt.date(1900, 3, 1)  # Excel counts a 29 February 1900 that never was
_MOST_DIGITS = 15  # more of them and Excel rounds
_LONGEST = 32_767  # characters in a cell
_MOST_ROWS = 1_048_575  # below the head
_SPARE_ROWS = 1000  # rows below the table that have its lists to choose from
_BOLD = Font(bold=True)
_FREE = Protection(locked=False)


def amount(cents: int | None) -> Decimal | None:
    """Cents as an exact amount with two decimals; None stays None."""
    return None if cents is None else Decimal(cents).scaleb(-2)


def quantity(text: str | None) -> Decimal | None:
    """A quantity as files have it, `1` or `0.5`; None when it is no number."""
    return Decimal(text) if text and _NUMBER.fullmatch(text) else None


def safe_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe goes before it. A negative number stays a number."""
    if _NUMBER.fullmatch(text):
        return text
    seen = next((place for place, letter in enumerate(text) if not _unseen(letter)), len(text))
    if text.startswith(_FORMULA_STARTS) or text.startswith(_FORMULA_STARTS, seen):
        return "'" + text
    return text


def _unseen(letter: str) -> bool:
    """Blanks, and what has no width, such as U+200B and the byte order mark."""
    return letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf")


def csv_file(columns: Sequence[str], rows: Iterable[Sequence[Value]], *, zone: ZoneInfo = UTC) -> bytes:
    """A CSV file (RFC 4180) with a line of headings, in UTF-8 with the mark that tells Excel so.

    Amounts have a point, days are ISO 8601, moments too, with their offset in `zone`. Raises TypeError for a float or a moment
    without a zone, ValueError for a row that has more or fewer cells than there are columns.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv_cell(value, zone) for value in _checked(row, len(columns))])
    return out.getvalue().encode("utf-8-sig", errors="replace")


def _checked(row: Sequence[Value], width: int) -> Sequence[Value]:
    if len(row) != width:
        raise ValueError(f"a row of {len(row)} cells under {width} column heads")
    return row


def _csv_cell(value: Value, zone: ZoneInfo) -> str | int:
    if value is None:
        return ""
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, bool):
        return _yes(value)
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        return f"{_finite(value):f}"
    if isinstance(value, dt.datetime):
        return _local(value, zone).isoformat(timespec="seconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in a sheet; amounts are Decimal")


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError("an amount that is no number")
    return value


def _local(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    if moment.tzinfo is None:
        raise TypeError("a moment without a time zone in a sheet")
    return moment.astimezone(zone)


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook: its name (at most 31 characters), a heading and a width in characters for each column, its rows.

    `filtered` gives the headings Excel's filter buttons. `locked` are places of columns, from 0, whose cells in these rows nobody
    changes by mistake (there is no password); headings are locked with them, and rows below can be added. `choices` give a
    column's cells a list to choose from, a range such as `Choices!$A$2:$A$9`; other values can be typed.
    """

    title: str
    columns: Sequence[tuple[str, int]]
    rows: Iterable[Sequence[Value]]
    filtered: bool = True
    locked: frozenset[int] = frozenset()
    choices: Mapping[int, str] = field(default_factory=dict)


def xlsx_file(sheets: Iterable[Sheet], *, title: str, author: str = "", zone: ZoneInfo = UTC) -> bytes:
    """An Excel workbook with these sheets; headings are bold and stay in view.

    Amounts are numbers with two decimals, days and moments are Excel's own (moments as the wall clock of `zone`), everything else
    is text. A number of more digits than Excel can hold, and a day before it counts right, are text, too; text longer than a cell
    ends with `…`. Raises as `csv_file`, and ValueError for more rows than a sheet holds.
    """
    book = Workbook(write_only=True)
    book.properties.title = _clean(title)
    book.properties.creator = _clean(author)
    book.properties.created = book.properties.modified = clock.now().replace(tzinfo=None)
    for sheet in sheets:
        _add_sheet(book, sheet, zone)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _add_sheet(book: Workbook, wanted: Sheet, zone: ZoneInfo) -> None:
    sheet = book.create_sheet(wanted.title)
    sheet.freeze_panes = "A2"
    for number, (_, width) in enumerate(wanted.columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
        if wanted.locked:
            sheet.column_dimensions[get_column_letter(number)].protection = _FREE
    if wanted.locked:
        _protect(sheet)
    header = [WriteOnlyCell(sheet, _clean(heading)) for heading, _ in wanted.columns]
    for cell in header:
        cell.font, cell.data_type = _BOLD, "s"
    sheet.append(header)
    try:
        count = _append(sheet, wanted, zone)
    except BaseException:
        sheet.close()  # openpyxl's writer is at rest between two rows, and must not be left there
        raise
    if wanted.filtered:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(wanted.columns))}{count + 1}"
    for place, choices in wanted.choices.items():
        letter = get_column_letter(place + 1)
        chosen = DataValidation(type="list", formula1=choices, allow_blank=True, showErrorMessage=False)
        chosen.add(f"{letter}2:{letter}{count + _SPARE_ROWS}")
        sheet.data_validations.append(chosen)


def _protect(sheet: Any) -> None:
    """Without a password; what keeps people from working is left open, such as sorting, filtering and wider columns."""
    sheet.protection.sheet = True
    for name in ("formatCells", "formatColumns", "formatRows", "insertRows", "deleteRows", "sort", "autoFilter"):
        setattr(sheet.protection, name, False)


def _append(sheet: Any, wanted: Sheet, zone: ZoneInfo) -> int:
    cells, count = _Cells(sheet, zone), 0
    free = _Cells(sheet, zone, _FREE) if wanted.locked else None
    for row in wanted.rows:
        for value in _checked(row, len(wanted.columns)):
            _csv_cell(value, zone)  # raises before openpyxl has begun the row
        sheet.append(cells.row(row) if free is None else _partly_free(row, cells, free, wanted.locked))
        count += 1
        if count > _MOST_ROWS:
            raise ValueError("more rows than a sheet holds")
    return count


def _partly_free(row: Sequence[Value], cells: _Cells, free: _Cells, locked: frozenset[int]) -> Iterator[Any]:
    for place, value in enumerate(row):
        yield cells.cell(value) if place in locked else free.free_cell(value)


class _Cells:
    """Makes values into cells of a sheet. Styled cells are made once and used again: a sheet writes each before the next."""

    def __init__(self, sheet: Any, zone: ZoneInfo, protection: Protection | None = None) -> None:
        self.zone = zone
        self.marked = WriteOnlyCell(sheet)
        self.marked.quotePrefix = True
        self.date = WriteOnlyCell(sheet)
        self.date.number_format = _DATE
        self.moment = WriteOnlyCell(sheet)
        self.moment.number_format = _MOMENT
        self.money = WriteOnlyCell(sheet)
        self.money.number_format = _MONEY
        self.number = WriteOnlyCell(sheet)
        self.plain = WriteOnlyCell(sheet)
        if protection is not None:
            for cell in (self.marked, self.date, self.moment, self.money, self.number, self.plain):
                cell.protection = protection

    def free_cell(self, value: Value) -> Any:
        """The same as `cell`, with the protection also where a cell is empty or plain text."""
        cell = self.cell(value)
        if cell is None or isinstance(cell, str):
            self.plain.value = cell
            return self.plain
        return cell

    def row(self, values: Iterable[Value]) -> Iterator[Any]:
        for value in values:
            yield self.cell(value)

    def cell(self, value: Value) -> Any:
        if value is None:
            return None
        if isinstance(value, str):
            return self._text(_clean(value))
        if isinstance(value, bool):
            return self._text(_yes(value))
        if isinstance(value, int):
            return self._digits(self.number, str(value))
        if isinstance(value, Decimal):
            two = _finite(value).as_tuple().exponent == -2
            return self._digits(self.money if two else self.number, f"{value:f}")
        if isinstance(value, dt.datetime):
            self.moment.value = _local(value, self.zone).replace(tzinfo=None, microsecond=0)
            return self.moment
        if isinstance(value, dt.date):
            return self._date(value)
        raise TypeError(f"{type(value).__name__} in a sheet; amounts are Decimal")

    def _digits(self, cell: Any, digits: str) -> Any:
        """As digits: openpyxl would write a Decimal by way of a float, 8.70 as 8.699999999999999."""
        if len(digits.replace(".", "").strip("-0")) > _MOST_DIGITS:
            return self._text(digits)
        cell.value = digits
        cell.data_type = "n"
        return cell

    def _text(self, text: str) -> Any:
        text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        if not text.startswith(_NOT_PLAIN):
            return text  # openpyxl takes it for text, too
        self.marked.value = text
        self.marked.data_type = "s"
        return self.marked

    def _date(self, value: dt.date) -> Any:
        if value < _FIRST_DATE:
            return self._text(value.isoformat())
        self.date.value = value
        return self.date


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold, lines ending as Excel ends them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = ILLEGAL_CHARACTERS_RE.sub("", text).translate({0xFFFE: None, 0xFFFF: None})
    return text.encode("utf-8", errors="replace").decode("utf-8")
