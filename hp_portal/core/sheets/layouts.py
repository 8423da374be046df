"""What a table is to have in it, declared once: read by it, shown on screens, and handed out as an empty file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from openpyxl.utils import get_column_letter

from hp_portal.core.documents.sheets import Sheet, Value, csv_file, xlsx_file

TEXT, DIGITS, DAY = "text", "digits", "day"
_KINDS = (TEXT, DIGITS, DAY)
_CHOICES = "Choices"


def plain_heading(heading: str) -> str:
    """A heading as it is compared: letters and digits alone, in small letters."""
    text = unicodedata.normalize("NFKD", heading).casefold().replace("#", "number")
    return "".join(letter for letter in text if letter.isalnum())


def _as_is(text: str) -> Any:
    return text


def _shown(value: Any) -> Value:
    shown: Value = value
    return shown


@dataclass(frozen=True)
class SheetColumn:
    """A column: `key` is its name in what is read, `label` its heading; `also` are other headings that people use for
    it.

    `parse` makes a value of a cell's text and raises ValueError with a sentence that says what to do; it never sees
    an empty cell, and gives the same value for the same text, which rows then share. `show` makes a cell of a value
    again. `kind` "digits" is for identifiers: what Excel does to them is undone, with zeros in front to one of
    `widths`; "day" takes what Excel has for a day as well, and hands it on as 2026-03-02. `about` says in a sentence
    what belongs into it, `example` shows it.
    """

    key: str
    label: str
    also: tuple[str, ...] = ()
    required: bool = False
    parse: Callable[[str], Any] = _as_is
    show: Callable[[Any], Value] = _shown
    kind: str = TEXT
    widths: tuple[int, ...] = ()
    example: str = ""
    about: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"column {self.key}: its kind is one of {', '.join(_KINDS)}")

    def headings(self) -> Iterable[str]:
        """Every heading it is known by, as headings are compared."""
        return dict.fromkeys(plain_heading(one) for one in (self.label, self.key, *self.also))


@dataclass(frozen=True)
class SheetLayout:
    """A table that people fill in. `key` starts with the application's key; `title` names it, and its sheet in a
    workbook.

    `unique` are keys of columns whose values together may stand in one row only. `check` looks at a row whose cells
    are all right and raises ValueError. `in_order`: without headings, the columns stand in this order. `strict`: a
    heading that is not known is asked about, and not only named.
    """

    key: str
    title: str
    columns: tuple[SheetColumn, ...]
    unique: tuple[str, ...] = ()
    check: Callable[[Mapping[str, Any]], None] | None = None
    in_order: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        known: dict[str, str] = {}
        for column in self.columns:
            for heading in column.headings():
                if not heading or known.setdefault(heading, column.key) != column.key:
                    raise ValueError(f"layout {self.key}: two columns are known by “{heading}”")
        if unknown := set(self.unique) - {column.key for column in self.columns}:
            raise ValueError(f"layout {self.key}: no column {', '.join(sorted(unknown))}")
        if not re.fullmatch(r"[^\[\]:*?/\\]{1,31}", self.title):
            raise ValueError(f"layout {self.key}: “{self.title}” cannot be the name of a sheet")

    def column(self, key: str) -> SheetColumn:
        """The column of this key."""
        return next(column for column in self.columns if column.key == key)

    def known(self) -> dict[str, str]:
        """The key of the column for each heading, as headings are compared."""
        return {heading: column.key for column in self.columns for heading in column.headings()}


def layout_rows(layout: SheetLayout, rows: Iterable[Mapping[str, Any]]) -> list[list[Value]]:
    """Values by key as the cells of a table of this layout."""
    return [
        [None if (value := row.get(column.key)) is None else column.show(value) for column in layout.columns]
        for row in rows
    ]


def layout_table(layout: SheetLayout, rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[list[Value]]]:
    """Headings and cells of a table of this layout, for `csv_file_apart`."""
    return [column.label for column in layout.columns], layout_rows(layout, rows)


def layout_csv(layout: SheetLayout, rows: Iterable[Mapping[str, Any]] = ()) -> bytes:
    """A CSV file of this layout with these rows; without rows it is there to be filled in."""
    return csv_file([column.label for column in layout.columns], layout_rows(layout, rows))


def layout_xlsx(
    layout: SheetLayout,
    rows: Iterable[Mapping[str, Any]] = (),
    *,
    locked: Collection[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """The same as an Excel workbook, with a second sheet that says what belongs into each column.

    `locked` are keys of columns whose cells in these rows are not changed by mistake, `choices` words to choose from by key of a
    column, which stand in a third sheet.
    """
    return xlsx_file(layout_sheets(layout, rows, locked=locked, choices=choices), title=layout.title)


def layout_sheets(
    layout: SheetLayout,
    rows: Iterable[Mapping[str, Any]] = (),
    *,
    locked: Collection[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Sheet, ...]:
    """The sheets of `layout_xlsx`, to be made in a process of their own."""
    cells = layout_rows(layout, rows)
    heads = [(column.label, max(12, min(40, len(column.label) + 4))) for column in layout.columns]
    about: Sequence[Sequence[Value]] = [
        (column.label, "Required" if column.required else "", column.about, column.example) for column in layout.columns
    ]
    words = (("Column", 28), ("Required", 12), ("What belongs into it", 70), ("Example", 28))
    lists = {key: list(found) for key, found in (choices or {}).items() if found}
    ranges = {
        _place(layout, key): f"{_CHOICES}!${get_column_letter(place)}$2:${get_column_letter(place)}${len(found) + 1}"
        for place, (key, found) in enumerate(lists.items(), 1)
    }
    held = frozenset(_place(layout, key) for key in locked)
    sheets = [
        Sheet(layout.title, heads, cells, locked=held, choices=ranges),
        Sheet(_words_title(layout), words, about, filtered=False),
    ]
    if lists:
        lines: list[Sequence[Value]] = [list(line) for line in zip_longest(*lists.values())]
        sheets.append(Sheet(_CHOICES, [(layout.column(key).label, 36) for key in lists], lines, filtered=False))
    return tuple(sheets)


def own_sheets(layout: SheetLayout) -> tuple[str, ...]:
    """The names of the sheets that `layout_sheets` adds to the table."""
    return (_words_title(layout), _CHOICES)


def _place(layout: SheetLayout, key: str) -> int:
    return [column.key for column in layout.columns].index(key)


def _words_title(layout: SheetLayout) -> str:
    return "Columns" if layout.title != "Columns" else "What the columns are"
