"""Loading the payer's record of payees from CSV: every row checked, all or nothing."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TextIO

from hp_portal import clock
from hp_portal.audience import PROVIDER_TYPES
from hp_portal.core.audit.record import record
from hp_portal.core.identifiers.numbers import BadIdentifier, parse_npi, parse_tin
from hp_portal.core.payees.finding import find_payee
from hp_portal.core.payees.models import NETWORK_STATUSES, Payee
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PortalEvent

REQUIRED = ("tin", "npi", "vendor_number", "name", "provider_type", "network_status")
OPTIONAL = ("address_1", "address_2", "city", "state", "zip")


class UnusableFile(Exception):
    """The file cannot be read as a list of payees at all; the text says why and what is expected."""


@dataclass(frozen=True)
class RowError:
    """What is wrong in one row. `line` counts from 1 as editors and spreadsheets do, the header being line 1."""

    line: int
    column: str
    message: str


@dataclass(frozen=True)
class PayeeRow:
    """A row that can be used: digits only in TIN and NPI, lower-case words in type and status."""

    line: int
    tin: str
    npi: str | None
    vendor_number: str
    name: str
    provider_type: str
    network_status: str
    address: str


@dataclass
class PayeeReport:
    """What a load did, or would do."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)


def read_rows(file: TextIO) -> Iterator[PayeeRow | RowError]:
    """Parse a CSV with a header line; yields a row or its errors. Raises UnusableFile."""
    try:
        reader = csv.DictReader(file, strict=True)
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise UnusableFile(
                f"The first line must name the columns; {', '.join(missing)} missing. "
                f"Expected: {','.join(REQUIRED)} and optionally {','.join(OPTIONAL)}."
            )
        reader.fieldnames = names
        for values in reader:
            yield from _read_row(reader.line_num, values)
    except csv.Error as error:
        raise UnusableFile(f"This is not a readable CSV file: {error}.") from error
    except UnicodeDecodeError as error:
        raise UnusableFile("The file is not UTF-8. Save it as “CSV UTF-8”.") from error


def _read_row(line: int, values: dict[str, str | None]) -> Iterator[PayeeRow | RowError]:
    cells = {name: (values.get(name) or "").strip() for name in (*REQUIRED, *OPTIONAL)}
    errors = list(_check(line, cells))
    if None in values:
        errors.append(RowError(line, "", "The row has more cells than the header."))
    if errors:
        yield from errors
        return
    street = [part for part in (cells["address_1"], cells["address_2"]) if part]
    city = " ".join(part for part in (cells["city"], cells["state"], cells["zip"]) if part)
    yield PayeeRow(
        line,
        parse_tin(cells["tin"]),
        parse_npi(cells["npi"]) if cells["npi"] else None,
        cells["vendor_number"],
        cells["name"],
        cells["provider_type"].lower(),
        cells["network_status"].lower(),
        "\n".join([*street, city]) if city else "\n".join(street),
    )


def _check(line: int, cells: dict[str, str]) -> Iterator[RowError]:
    for name, parse in (("tin", parse_tin), ("npi", parse_npi)):
        try:
            if cells[name] or name == "tin":
                parse(cells[name])
        except BadIdentifier as error:
            yield RowError(line, name, str(error))
    for name, limit in (("vendor_number", 40), ("name", 200)):
        if not cells[name]:
            yield RowError(line, name, "This must not be empty.")
        elif len(cells[name]) > limit:
            yield RowError(line, name, f"At most {limit} characters.")
    for name, allowed in (("provider_type", PROVIDER_TYPES), ("network_status", NETWORK_STATUSES)):
        if cells[name].lower() not in allowed:
            yield RowError(line, name, f"Must be one of: {', '.join(allowed)}.")
    if sum(len(cells[name]) for name in OPTIONAL) > 350:
        yield RowError(line, "address_1", "The address is longer than 350 characters.")


def load_payees(session: PortalSession, rows: Iterable[PayeeRow | RowError]) -> PayeeReport:
    """Add and change payees by TIN + NPI. With any error in the report the caller rolls back: all or nothing.

    Payees that the file does not name stay as they are. Needs a whole scope.
    """
    lock(session, "payees import")
    report = PayeeReport()
    seen: dict[tuple[str, str | None], int] = {}
    for row in rows:
        if isinstance(row, RowError):
            report.errors.append(row)
            continue
        first = seen.setdefault((row.tin, row.npi), row.line)
        if first != row.line:
            report.errors.append(RowError(row.line, "npi", f"The same TIN and NPI as in line {first}."))
            continue
        _load(session, row, report)
    if not report.errors:
        record(session, "payees.imported", added=report.added, changed=report.changed, unchanged=report.unchanged)
        session.announce(PortalEvent("payees.imported"))
    return report


def _load(session: PortalSession, row: PayeeRow, report: PayeeReport) -> None:
    payee = find_payee(session, tin=row.tin, npi=row.npi)
    facts = {
        "vendor_number": row.vendor_number,
        "name": row.name,
        "provider_type": row.provider_type,
        "network_status": row.network_status,
        "address": row.address,
    }
    if payee is None:
        session.add(
            Payee(
                **Payee.tin_values(session, row.tin, npi=row.npi),
                updated_at=clock.now(),
                **facts,
            )
        )
        session.flush()
        report.added += 1
    elif all(getattr(payee, name) == value for name, value in facts.items()):
        report.unchanged += 1
    else:
        for name, value in facts.items():
            setattr(payee, name, value)
        payee.updated_at = clock.now()
        report.changed += 1
