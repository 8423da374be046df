"""Cases as a CSV file."""

from __future__ import annotations

from collections.abc import Iterable

from hp_portal.core.audit.record import record
from hp_portal.core.audit.shown import spans
from hp_portal.core.cases.reading import CaseRow, OwnFilter, own_cases_for_file
from hp_portal.core.documents.sheets import Value, csv_file
from hp_portal.core.identity.actor import Actor
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

COLUMNS = ("case", "kind", "about", "where it stands", "sent", "last change", "due", "done", "sent by")


def _cells(row: CaseRow) -> tuple[Value, ...]:
    return (
        row.number,
        row.kind,
        row.title,
        row.state.told,
        row.opened_at,
        row.changed_at,
        row.due_on,
        row.ended_at,
        row.whose,
    )


def cases_as_csv(session: PortalSession, actor: Actor, wanted: OwnFilter) -> bytes:
    """The cases of the person's organization as a file; one more line says so where there are more than it holds. Recorded."""
    rows, more = own_cases_for_file(session, actor, wanted)
    record(session, "case.downloaded", shown=spans(row.id for row in rows))
    lines: Iterable[tuple[Value, ...]] = map(_cells, rows)
    if more:
        lines = (*lines, (f"Only the newest {len(rows)} cases are listed here: filter for fewer.", *("",) * 8))
    return csv_file(COLUMNS, lines, zone=settings().payer.zone)
