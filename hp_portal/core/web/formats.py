"""Dates, times and money as people write them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo


def show_date(value: dt.date | None) -> str:
    """`Mar 2, 2026`; nothing for None."""
    return f"{value:%b} {value.day}, {value.year}" if value else ""


def show_datetime(value: dt.datetime | None, zone: ZoneInfo) -> str:
    """`Mar 2, 2026, 4:05 PM CST` in the payer's zone; nothing for None."""
    if value is None:
        return ""
    local = value.astimezone(zone)
    return f"{show_date(local.date())}, {local:%I}:{local:%M} {local:%p} {local:%Z}".replace(", 0", ", ")


def show_money(cents: int | None) -> str:
    """`$1,234.50`, `−$3.00`; a plain word for an amount that could not be read."""
    if cents is None:
        return "not readable"
    sign = "\u2212" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"
