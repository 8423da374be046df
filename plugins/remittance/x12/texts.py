"""Dates and display text."""

import datetime as dt
import re

_DATE = re.compile(r"[0-9]{8}")
_CONTROL = dict.fromkeys([*range(32), 127], None)
_UNDEFINED_IN_CP1252 = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_CP1252 = {byte: None if byte in _UNDEFINED_IN_CP1252 else bytes([byte]).decode("cp1252") for byte in range(0x80, 0xA0)}


def iso_date(text: str) -> str | None:
    """`20260302` as `2026-03-02`; None when it is not a day of the calendar."""
    text = text.strip(" ")
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    except ValueError:
        return None


def display(text: str) -> str:
    """Text as people read it, from text that was decoded as Latin-1.

    X12 leaves the character set to the trading partners: UTF-8 where the bytes are valid UTF-8, else
    Windows-1252. Control characters are left out: no screen shows them and not every database keeps them.
    """
    if not text.isascii():
        try:
            text = text.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            text = text.translate(_CP1252)
    return text.translate(_CONTROL)
