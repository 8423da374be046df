"""What facts hold on a day. Pure: nothing here asks the database.

The rule: of one field (and item) the fact with the latest day counts, and of several facts of one day the one that was recorded
last. A fact that was withdrawn says nothing, so that the one before goes on. So it does not matter in which order changes of
different days are applied, and a field never has two values on one day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """A fact as it was recorded: `order` grows with every one. An empty value: from then on there is none."""

    order: int
    holds_from: dt.date
    value: str
    withdrawn: bool = False
    recorded_at: dt.datetime | None = None
    change_id: int | None = None


@dataclass(frozen=True)
class Span:
    """A value from a day until another, which is the first one without it; None: it goes on."""

    since: dt.date
    until: dt.date | None
    value: str
    told: Told

    def covers(self, day: dt.date) -> bool:
        return self.since <= day and (self.until is None or day < self.until)


def counting(facts: Iterable[Told], known_at: dt.datetime | None = None) -> list[Told]:
    """The facts that count, one a day, by their days; `known_at`: of those recorded until then."""
    newest: dict[dt.date, Told] = {}
    for fact in facts:
        if known_at is not None and (fact.recorded_at is None or fact.recorded_at > known_at):
            continue
        other = newest.get(fact.holds_from)
        if other is None or other.order < fact.order:
            newest[fact.holds_from] = fact
    return sorted((fact for fact in newest.values() if not fact.withdrawn), key=lambda fact: fact.holds_from)


def spans(facts: Iterable[Told], known_at: dt.datetime | None = None) -> list[Span]:
    """All values with their days, also the spans without a value, oldest first."""
    found = counting(facts, known_at)
    ends: Sequence[dt.date | None] = [*(fact.holds_from for fact in found[1:]), None]
    return [Span(fact.holds_from, end, fact.value, fact) for fact, end in zip(found, ends, strict=False)]


def value_on(facts: Iterable[Told], day: dt.date, known_at: dt.datetime | None = None) -> str:
    """The value on a day, empty for none."""
    before = [fact for fact in counting(facts, known_at) if fact.holds_from <= day]
    return before[-1].value if before else ""


def told_on(facts: Iterable[Told], day: dt.date) -> Told | None:
    """The newest fact of exactly that day, withdrawn or not."""
    return max((fact for fact in facts if fact.holds_from == day), key=lambda fact: fact.order, default=None)
