"""Reading a table that the payer's own system has written: CSV in UTF-8, or an Excel workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import BinaryIO

from hp_portal.api import BY_THE_WORKER, one_line, safe_text, sheets

_LONGEST_CELL = 4000
_WORKBOOK = sheets.SheetLimits(1_048_576, 400_000_000, 1 << 30, BY_THE_WORKER)
ALIKE = "Several sheets of this workbook look like the table: {sheets}. Name the one to read with --sheet."
Told = Callable[[str], None]


class UnusableFile(Exception):
    """The file cannot be read as such a table at all; the text says why and what is expected."""


def _nobody(_words: str) -> None:
    """Nobody is told."""


def read_table(
    file: BinaryIO, required: Collection[str], optional: Collection[str] = (), tell: Told = _nobody, sheet: str = ""
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a CSV file in UTF-8, or of an Excel workbook, whose first line names the columns, as line and values by column.
    Rows without any value are left out. `tell` hears which columns are not used, and which sheet was read; `sheet` names one.
    Raises UnusableFile.
    """
    start = file.read(4)
    file.seek(0)
    if start == b"PK\x03\x04":
        return _read_workbook(file.read(), required, optional, tell, sheet)
    if sheet:
        raise UnusableFile("This is no Excel workbook, and has no sheet to name.")
    return _read_csv(file, required, optional, tell)


def _check_names(names: Sequence[str], required: Collection[str], optional: Collection[str], tell: Told) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        expected = ", ".join([*required, *optional])
        raise UnusableFile(f"The first line must name the columns; {', '.join(missing)} missing. Expected: {expected}.")
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise UnusableFile(f"Two columns are called {twice[0]}.")
    if unused := [name for name in names if name and name not in (*required, *optional)]:
        tell(f"Columns that are not used: {', '.join(unused)}.")


def _read_workbook(
    body: bytes, required: Collection[str], optional: Collection[str], tell: Told, sheet: str
) -> Iterator[tuple[int, Mapping[str, str]]]:
    layout = sheets.SheetLayout("profiles import", "Import", tuple(_column(name) for name in (*required, *optional)))
    try:
        read = sheets.read_sheet(body, layout, _WORKBOOK, sheet=sheet)
    except sheets.UnreadableSheet as error:
        raise UnusableFile(str(error)) from error
    if read.alike:
        raise UnusableFile(ALIKE.format(sheets=", ".join((read.sheet, *read.alike))))
    if read.others:
        tell(f"The sheet “{read.sheet}” was read, and not {', '.join(f'“{one}”' for one in read.others)}.")
    mapping = sheets.find_columns(read, layout).mapping
    names = [mapping.keys.get(one.place) or one.heading for one in mapping.theirs]
    _check_names(names, required, optional, tell)
    for row in sheets.check_rows(read, layout, mapping):
        if row.problems:
            raise UnusableFile(f"Row {row.number}: {row.words}")
        values = {name: _cell(text) for name, text in row.texts.items()}
        if any(values.values()):
            yield row.number, values


def _column(name: str) -> sheets.SheetColumn:
    if name == "from":
        return sheets.SheetColumn(name, name, kind="day")
    return (
        sheets.SheetColumn(name, name, kind="digits", widths=(9,)) if name == "tin" else sheets.SheetColumn(name, name)
    )


def _read_csv(
    file: BinaryIO, required: Collection[str], optional: Collection[str], tell: Told
) -> Iterator[tuple[int, Mapping[str, str]]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        reader = csv.reader(text, strict=True)
        names = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
        _check_names(names, required, optional, tell)
        for cells in reader:
            values = {name: _cell(cell) for name, cell in zip(names, cells, strict=False) if name}
            if any(values.values()):
                yield reader.line_num, {name: values.get(name, "") for name in (*required, *optional)}
    except csv.Error as error:
        raise UnusableFile(f"This is not a readable CSV file: {error}.") from error
    except UnicodeDecodeError as error:
        raise UnusableFile("The file is not UTF-8. Save it as “CSV UTF-8”.") from error
    finally:
        text.detach()


def _cell(text: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from taking the text for a formula."""
    text = (one_line(text) or "")[:_LONGEST_CELL]
    return text[1:] if text.startswith("'") and safe_text(text[1:]) == text else text
