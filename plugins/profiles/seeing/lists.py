"""The lists of practitioners and of locations that the session's scope sees, as of a day."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import BadIdentifier, Column, Listing, Order, PortalSession, Sorting, page_of, parse_npi

from ..loading.specialties import specialty_words
from ..record.facts import facts_of, holding, items_of, values_on
from ..record.fields import Subject
from ..record.models import Affiliation, Location, Practitioner
from ..record.wording import address_of as address_of
from ..record.wording import full_name as full_name
from .expiring import Attention, attention_of, needs_attention

STANDING = {"": "Who works here", "left": "Who has left", "attention": "Missing or expires soon", "all": "Everybody"}


@dataclass(frozen=True)
class Wanted:
    """Which practitioners are looked for; empty values do not narrow, and `show` is one of STANDING."""

    query: str = ""
    specialty: str = ""
    location_id: int | None = None
    show: str = ""

    def values(self) -> dict[str, str]:
        """For an address."""
        place = str(self.location_id) if self.location_id else ""
        values = {"q": self.query, "specialty": self.specialty, "location": place, "show": self.show}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True)
class PractitionerRow:
    """A practitioner in the list. `locations` are those at which they work on the day."""

    id: int
    name: str
    npi: str
    specialties: list[str]
    locations: list[str]
    attention: list[Attention]


@dataclass(frozen=True)
class LocationRow:
    """A location in the list, with how many practitioners work there on the day."""

    id: int
    name: str
    address: str
    phone: str
    is_open: bool
    practitioners: int


PRACTITIONERS = Sorting(
    (
        Column("name", "Name", sa.column("sorted_by", sa.String())),
        Column("npi", "NPI"),
        Column("specialty", "Specialty"),
        Column("locations", "Locations"),
        Column("attention", "Missing or expires soon"),
    ),
    default="name",
    tie=Practitioner.id,
)
LOCATIONS = Sorting(
    (
        Column("name", "Name", sa.column("sorted_by", sa.String())),
        Column("address", "Address"),
        Column("phone", "Telephone"),
        Column("standing", "Standing"),
        Column("practitioners", "Practitioners", None, "number"),
    ),
    default="name",
    tie=Location.id,
)


def _holds(subject: Subject, field: str, day: dt.date, **narrowed: Any) -> sa.Select[int]:
    found = holding(subject, field, day, **narrowed).subquery()
    return sa.select(found.c.subject)


def _sorted_by(*values: Any) -> sa.Label[str]:
    text = values[0]
    for value in values[1:]:
        text = sa.func.coalesce(text, "") + " " + sa.func.coalesce(value, "")
    return sa.func.lower(text).label("sorted_by")


def _at_work(day: dt.date) -> sa.Select[int]:
    """The affiliations that are active."""
    return _holds("affiliation", "standing", day, value=["active"])


def _fits(query: str, last: Any, first: Any, day: dt.date) -> sa.ColumnElement[bool]:
    try:
        return Practitioner.id.in_(_holds("practitioner", "npi", day, value=[parse_npi(query)]))
    except BadIdentifier:
        words = [re.sub("([/%_])", r"/\1", word) for word in re.split(r"[\s,]+", query) if word]
        return sa.and_(
            *(sa.or_(last.ilike(f"%{word}%", escape="/"), first.ilike(f"%{word}%", escape="/")) for word in words)
        )


def list_practitioners(session: PortalSession, wanted: Wanted, day: dt.date, order: Order) -> Listing[PractitionerRow]:
    """One page of practitioners. Raises PastTheEnd."""
    last, first = (holding("practitioner", name, day).subquery(name) for name in ("last_name", "first_name"))
    statement = (
        sa.select(Practitioner.id, _sorted_by(last.c.value, first.c.value))
        .outerjoin(last, last.c.subject == Practitioner.id)
        .outerjoin(first, first.c.subject == Practitioner.id)
    )
    here = sa.select(Affiliation.practitioner_id).where(Affiliation.id.in_(_at_work(day)))
    if wanted.location_id:
        here = here.where(Affiliation.location_id == wanted.location_id)
    if wanted.show == "left":
        statement = statement.where(Practitioner.id.not_in(here))
    elif wanted.show != "all" or wanted.location_id:
        statement = statement.where(Practitioner.id.in_(here))
    if wanted.show == "attention":
        statement = statement.where(needs_attention(Practitioner.id, day))
    if wanted.specialty:
        statement = statement.where(
            Practitioner.id.in_(_holds("practitioner", "specialty", day, item=wanted.specialty))
        )
    if wanted.query:
        statement = statement.where(_fits(wanted.query, last.c.value, first.c.value, day))
    listing = page_of(session, statement, order, make=lambda row: int(row[0]))
    return listing.with_rows(_practitioner_rows(session, listing.rows, day))


def _practitioner_rows(session: PortalSession, ids: Iterable[int], day: dt.date) -> list[PractitionerRow]:
    found, words = list(ids), specialty_words(session)
    references = dict(
        _pairs(session, sa.select(Practitioner.id, Practitioner.reference).where(Practitioner.id.in_(found)))
    )
    facts = facts_of(session, "practitioner", found)
    places = _places(session, found, day)
    rows = []
    for one in found:
        values = values_on(facts.get(one, {}), day)
        codes = sorted(items_of(values, "specialty").items(), key=lambda pair: (pair[1] != "primary", pair[0]))
        rows.append(
            PractitionerRow(
                one,
                full_name(values, references[one]),
                values.get(("npi", ""), ""),
                [words.get(code, code) for code, _ in codes],
                places.get(one, []),
                attention_of(values, day),
            )
        )
    return rows


def _pairs(session: PortalSession, statement: sa.Select[*tuple[Any, ...]]) -> list[tuple[Any, Any]]:
    return [(one, other) for one, other in session.execute(statement)]


def _places(session: PortalSession, practitioner_ids: list[int], day: dt.date) -> dict[int, list[str]]:
    active = sa.select(Affiliation.practitioner_id, Affiliation.location_id).where(
        Affiliation.practitioner_id.in_(practitioner_ids), Affiliation.id.in_(_at_work(day))
    )
    pairs = _pairs(session, active)
    names = location_names(session, day, {place for _, place in pairs})
    found: dict[int, list[str]] = {}
    for practitioner, place in pairs:
        found.setdefault(practitioner, []).append(names[place])
    return {practitioner: sorted(places) for practitioner, places in found.items()}


def location_names(session: PortalSession, day: dt.date, ids: Iterable[int] | None = None) -> dict[int, str]:
    """What locations are called on a day, by name; `ids` None: all that one may see."""
    wanted = sa.select(Location.id, Location.reference)
    if ids is not None:
        wanted = wanted.where(Location.id.in_(sorted(ids)))
    references = dict(_pairs(session, wanted))
    facts = facts_of(session, "location", references)
    names = {
        one: values_on(facts.get(one, {}), day).get(("name", "")) or reference for one, reference in references.items()
    }
    return dict(sorted(names.items(), key=lambda pair: (pair[1].lower(), pair[0])))


def list_locations(session: PortalSession, day: dt.date, order: Order) -> Listing[LocationRow]:
    """One page of locations. Raises PastTheEnd."""
    name = holding("location", "name", day).subquery("name_of")
    statement = sa.select(Location.id, _sorted_by(name.c.value)).outerjoin(name, name.c.subject == Location.id)
    listing = page_of(session, statement, order, make=lambda row: int(row[0]))
    facts, names = facts_of(session, "location", listing.rows), location_names(session, day, listing.rows)
    counts = dict(
        _pairs(
            session,
            sa.select(Affiliation.location_id, sa.func.count())
            .where(Affiliation.location_id.in_(listing.rows), Affiliation.id.in_(_at_work(day)))
            .group_by(Affiliation.location_id),
        )
    )
    rows = []
    for one in listing.rows:
        values = values_on(facts.get(one, {}), day)
        is_open = values.get(("standing", "")) == "open"
        phone = values.get(("phone", ""), "")
        rows.append(LocationRow(one, names[one], address_of(values), phone, is_open, counts.get(one, 0)))
    return listing.with_rows(rows)
