"""Loading the payer's record of payees from CSV or Excel: every row checked, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, TextIO

from hp_portal import clock
from hp_portal.audience import PROVIDER_TYPES
from hp_portal.core.audit.record import record
from hp_portal.core.documents.limited import BY_THE_WORKER
from hp_portal.core.identifiers.numbers import parse_npi, parse_tin
from hp_portal.core.payees.finding import find_payee
from hp_portal.core.payees.models import NETWORK_STATUSES, Payee
from hp_portal.core.sheets.checking import CheckedRow, check_rows
from hp_portal.core.sheets.csv_reading import open_text, stream_csv
from hp_portal.core.sheets.grids import ReadSheet, SheetLimits, SheetRow, UnreadableSheet
from hp_portal.core.sheets.keeping import reading_notes
from hp_portal.core.sheets.layouts import DIGITS, SheetColumn, SheetLayout
from hp_portal.core.sheets.mapping import find_columns, sheet_doubts
from hp_portal.core.sheets.reading import read_sheet
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PortalEvent


def _at_most(limit: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if len(text) > limit:
            raise ValueError(f"At most {limit} characters.")
        return text

    return parse


def _one_of(allowed: Iterable[str]) -> Callable[[str], str]:
    known = tuple(allowed)

    def parse(text: str) -> str:
        if text.lower() not in known:
            raise ValueError(f"Must be one of: {', '.join(known)}.")
        return text.lower()

    return parse


LAYOUT = SheetLayout(
    "payees record",
    "Payees",
    (
        SheetColumn("tin", "tin", ("Tax ID", "Tax ID (TIN)", "EIN"), True, parse_tin, kind=DIGITS, widths=(9,)),
        SheetColumn("npi", "npi", ("NPI number",), parse=parse_npi, kind=DIGITS),
        SheetColumn("vendor_number", "vendor_number", ("Vendor", "Vendor no"), True, _at_most(40)),
        SheetColumn("name", "name", ("Payee", "Payee name"), True, _at_most(200)),
        SheetColumn("provider_type", "provider_type", ("Type",), True, _one_of(PROVIDER_TYPES)),
        SheetColumn("network_status", "network_status", ("Status", "Network"), True, _one_of(NETWORK_STATUSES)),
        SheetColumn("address_1", "address_1", ("Address", "Street")),
        SheetColumn("address_2", "address_2"),
        SheetColumn("city", "city"),
        SheetColumn("state", "state"),
        SheetColumn("zip", "zip", ("ZIP code",), kind=DIGITS, widths=(5, 9)),
    ),
)
REQUIRED = ("tin", "npi", "vendor_number", "name", "provider_type", "network_status")
OPTIONAL = ("address_1", "address_2", "city", "state", "zip")
NAME_SHEET = "Name the one to read with --sheet."
_ADDRESS = 350
_CSV = SheetLimits(10**9, 10**12, 1 << 30, BY_THE_WORKER)
"""A CSV file is read as a stream, whatever its length."""
_WORKBOOK = SheetLimits(200_000, 100_000_000, 512 << 20, BY_THE_WORKER)


class UnusableFile(Exception):
    """The file cannot be read as a list of payees at all; the text says why and what is expected."""


@dataclass(frozen=True)
class RowError:
    """What is wrong in one row. `line` counts from 1 as spreadsheets do."""

    line: int
    column: str
    message: str


@dataclass(frozen=True)
class RowWarning:
    """How something in a row was read that is for a person to look at; the row is loaded all the same."""

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
    warnings: list[RowWarning] = field(default_factory=list)


@dataclass(frozen=True)
class PayeeRows:
    """The rows of a file, or their errors, and in sentences how it was read."""

    notes: list[str]
    rows: Iterable[PayeeRow | RowError | RowWarning]

    def __iter__(self) -> Iterator[PayeeRow | RowError | RowWarning]:
        return iter(self.rows)


@contextmanager
def reading(file: BinaryIO, sheet: str = "") -> Iterator[PayeeRows]:
    """Parse a CSV file or an Excel workbook with a row of headings, while the block runs; `sheet` names one of a workbook.

    Raises UnusableFile, also later.
    """
    start = file.read(4)
    file.seek(0)
    if start != b"PK\x03\x04":
        if sheet:
            raise UnusableFile("This is no Excel workbook, and has no sheet to name.")
        text = open_text(file)
        try:
            yield read_rows(text)
        finally:
            text.detach()  # whoever has opened the file closes it
        return
    try:
        read = read_sheet(file.read(), LAYOUT, _WORKBOOK, sheet=sheet)
    except UnreadableSheet as error:
        raise UnusableFile(str(error)) from error
    yield _rows_of(read, read.rows)


def read_rows(file: TextIO) -> PayeeRows:
    """The same for the text of a CSV file, one row in memory at a time."""
    try:
        return _rows_of(*stream_csv(file, _CSV))
    except UnreadableSheet as error:
        raise _unreadable(error) from error


def _unreadable(error: UnreadableSheet) -> UnusableFile:
    return UnusableFile(f"This is not a readable CSV file: {error}")


def _rows_of(read: ReadSheet, rows: Iterable[SheetRow]) -> PayeeRows:
    expected = f"Expected: {','.join(REQUIRED)} and optionally {','.join(OPTIONAL)}."
    if not read.rows:
        raise UnusableFile(f"The first line must name the columns; there is none. {expected}")
    found = find_columns(read, LAYOUT)
    if doubts := sheet_doubts(read):
        raise UnusableFile(f"{' '.join(doubts)} {NAME_SHEET}")
    if missing := [name for name in REQUIRED if found.mapping.place(name) is None]:
        raise UnusableFile(f"The first line must name the columns; {', '.join(missing)} missing. {expected}")
    if found.doubts:
        raise UnusableFile(f"{' '.join(found.doubts)} {expected}")
    return PayeeRows(reading_notes(read, found.mapping), _read(check_rows(read, LAYOUT, found.mapping, rows)))


def _read(rows: Iterator[CheckedRow]) -> Iterator[PayeeRow | RowError | RowWarning]:
    try:
        for row in rows:
            yield from _read_row(row)
    except UnreadableSheet as error:
        raise _unreadable(error) from error


def _read_row(row: CheckedRow) -> Iterator[PayeeRow | RowError | RowWarning]:
    values = {name: value or "" for name, value in row.values.items()}
    errors = [RowError(row.number, one.key, one.words) for one in row.problems]
    if sum(len(values[name]) for name in OPTIONAL) > _ADDRESS:
        errors.append(RowError(row.number, "address_1", f"The address is longer than {_ADDRESS} characters."))
    if errors:
        yield from errors
        return
    yield from (RowWarning(row.number, one.key, one.words) for one in row.warnings)
    street = [part for part in (values["address_1"], values["address_2"]) if part]
    city = " ".join(part for part in (values["city"], values["state"], values["zip"]) if part)
    yield PayeeRow(
        row.number,
        values["tin"],
        values["npi"] or None,
        values["vendor_number"],
        values["name"],
        values["provider_type"],
        values["network_status"],
        "\n".join([*street, city]) if city else "\n".join(street),
    )


def load_payees(session: PortalSession, rows: Iterable[PayeeRow | RowError | RowWarning]) -> PayeeReport:
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
        if isinstance(row, RowWarning):
            report.warnings.append(row)
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
