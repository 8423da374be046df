"""Business days: Monday to Friday, without the days on which the payer is closed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from hp_portal.settings import Settings

if TYPE_CHECKING:
    from holidays import HolidayBase

_DAY = dt.timedelta(days=1)
MOST = 20_000
"""Days that are counted at most; more is an error in a date."""


@lru_cache(maxsize=8)
def _public_holidays(state: str) -> HolidayBase:
    # Loading it takes most of a second: only where somebody counts.
    from holidays import country_holidays

    return country_holidays("US", subdiv=state or None)


def is_business_day(settings: Settings, day: dt.date) -> bool:
    """Is the payer open on this day?"""
    if day.weekday() >= 5 or day in settings.closed_on:
        return False
    return day in settings.open_on or day not in _public_holidays(settings.holidays_state)


def _every_day(_day: dt.date) -> bool:
    return True


def counting(settings: Settings, *, business: bool) -> Callable[[dt.date], bool]:
    """Which days count: business days, or all of them."""
    return (lambda day: is_business_day(settings, day)) if business else _every_day


def add_days(start: dt.date, days: int, counts: Callable[[dt.date], bool]) -> dt.date:
    """The day on which the last of so many counting days after `start` falls; before it where `days` is negative.

    Zero days are `start` itself. Raises OverflowError for more than `MOST` days of the calendar.
    """
    step, left, day = (_DAY if days > 0 else -_DAY), abs(days), start
    for _ in range(MOST):
        if not left:
            return day
        day += step
        left -= counts(day)
    raise OverflowError(f"{days} days from {start} on")


def days_between(start: dt.date, end: dt.date, counts: Callable[[dt.date], bool]) -> int:
    """How many counting days lie after `start`, up to and with `end`; negative where `end` is earlier. Undoes `add_days`.

    Raises OverflowError for more than `MOST` days of the calendar.
    """
    if abs((end - start).days) > MOST:
        raise OverflowError(f"from {start} to {end}")
    if end < start:
        return -sum(counts(end + n * _DAY) for n in range((start - end).days))
    return sum(counts(start + n * _DAY) for n in range(1, (end - start).days + 1))
