"""Who must have a second factor, and from when on, as it is written in the settings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal, cast, get_args

Group = Literal["staff", "delegates", "everybody"]
Groups = dict[Group, dt.date | None]
"""Those who must have one, each with the day from when on; None: no day of its own."""
_HOW = "use staff, delegates, everybody, with commas, each with a day if you like: staff:2026-09-01,delegates"


def read_groups(value: object) -> Groups:
    """`staff:2026-09-01,delegates`, a list of such words, or a table of days. Raises ValueError."""
    if isinstance(value, dict):
        pairs: Iterable[tuple[object, object]] = value.items()
    elif isinstance(value, (str, list, tuple)):
        words = [str(word).strip() for word in (value.split(",") if isinstance(value, str) else value)]
        pairs = [(name.strip(), day.strip() if colon else None) for name, colon, day in _parted(words)]
    else:
        raise ValueError(_HOW)
    groups: Groups = {}
    for name, day in pairs:
        if name not in get_args(Group):
            raise ValueError(f"there is no group {name}: {_HOW}")
        if name in groups:
            raise ValueError(f"{name} stands there twice")
        groups[cast(Group, name)] = _day(day)
    return groups


def _parted(words: list[str]) -> list[tuple[str, str, str]]:
    return [word.partition(":") for word in words if word]


def _day(day: object) -> dt.date | None:
    if day is None or (isinstance(day, dt.date) and not isinstance(day, dt.datetime)):
        return day
    try:
        return dt.date.fromisoformat(str(day))
    except ValueError:
        raise ValueError(f"{day or 'nothing'} is no day: {_HOW}") from None
