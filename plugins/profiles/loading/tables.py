"""Reading a table that the payer's own system has written."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO

from hp_portal.api import one_line, safe_text

_LONGEST_CELL = 4000


class UnusableFile(Exception):
    """The file cannot be read as such a table at all; the text says why and what is expected."""


def read_table(
    file: BinaryIO, required: Collection[str], optional: Collection[str] = ()
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a CSV file in UTF-8, whose first line names the columns, as line and values by column. Rows without any value
    are left out. Raises UnusableFile.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        reader = csv.reader(text, strict=True)
        names = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
        missing = [name for name in required if name not in names]
        if missing:
            expected = ", ".join([*required, *optional])
            raise UnusableFile(
                f"The first line must name the columns; {', '.join(missing)} missing. Expected: {expected}."
            )
        if twice := sorted({name for name in names if name and names.count(name) > 1}):
            raise UnusableFile(f"Two columns are called {twice[0]}.")
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
