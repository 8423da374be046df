"""Dates, times and money as people write them."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?\Z")


def show_date(value: dt.date | None) -> str:
    """`Mar 2, 2026`; nothing for None."""
    return f"{value:%b} {value.day}, {value.year}" if value else ""


def show_datetime(value: dt.datetime | None, zone: ZoneInfo) -> str:
    """`Mar 2, 2026, 4:05 PM CST` in the payer's zone; nothing for None."""
    if value is None:
        return ""
    local = value.astimezone(zone)
    return f"{show_date(local.date())}, {local:%I}:{local:%M} {local:%p} {local:%Z}".replace(", 0", ", ")


def show_day(value: dt.datetime | None, zone: ZoneInfo) -> str:
    """The day of a moment in the payer's zone, `Mar 2, 2026`; nothing for None."""
    return show_date(value.astimezone(zone).date()) if value else ""


def parse_money(text: str | None) -> int | None:
    """Cents of `1,234.5` or `$1,234.50`; None for nothing. Raises ValueError with words for the person who typed it."""
    plain = re.sub(r"[\s$,]", "", text or "")
    if not plain:
        return None
    match = _AMOUNT.match(plain)
    if not match:
        raise ValueError("Enter an amount in dollars, such as 1234.50.")
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def plain_money(cents: int | None) -> str:
    """`1234.50`, `-3.00`, as a field, an address or a file holds it; nothing for None."""
    return "" if cents is None else f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def show_count(number: int, one: str, many: str = "") -> str:
    """`1 file`, `2,000 files`; `many` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


DOLLARS = "USD"
"""The code of US dollars, in which amounts are where nothing else is said."""


def show_money(cents: int | None, currency: str | None = None) -> str:
    """`$1,234.50`, `−$3.00`, in another `currency` than dollars (None and `USD`) `CAD 1,234.50`, with a blank that does not
    break; a plain word for an amount that could not be read."""
    if cents is None:
        return "not readable"
    sign = "\u2212" if cents < 0 else ""
    return f"{sign}{currency_sign(currency)}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def currency_sign(currency: str | None) -> str:
    """What stands before an amount: `$`, or the code of another currency and a blank."""
    return "$" if currency in (None, "", DOLLARS) else f"{currency}\u00a0"
