"""The whole record as a file of facts: what `load_file` reads. Needs a whole scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import sqlalchemy as sa

from hp_portal.api import Payee, PortalSession, csv_file, record

from ..record.facts import Facts, facts_of
from ..record.fields import Subject
from ..record.models import Affiliation, Location, Practitioner
from ..record.timeline import counting
from .rows import COLUMNS, FactRow

_AT_ONCE = 500
Names = tuple[str, str]


def export_record(session: PortalSession) -> tuple[bytes, int]:
    """Every fact that counts, on all days, as CSV, and how many there are. Facts that others of the same day have replaced, and
    withdrawn ones, are not in it. Recorded; commits nothing."""
    rows = list(export_rows(session))
    record(session, "profiles.record.exported", facts=len(rows))
    return csv_file(COLUMNS, (row.cells() for row in rows)), len(rows)


def export_rows(session: PortalSession) -> Iterator[FactRow]:
    """The rows of the file: locations, practitioners, affiliations, each in the order of their numbers."""
    yield from _locations(session)
    people = sa.select(Practitioner.id, Practitioner.reference).order_by(Practitioner.reference)
    yield from _rows(session, "practitioner", {row_id: (name, "") for row_id, name in session.execute(people)})
    both = (
        sa.select(Affiliation.id, Practitioner.reference, Location.reference)
        .join(Practitioner, Practitioner.id == Affiliation.practitioner_id)
        .join(Location, Location.id == Affiliation.location_id)
        .order_by(Practitioner.reference, Location.reference)
    )
    names = {row_id: (practitioner, location) for row_id, practitioner, location in session.execute(both)}
    yield from _rows(session, "affiliation", names)


def _locations(session: PortalSession) -> Iterator[FactRow]:
    """With the payee on the first row of each."""
    places = sa.select(Location.id, Location.reference, Payee).join(Payee, Payee.id == Location.payee_id)
    found = session.execute(places.order_by(Location.reference)).all()
    payees: dict[str, Payee] = {reference: payee for _, reference, payee in found}
    for row in _rows(session, "location", {row_id: ("", reference) for row_id, reference, _ in found}):
        payee = payees.pop(row.location, None)
        if payee is None:
            yield row
        else:
            yield replace(row, tin=payee.whole_tin(session), payee_npi=payee.npi or "")


def _rows(session: PortalSession, subject: Subject, names: Mapping[int, Names]) -> Iterator[FactRow]:
    ids = list(names)
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        found = facts_of(session, subject, part, sealed=True)
        for row_id in part:
            yield from fact_rows(names[row_id], found.get(row_id, {}))


def fact_rows(names: Names, facts: Facts) -> Iterator[FactRow]:
    """The rows of one subject: `names` are the numbers of practitioner and location, one of them empty for what is neither's."""
    for (field, item), told in sorted(facts.items()):
        for fact in counting(told):
            yield FactRow(*names, field, item, fact.value, fact.holds_from)
