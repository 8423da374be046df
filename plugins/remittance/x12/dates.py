"""Dates as X12 writes them."""

import datetime as dt
import re

_DATE = re.compile(r"[0-9]{8}")


def iso_date(text: str) -> str | None:
    """`20260302` as `2026-03-02`; None when it is not a day of the calendar."""
    text = text.strip(" ")
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    except ValueError:
        return None
