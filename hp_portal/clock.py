"""The one place that reads the time, so that tests can set it."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo


def _read() -> dt.datetime:
    """What tests put their own clock in the place of: everybody may have a reference to `now` already."""
    return dt.datetime.now(dt.UTC)


def now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return _read()


def today(zone: ZoneInfo) -> dt.date:
    """Today's date where the payer is."""
    return now().astimezone(zone).date()
