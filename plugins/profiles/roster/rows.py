"""What came of comparing a row of a roster with the record."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..record.applying import Fact
from ..record.fields import Subject
from .models import UNCHANGED


@dataclass(frozen=True)
class Line:
    """A fact that a row proposes, and the value that it replaces."""

    subject: Subject
    subject_id: int
    field: str
    item: str
    value: str
    seen: str
    day: dt.date

    @property
    def fact(self) -> Fact:
        """What is proposed."""
        return Fact(self.subject, self.subject_id, self.field, self.item, self.value, self.day)

    @property
    def before(self) -> Fact:
        """What stood there."""
        return Fact(self.subject, self.subject_id, self.field, self.item, self.seen, self.day)


@dataclass(frozen=True)
class Difference:
    """A cell that says something else than the record: its heading, and both in words; `lines` are the facts."""

    label: str
    before: str
    after: str
    day: dt.date
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class UnknownPlace:
    """A location that is not on record, as a row names it."""

    number: str
    name: str
    street: str
    zip: str

    @property
    def words(self) -> str:
        """What it is called."""
        said = ", ".join(part for part in (self.name, self.street, self.zip) if part)
        return said or f"Location number {self.number}"

    def pack(self) -> str:
        """It as JSON."""
        return json.dumps(vars(self), ensure_ascii=False)

    @classmethod
    def unpack(cls, text: str) -> UnknownPlace:
        """The location that was packed."""
        return cls(**json.loads(text))


@dataclass
class Compared:
    """A row: who, where, and what would change. Without `words` it can be sent."""

    number: int
    name: str = ""
    npi: str = ""
    place: str = ""
    practitioner_id: int | None = None
    location_id: int | None = None
    affiliation_id: int | None = None
    outcome: str = UNCHANGED
    differences: list[Difference] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    unknown_place: UnknownPlace | None = None


def pack_differences(found: Iterable[Difference]) -> str:
    """Differences as JSON."""
    return json.dumps(
        [
            [
                *(one.label, one.before, one.after, one.day.isoformat()),
                [
                    [
                        *(line.subject, line.subject_id, line.field, line.item),
                        line.value,
                        line.seen,
                        line.day.isoformat(),
                    ]
                    for line in one.lines
                ],
            ]
            for one in found
        ],
        ensure_ascii=False,
    )


def unpack_differences(text: str) -> list[Difference]:
    """The differences that were packed."""
    return [
        Difference(
            label,
            before,
            after,
            dt.date.fromisoformat(day),
            tuple(
                Line(subject, subject_id, name, item, value, seen, dt.date.fromisoformat(since))
                for subject, subject_id, name, item, value, seen, since in lines
            ),
        )
        for label, before, after, day, lines in json.loads(text)
    ]
