"""The files that were imported, and those on their way, as the payer's staff see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Column, Listing, Order, Person, PortalSession, Sorting, now, page_of, record, show_count

from ..models import RemittanceFile
from ..x12.diagnostics import Severity
from .deciding_many import waiting_of_file
from .models import Upload
from .reports import IMPORTING, ImportReport, from_json
from .steps import percent_of
from .uploads import ACTIVE, FAILED, FAILED_SHOWN

FILES = Sorting(
    (
        Column("file", "File", RemittanceFile.name),
        Column("imported", "Imported", RemittanceFile.imported_at, "date"),
        Column("outcome", "Outcome", RemittanceFile.outcome),
        Column("size", "Size", RemittanceFile.size, "number"),
    ),
    default="-imported",
    tie=RemittanceFile.id,
)


@dataclass(frozen=True)
class FileReport:
    """A file, who imported it (empty: a command) and what was found in it."""

    file: RemittanceFile
    person: str
    report: ImportReport
    same_number_waiting: int = 0
    """How many of its payments have the number of another one and wait for a decision."""

    @property
    def percent(self) -> int:
        """How far the import is."""
        return percent_of(self.file)

    @property
    def warnings(self) -> list[str]:
        """What staff should look at, each with its count."""
        report = self.report
        counts = (
            (report.skipped, "payment not importable", "payments not importable"),
            (report.unbalanced_count, "payment does not balance", "payments do not balance"),
            (
                report.same_number_count,
                "payment has the number of another one",
                "payments have the number of another one",
            ),
            (report.unknown_payees, "payment to a payee not on record", "payments to payees not on record"),
            (report.count_of(Severity.ERROR), "error", "errors"),
            (report.count_of(Severity.WARNING), "warning", "warnings"),
        )
        return [show_count(count, one, many) for count, one, many in counts if count]


def list_files(session: PortalSession, order: Order) -> Listing[FileReport]:
    """One page of the files."""
    rows = sa.select(RemittanceFile, Person.name).outerjoin(Person, Person.id == RemittanceFile.imported_by_id)
    listing: Listing[Any] = page_of(session, rows, order)
    return listing.with_rows([FileReport(file, person or "", from_json(file.report)) for file, person in listing.rows])


def active_uploads(session: PortalSession) -> list[Any]:
    """Uploads that are not imported yet, and those that failed lately, each with the name of who uploaded it."""
    lately = sa.and_(Upload.state == FAILED, Upload.uploaded_at > now() - FAILED_SHOWN)
    rows = session.execute(
        sa.select(Upload, Person.name)
        .join(Person, Person.id == Upload.uploaded_by_id)
        .where(sa.or_(Upload.state.in_(ACTIVE), lately))
        .order_by(Upload.id)
    )
    return list(rows)


def view_report(session: PortalSession, file_id: int) -> FileReport | None:
    """The report of an import, recorded as viewed when it is there; None when there is no such file. The caller commits."""
    found = session.execute(
        sa.select(RemittanceFile, Person.name)
        .outerjoin(Person, Person.id == RemittanceFile.imported_by_id)
        .where(RemittanceFile.id == file_id)
    ).one_or_none()
    if found is None:
        return None
    file, person = found
    if file.outcome != IMPORTING:
        record(session, "remittance.report.viewed", file=file.id)
    report = from_json(file.report)
    return FileReport(file, person or "", report, waiting_of_file(session, file_id) if report.same_number else 0)
