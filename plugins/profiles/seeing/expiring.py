"""What is missing of a practitioner, or expires: licenses, DEA registration, liability insurance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import sqlalchemy as sa

from ..record.facts import Key, holding, items_of

SOON = dt.timedelta(days=90)
_EXPIRES = {
    "license_expires": "License",
    "dea_expires": "DEA registration",
    "insurance_expires": "Liability insurance",
}
_NEEDED = {"license_number": "License", "insurance_expires": "Liability insurance"}


@dataclass(frozen=True)
class Attention:
    """Something that needs attention: what it is, and until when it is good; None: it is not on record."""

    what: str
    until: dt.date | None
    tone: Literal["warn", "bad"]


def attention_of(values: Mapping[Key, str], day: dt.date) -> list[Attention]:
    """What is missing or expires within 90 days of the day, the most urgent first."""
    found = [
        Attention(words, None, "bad")
        for field, words in _NEEDED.items()
        if not any(name == field for name, _ in values)
    ]
    for field, words in _EXPIRES.items():
        for item, value in items_of(values, field).items():
            until = dt.date.fromisoformat(value)
            if until <= day + SOON:
                found.append(Attention(f"{words} {item}".strip(), until, "bad" if until < day else "warn"))
    return sorted(found, key=lambda one: (one.until or dt.date.min, one.what))


def needs_attention(practitioner_id: Any, day: dt.date) -> sa.ColumnElement[bool]:
    """A condition: something is missing of the practitioner, or expires."""

    def within(field: str) -> sa.ColumnElement[bool]:
        found = holding("practitioner", field, day).subquery()
        soon = sa.select(found.c.subject).where(found.c.value <= (day + SOON).isoformat())
        return cast("sa.ColumnElement[bool]", practitioner_id.in_(soon))

    def missing(field: str) -> sa.ColumnElement[bool]:
        found = holding("practitioner", field, day).subquery()
        return cast("sa.ColumnElement[bool]", practitioner_id.not_in(sa.select(found.c.subject)))

    return sa.or_(*map(within, _EXPIRES), *map(missing, _NEEDED))
