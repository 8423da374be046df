"""Keeping what the registry's file says, in short transactions: an interrupted load is gone on with by loading the file again.

Needs a whole scope.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

import sqlalchemy as sa

from hp_portal.api import Payee, PortalSession, record

from ..record.models import PractitionerFact
from .models import RegistryEntry
from .reading import BadEntry, Entry, read_entries

_AT_ONCE = 500
MOST_TOLD = 50
"""Rows that cannot be used are counted all, and so many of them told one by one."""


@dataclass
class RegistryReport:
    """What a load did, or would do. `older`: entries on record that are from a later day than the file."""

    rows: int = 0
    left_out: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    deactivated: int = 0
    refused: int = 0
    told: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """Which NPIs are kept: those in `npis`, and those of providers in `states`. Without either all of them are."""

    npis: Collection[str] = ()
    states: frozenset[str] = frozenset()

    def keeps(self, entry: Entry) -> bool:
        """Is it one of them?"""
        if not self.npis and not self.states:
            return True
        return entry.npi in self.npis or bool(self.states & entry.states)


def known_npis(session: PortalSession) -> set[str]:
    """The NPIs of practitioners, of any day, and of payees."""
    facts = sa.select(PractitionerFact.value).where(PractitionerFact.field == "npi", PractitionerFact.value != "")
    payees = sa.select(Payee.npi).where(Payee.npi.is_not(None))
    return {one for one in (*session.scalars(facts), *session.scalars(payees)) if one}


def load_registry(
    session: PortalSession, file: IO[bytes], as_of: dt.date, wanted: Wanted, *, dry_run: bool = False
) -> RegistryReport:
    """Keep what a file says as of a day. Commits as it goes, unless it is a dry run. Raises UnreadableFile."""
    report = RegistryReport()
    entries = _usable(file, wanted, report)
    while part := list(islice(entries, _AT_ONCE)):
        _keep(session, {one.npi: one for one in part}, as_of, wanted, report, dry_run=dry_run)
        if not dry_run:
            session.commit()
    if not dry_run:
        record(session, "profiles.registry.loaded", rows=report.added + report.changed)
        session.commit()
    return report


def _usable(file: IO[bytes], wanted: Wanted, report: RegistryReport) -> Iterator[Entry]:
    """The entries that are wanted, and those of deactivated NPIs, of which the file does not say whose they were."""
    for line, entry in read_entries(file):
        report.rows += 1
        if isinstance(entry, BadEntry):
            report.refused += 1
            if len(report.told) < MOST_TOLD:
                report.told.append((line, str(entry)))
        elif not entry.kind or wanted.keeps(entry):
            yield entry
        else:
            report.left_out += 1


def _keep(
    session: PortalSession,
    entries: dict[str, Entry],
    as_of: dt.date,
    wanted: Wanted,
    report: RegistryReport,
    *,
    dry_run: bool,
) -> None:
    columns = [getattr(RegistryEntry, name) for name in Entry("").values(as_of)]
    rows = session.execute(sa.select(*columns).where(RegistryEntry.npi.in_(entries))).mappings()
    there = {row["npi"]: dict(row) for row in rows}
    new, changed = [], []
    for npi, entry in entries.items():
        before, values = there.get(npi), entry.values(as_of)
        if before is None and not wanted.keeps(entry):
            report.left_out += 1
            continue
        report.deactivated += entry.is_deactivated
        if before is None:
            new.append(values)
        elif before["as_of"] > as_of:
            report.older += 1
        else:
            if not entry.kind:  # what the file said of it before it was deactivated stays
                values = {**before, "as_of": as_of, "deactivated_on": entry.deactivated_on, "reactivated_on": None}
            if {**values, "as_of": before["as_of"]} == before:
                report.unchanged += 1
            else:
                report.changed += 1
            if values != before:
                changed.append(values)
    report.added += len(new)
    if not dry_run and changed:
        session.execute(sa.delete(RegistryEntry).where(RegistryEntry.npi.in_([row["npi"] for row in changed])))
    if not dry_run and new + changed:
        session.execute(sa.insert(RegistryEntry), new + changed)
