"""What the forms offer to choose from: whom and what the session's scope sees on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from hp_portal.api import PortalSession, settings, today

from ..record.facts import Key, facts_of, holding, values_on
from ..record.fields import Subject
from ..record.models import Affiliation, Location, Practitioner
from ..record.wording import full_name

Pair = tuple[int, int]
"""A practitioner and a location."""


def now() -> dt.date:
    """Today at the payer's."""
    return today(settings().payer.zone)


def values_of(session: PortalSession, subject: Subject, row_id: int, day: dt.date) -> dict[Key, str]:
    """What is on record of one subject on a day."""
    return values_on(facts_of(session, subject, [row_id]).get(row_id, {}), day)


def works(
    session: PortalSession,
    day: dt.date,
    *,
    practitioner_ids: Collection[int] | None = None,
    location_ids: Collection[int] | None = None,
) -> dict[Pair, int]:
    """The affiliations that are active on a day, by whom and where."""
    active = holding("affiliation", "standing", day, value=["active"]).subquery()
    wanted = sa.select(Affiliation.practitioner_id, Affiliation.location_id, Affiliation.id).where(
        Affiliation.id.in_(sa.select(active.c.subject))
    )
    if practitioner_ids is not None:
        wanted = wanted.where(Affiliation.practitioner_id.in_(practitioner_ids))
    if location_ids is not None:
        wanted = wanted.where(Affiliation.location_id.in_(location_ids))
    return {(person, place): one for person, place, one in session.execute(wanted)}


def known_pairs(session: PortalSession, practitioner_ids: Collection[int]) -> dict[Pair, int]:
    """All affiliations on record of practitioners, also those that are over."""
    wanted = sa.select(Affiliation.practitioner_id, Affiliation.location_id, Affiliation.id)
    rows = session.execute(wanted.where(Affiliation.practitioner_id.in_(practitioner_ids)))
    return {(person, place): one for person, place, one in rows}


def names_of(session: PortalSession, practitioner_ids: Collection[int], day: dt.date) -> dict[int, str]:
    """What practitioners are called, by name."""
    rows = session.execute(
        sa.select(Practitioner.id, Practitioner.reference).where(Practitioner.id.in_(practitioner_ids))
    )
    references: dict[int, str] = {row[0]: row[1] for row in rows}
    facts = facts_of(session, "practitioner", references)
    names = {one: full_name(values_on(facts.get(one, {}), day), text) for one, text in references.items()}
    return _sorted(names)


def practitioners(session: PortalSession, day: dt.date) -> dict[int, str]:
    """Those who work, on that day, at a location that one sees."""
    return names_of(session, {person for person, _ in works(session, day)}, day)


def open_locations(session: PortalSession, day: dt.date) -> dict[int, str]:
    """The locations that are open on a day: name, street and city."""
    found = holding("location", "standing", day, value=["open"]).subquery()
    rows = session.execute(
        sa.select(Location.id, Location.reference).where(Location.id.in_(sa.select(found.c.subject)))
    )
    references: dict[int, str] = {row[0]: row[1] for row in rows}
    facts = facts_of(session, "location", references)
    names = {}
    for one, reference in references.items():
        values = values_on(facts.get(one, {}), day)
        parts = (values.get(("name", "")) or reference, values.get(("street", "")), values.get(("city", "")))
        names[one] = ", ".join(part for part in parts if part)
    return _sorted(names)


def states_of(session: PortalSession, location_ids: Collection[int], day: dt.date) -> dict[int, str]:
    """In which state each location is."""
    facts = facts_of(session, "location", location_ids)
    return {one: values_on(told, day).get(("state", ""), "") for one, told in facts.items()}


def choices_of(names: Mapping[int, str]) -> list[tuple[str, str]]:
    """Ids and names as fields take them."""
    return [(str(one), name) for one, name in names.items()]


def _sorted(names: Mapping[int, str]) -> dict[int, str]:
    return dict(sorted(names.items(), key=lambda pair: (pair[1].lower(), pair[0])))
