"""Reading the record for the directory, some affiliations at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..hiding import hidden_locations
from ..loading.specialties import specialty_words
from ..record.facts import facts_of, in_parts, values_on
from ..record.models import Affiliation
from .entries import Both, Entry, Hidden, Values, entry_of

Progress = Callable[[int, int], None]
"""Is told how much has been read, and of how much."""
_AT_ONCE = 1000


def nobody_told(_done: int, _of: int) -> None:
    """Nobody waits."""


class Reader:
    """What members see on a day, as it was known at a moment (None: now), in the session's scope. Locations are read once."""

    def __init__(self, session: PortalSession, day: dt.date, known_at: dt.datetime | None = None) -> None:
        self.session, self.day, self.known_at = session, day, known_at
        self.words = specialty_words(session)
        self.hidden = hidden_locations(session, day)
        self._locations: dict[int, Values] = {}

    def read(self, affiliation_ids: Iterable[int]) -> Iterator[Entry | Hidden]:
        """What there is to say of these affiliations: shown, or not shown and why."""
        for part in in_parts(affiliation_ids):
            yield from self._part(part)

    def _part(self, ids: list[int]) -> Iterator[Entry | Hidden]:
        facts = facts_of(self.session, "affiliation", ids)
        values = {one: values_on(facts.get(one, {}), self.day, self.known_at) for one in ids}
        active = [one for one in ids if values[one].get(("standing", "")) == "active"]
        both = self.session.execute(
            sa.select(Affiliation.id, Affiliation.practitioner_id, Affiliation.location_id)
            .where(Affiliation.id.in_(active))
            .order_by(Affiliation.id)
        )
        pairs = [Both(*row) for row in both]
        people = facts_of(self.session, "practitioner", {pair.practitioner_id for pair in pairs})
        of_people = {one: values_on(told, self.day, self.known_at) for one, told in people.items()}
        places = self._places({pair.location_id for pair in pairs})
        for pair in pairs:
            person = of_people.get(pair.practitioner_id, {})
            place, attested = places[pair.location_id], pair.location_id not in self.hidden
            found = entry_of(pair, person, place, values[pair.affiliation_id], self.words, attested)
            if found is not None:
                yield found

    def _places(self, ids: set[int]) -> dict[int, Values]:
        unread = ids - self._locations.keys()
        facts = facts_of(self.session, "location", unread)
        for one in unread:
            self._locations[one] = values_on(facts.get(one, {}), self.day, self.known_at)
        return self._locations


def all_affiliations(session: PortalSession) -> list[int]:
    """The ids of all affiliations."""
    return list(session.scalars(sa.select(Affiliation.id).order_by(Affiliation.id)))


def end_of(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The last moment of a day: what was known by then is what members saw on it."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min, zone) - dt.timedelta(microseconds=1)


def seen_on(
    session: PortalSession, day: dt.date, zone: ZoneInfo, today: dt.date, told: Progress = nobody_told
) -> list[Entry]:
    """What members saw on a day, from the facts as they were known at its end; of today and later days, what is known now."""
    reader, ids = Reader(session, day, end_of(day, zone) if day < today else None), all_affiliations(session)
    found: list[Entry] = []
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        found += (one for one in reader.read(part) if isinstance(one, Entry))
        told(start + len(part), len(ids))
    return sorted(found, key=lambda entry: entry.place)
