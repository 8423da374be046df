"""What stands on record of an organization, loaded once for a whole roster. In the scope of the organization."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..record.facts import Facts, Key, facts_of, values_on
from ..record.fields import Subject
from ..record.models import Affiliation, Location, Practitioner
from ..record.timeline import Span, spans, value_on
from .layout import SAID, current, loosely

NOTHING: Facts = {}
Values = Mapping[Key, str]


@dataclass
class Standing:
    """The practitioners, locations and affiliations that an organization sees, with all that holds, as of `day`."""

    day: dt.date
    practitioners: dict[int, dict[Key, Any]]
    locations: dict[int, dict[Key, Any]]
    affiliations: dict[int, dict[Key, Any]]
    references: dict[int, str]
    both: dict[tuple[int, int], int]
    by_npi: dict[str, list[int]] = field(default_factory=dict)
    by_number: dict[str, int] = field(default_factory=dict)
    by_address: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    _values: dict[tuple[Subject, int, dt.date], dict[Key, str]] = field(default_factory=dict)

    def facts(self, subject: Subject, one: int) -> Facts:
        """All that was recorded of a subject; nothing of one that is new."""
        of = {"practitioner": self.practitioners, "location": self.locations, "affiliation": self.affiliations}
        return of[subject].get(one, NOTHING)

    def values(self, subject: Subject, one: int, day: dt.date | None = None) -> dict[Key, str]:
        """What holds on a day, or on that of the roster."""
        place = (subject, one, day or self.day)
        if place not in self._values:
            self._values[place] = values_on(self.facts(subject, one), place[2])
        return self._values[place]

    def state(self, location: int, day: dt.date | None = None) -> str:
        """The state in which a location is."""
        return self.values("location", location, day).get(("state", ""), "")

    def at_work(self, affiliation: int, day: dt.date) -> Span | None:
        """From when until when somebody works there who does on that day."""
        found = spans(self.facts("affiliation", affiliation).get(("standing", ""), []))
        active = [one for one in _joined(found) if one.value == "active" and one.covers(day)]
        return active[0] if active else None

    def index(self) -> None:
        """Note by what rows of a roster find practitioners and locations."""
        for one in self.practitioners:
            if npi := self.values("practitioner", one).get(("npi", "")):
                self.by_npi.setdefault(npi, []).append(one)
        for one, reference in self.references.items():
            self.by_number[reference] = one
            values = self.values("location", one)
            name, street, code = (values.get((key, ""), "") for key in ("name", "street", "zip"))
            self.by_address.setdefault((loosely(name), loosely(street), code[:5]), []).append(one)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The roster: who works at an open location on the day, as the values of its columns."""
        for (practitioner, location), affiliation in sorted(self.both.items(), key=lambda pair: self._order(*pair[0])):
            span = self.at_work(affiliation, self.day)
            if span is not None and self.values("location", location).get(("standing", "")) != "closed":
                yield self._row(practitioner, location, affiliation, span)

    def _order(self, practitioner: int, location: int) -> tuple[str, ...]:
        who, where = self.values("practitioner", practitioner), self.values("location", location)
        names = [who.get((name, ""), "").lower() for name in ("last_name", "first_name", "npi")]
        return (*names, where.get(("name", ""), "").lower(), self.references[location])

    def _row(self, practitioner: int, location: int, affiliation: int, span: Span) -> dict[str, Any]:
        ids = {"practitioner": practitioner, "location": location, "affiliation": affiliation}
        state = self.state(location)
        row = {key: current(said, self.values(said.subject, ids[said.subject]), state) for key, said in SAID.items()}
        row["npi"] = self.values("practitioner", practitioner).get(("npi", ""))
        row["location_number"] = self.references[location]
        for key, name in (("location_name", "name"), ("street", "street"), ("zip", "zip")):
            row[key] = self.values("location", location).get((name, ""))
        row["ends"] = span.until
        if span.until:
            row["reason"] = self.reason(affiliation, span.until)
        return row

    def reason(self, affiliation: int, day: dt.date) -> str | None:
        """Why somebody leaves who leaves on that day."""
        return value_on(self.facts("affiliation", affiliation).get(("reason", ""), []), day) or None


def _joined(found: list[Span]) -> list[Span]:
    """Spans of one value that follow each other as one."""
    joined: list[Span] = []
    for one in found:
        if joined and joined[-1].value == one.value:
            joined[-1] = Span(joined[-1].since, one.until, one.value, joined[-1].told)
        else:
            joined.append(one)
    return joined


def load_standing(session: PortalSession, day: dt.date) -> Standing:
    """Everything that the scope sees."""
    references = dict(session.execute(sa.select(Location.id, Location.reference)).all())
    both = {
        (practitioner, location): one
        for one, practitioner, location in session.execute(
            sa.select(Affiliation.id, Affiliation.practitioner_id, Affiliation.location_id)
        )
    }
    people = list(session.scalars(sa.select(Practitioner.id)))
    found = Standing(
        day,
        facts_of(session, "practitioner", people),
        facts_of(session, "location", references),
        facts_of(session, "affiliation", both.values()),
        references,
        both,
    )
    found.index()
    return found
