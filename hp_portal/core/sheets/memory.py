"""Remembers for each organization which of its columns are which of ours. Nothing here commits."""

from __future__ import annotations

import json

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.sheets.grids import ReadSheet
from hp_portal.core.sheets.layouts import SheetLayout
from hp_portal.core.sheets.mapping import (
    ColumnMapping,
    FoundColumns,
    chosen_columns,
    find_columns,
    headings_digest,
    sheet_doubts,
)
from hp_portal.core.sheets.models import SheetMapping
from hp_portal.database import PortalSession, lock

MOST = 40
"""Mappings of one layout that are remembered for an organization: the ones that were used last."""


def columns_of(
    session: PortalSession, organization_id: int | None, layout: SheetLayout, read: ReadSheet
) -> FoundColumns:
    """The mapping that was chosen for these headings the last time, else what the headings tell."""
    found = find_columns(read, layout)
    row = session.scalars(_of(organization_id, layout, found.mapping)).first()
    if row is None:
        return found
    known = {column.key for column in layout.columns}
    keys = {int(place): key for place, key in json.loads(row.keys).items() if key in known}
    chosen = chosen_columns(found.mapping, keys)
    return found if chosen.problems(layout) else FoundColumns(chosen, sheet_doubts(read), remembered=True)


def remember_columns(
    session: PortalSession, organization_id: int | None, layout: SheetLayout, mapping: ColumnMapping
) -> None:
    """Somebody has said what the columns are: the next table with these headings is read alike."""
    lock(session, f"sheet columns {organization_id}")
    row = session.scalars(_of(organization_id, layout, mapping)).first()
    keys = json.dumps({str(place): key for place, key in mapping.keys.items()})
    if row is None:
        digest = headings_digest(mapping.theirs)
        row = SheetMapping(organization_id=organization_id, layout=layout.key, headings=digest)
        session.add(row)
    row.keys, row.used_at = keys, clock.now()
    session.flush()
    newest = _all(organization_id, layout).order_by(SheetMapping.used_at.desc(), SheetMapping.id.desc())
    for old in session.scalars(newest.offset(MOST)).all():
        session.delete(old)
    session.flush()


def _all(organization_id: int | None, layout: SheetLayout) -> sa.Select[SheetMapping]:
    return sa.select(SheetMapping).where(
        SheetMapping.organization_id == organization_id, SheetMapping.layout == layout.key
    )


def _of(organization_id: int | None, layout: SheetLayout, mapping: ColumnMapping) -> sa.Select[SheetMapping]:
    return _all(organization_id, layout).where(SheetMapping.headings == headings_digest(mapping.theirs))
