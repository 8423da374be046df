"""Loading files of facts: every row checked, those that can be used recorded as one change, the others listed.

Needs a whole scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import sqlalchemy as sa

from hp_portal.api import Payee, PortalSession, find_payee, lock

from ..record.applying import LOCK, Fact, Stated, affiliation_of, apply_change, new_location, new_practitioner
from ..record.facts import in_parts
from ..record.models import Affiliation, Location, Practitioner
from .rows import OPTIONAL, REQUIRED, BadRow, FactRow, read_row
from .tables import read_table

_AT_ONCE = 500


@dataclass(frozen=True)
class Refused:
    """A row that was not loaded. `line` counts from 1 as editors and spreadsheets do, the header being line 1."""

    line: int
    column: str
    message: str


@dataclass
class LoadReport:
    """What a load did, or would do: facts that are new, that replace one of the same day, that were on record; and new
    practitioners and locations. `notes` say what of the file was not used."""

    added: int = 0
    corrected: int = 0
    unchanged: int = 0
    practitioners: int = 0
    locations: int = 0
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load_file(
    session: PortalSession, file: BinaryIO, name: str, person_id: int | None = None, sheet: str = ""
) -> LoadReport:
    """Load a file, as one change whose reason is its name; commits nothing. What the file does not name stays. `sheet` names one
    of a workbook.

    Raises UnusableFile.
    """
    report = LoadReport()
    rows = list(_usable(read_table(file, REQUIRED, OPTIONAL, report.notes.append, sheet), report))
    load_rows(session, rows, Stated("loaded", name[:400], person_id=person_id), report)
    report.refused.sort(key=lambda refused: refused.line)
    return report


def load_rows(session: PortalSession, rows: list[tuple[int, FactRow]], stated: Stated, report: LoadReport) -> None:
    """Record rows, each with its line, as one change; commits nothing."""
    lock(session, LOCK)
    subjects = _Subjects(session, [row for _, row in rows], report)
    facts = []
    for line, row in rows:
        try:
            facts.append(
                Fact(row.subject, subjects.find(row), row.field, row.item, row.value, row.holds_from, row.withdrawn)
            )
        except BadRow as error:
            report.refused.append(Refused(line, error.column, str(error)))
    written = apply_change(session, stated, facts)
    report.added, report.corrected, report.unchanged = written.added, written.corrected, written.unchanged


def _usable(rows: Iterable[tuple[int, Mapping[str, str]]], report: LoadReport) -> Iterator[tuple[int, FactRow]]:
    first: dict[Any, int] = {}
    for line, values in rows:
        try:
            row = read_row(values)
        except BadRow as error:
            report.refused.append(Refused(line, error.column, str(error)))
            continue
        earlier = first.setdefault(row.place, line)
        if earlier != line:
            report.refused.append(Refused(line, "fact", f"Line {earlier} says the same fact of the same day."))
            continue
        yield line, row


class _Subjects:
    """The ids of what a file names; practitioners and locations that are new are added."""

    def __init__(self, session: PortalSession, rows: list[FactRow], report: LoadReport) -> None:
        self.session, self.report = session, report
        self.practitioners = _ids(session, Practitioner, (row.practitioner for row in rows if row.practitioner))
        self.locations = _ids(session, Location, (row.location for row in rows if row.location))
        self.payees: dict[str, int | None] = {}
        self.affiliations = _affiliations(session, self.practitioners.values())
        # Rows of affiliations may stand before those of what they tie together.
        self.new = {row.practitioner for row in rows if row.subject == "practitioner"} - self.practitioners.keys()
        self.payee_of_new = {
            row.location: (row.tin, row.payee_npi) for row in rows if row.tin and row.location not in self.locations
        }

    def find(self, row: FactRow) -> int:
        """The id of what the row is about. Raises BadRow."""
        if row.subject == "practitioner":
            return self._practitioner(row.practitioner)
        if row.subject == "location":
            return self._location(row)
        both = (self._practitioner(row.practitioner), self._location(row))
        if both not in self.affiliations:
            self.affiliations[both] = affiliation_of(self.session, *both).id
        return self.affiliations[both]

    def _practitioner(self, reference: str) -> int:
        if reference not in self.practitioners:
            if reference not in self.new:
                raise BadRow(
                    "practitioner", f"No practitioner {reference} is on record or has rows of its own in this file."
                )
            self.practitioners[reference] = new_practitioner(self.session, reference).id
            self.report.practitioners += 1
        return self.practitioners[reference]

    def _location(self, row: FactRow) -> int:
        known = self.locations.get(row.location)
        if known is None:
            if row.location not in self.payee_of_new:
                raise BadRow(
                    "tin", f"Location {row.location} is new: write the Tax ID and NPI of its payee on one of its rows."
                )
            payee_id = self._payee(*self.payee_of_new[row.location])
            known = self.locations[row.location] = new_location(self.session, payee_id, row.location).id
            self.payees[row.location] = payee_id
            self.report.locations += 1
        if row.tin and self._payee(row.tin, row.payee_npi) != self._payee_of(row.location, known):
            raise BadRow(
                "tin", "The location belongs to another payee. Close it, and add one with a number of its own."
            )
        return known

    def _payee_of(self, reference: str, location_id: int) -> int | None:
        if reference not in self.payees:
            self.payees[reference] = self.session.get_one(Location, location_id).payee_id
        return self.payees[reference]

    def _payee(self, tin: str, npi: str) -> int:
        payee: Payee | None = find_payee(self.session, tin=tin, npi=npi or None)
        if payee is None:
            raise BadRow("tin", "No payee with this Tax ID and NPI is on record. Load the payees first.")
        return payee.id


def _affiliations(session: PortalSession, practitioner_ids: Iterable[int]) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    columns = (Affiliation.practitioner_id, Affiliation.location_id, Affiliation.id)
    for part in in_parts(practitioner_ids):
        rows = session.execute(sa.select(*columns).where(Affiliation.practitioner_id.in_(part)))
        found.update(((practitioner, location), one) for practitioner, location, one in rows)
    return found


def _ids(session: PortalSession, model: Any, references: Iterable[str]) -> dict[str, int]:
    wanted, found = sorted(set(references)), dict[str, int]()
    for start in range(0, len(wanted), _AT_ONCE):
        part = sa.select(model.reference, model.id).where(model.reference.in_(wanted[start : start + _AT_ONCE]))
        found.update((reference, row_id) for reference, row_id in session.execute(part))
    return found
