"""What every line of text that somebody typed or pasted goes through."""

from __future__ import annotations

import unicodedata


def one_line(text: str | None) -> str | None:
    """The text without control characters (PostgreSQL stores no NUL) and without blanks around it: a WTForms filter."""
    if text is None:
        return None
    return _without_controls(text).strip()


def several_lines(text: str | None) -> str | None:
    """The same for a text of several lines, each ended by a line feed: a WTForms filter. Empty lines inside stay."""
    if text is None:
        return None
    return "\n".join(_without_controls(line).rstrip() for line in text.splitlines()).strip()


def table_lines(text: str | None) -> str | None:
    """The same for a table pasted out of a spreadsheet, whose cells are set apart by tabs, also where some are empty: a WTForms
    filter."""
    if text is None:
        return None
    lines = ("\t".join(_without_controls(cell).strip() for cell in line.split("\t")) for line in text.splitlines())
    return "\n".join(lines).strip("\n")


def _without_controls(text: str) -> str:
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cc")
