"""The one place that reads the time, so that tests can set it."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo


def now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def today(zone: ZoneInfo) -> dt.date:
    """Today's date where the payer is."""
    return now().astimezone(zone).date()
