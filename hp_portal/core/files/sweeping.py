"""Removing stored files that nothing refers to, and finding what is missing of the others.

What refers to a file is asked of the database itself: every foreign key to `stored_file` that it knows, of the core, of a
plugin, and of a plugin that was uninstalled and whose tables are still there. So nobody has to remember to say it, and the same
keys make the database refuse whatever this would overlook. A file stays when its application has no such foreign key at all:
it may name its files in a way that cannot be seen from here.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
import structlog

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.database import ForeignKey, PortalSession, foreign_keys_to, is_postgresql, start_writing, table_names
from hp_portal.migrations.chains import SUFFIX, owner_of, prefix_of

log = structlog.get_logger(__name__)
KEPT = dt.timedelta(days=1)
AT_A_TIME = 100
SHOWN = 20  # ids that are named to staff
REMOVED = "files.unreferenced.removed"


@dataclass
class Swept:
    """How many files were removed, how many bytes they had as they were sent, and what staff should look at, in words."""

    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        if not self.files:
            return "Every stored file is referred to, or is less than a day old."
        noun = "stored file" if self.files == 1 else "stored files"
        return f"Removed {self.files:,} {noun} ({self.bytes:,} bytes) that nothing had referred to for a day."


def sweep(session: PortalSession) -> Swept:
    """Remove what nothing refers to and is older than a day, audited; commits as it goes. Needs a whole scope."""
    keys = foreign_keys_to(session, StoredFile.__tablename__)
    outside = [key for key in keys if key.table != StoredPiece.__tablename__]
    unreferenced = _unreferenced(outside)
    swept = Swept()
    kinds = session.execute(
        sa.select(StoredFile.kind, sa.func.count()).where(unreferenced).group_by(StoredFile.kind)
    ).all()
    for kind, count in kinds:
        if _has_references(session, kind, outside):
            _remove(session, kind, unreferenced, swept)
        else:
            swept.problems.append(_cannot_tell(kind, count))
    swept.problems += [*_incomplete(session), *_dangling(session, keys)]
    return swept


def _unreferenced(keys: Sequence[ForeignKey]) -> sa.ColumnElement[bool]:
    old = StoredFile.stored_at < clock.now() - KEPT
    return sa.and_(old, *(~sa.exists().select_from(key.lightweight).where(_refers(key)) for key in keys))


def _refers(key: ForeignKey) -> sa.ColumnElement[bool]:
    return sa.and_(
        *(
            key.lightweight.c[own] == getattr(StoredFile, its)
            for own, its in zip(key.columns, key.referred, strict=True)
        )
    )


def _has_references(session: PortalSession, kind: str, keys: Sequence[ForeignKey]) -> bool:
    """Does a table of the application that the kind names have a foreign key to files?"""
    own = prefix_of(kind.partition(" ")[0])
    prefixes = {name.removesuffix(SUFFIX) for name in table_names(session) if name.endswith(f"_{SUFFIX}")} | {own}
    return any(owner_of(key.table, prefixes) == own for key in keys)


def _cannot_tell(kind: str, count: int) -> str:
    files = "1 stored file" if count == 1 else f"{count:,} stored files"
    return (
        f"{files} of the kind “{kind}” stay, although nothing is known to refer to them: no table of that application has "
        "a foreign key to stored_file."
    )


def _remove(session: PortalSession, kind: str, unreferenced: sa.ColumnElement[bool], swept: Swept) -> None:
    """Remove files of a kind, some in each transaction."""
    last = 0
    while True:
        if not is_postgresql(session):
            start_writing(session)
        wanted = sa.select(StoredFile.id).where(StoredFile.kind == kind, StoredFile.id > last, unreferenced)
        # Locked, nothing can begin to refer to them: a new reference waits, and is refused once the file is gone. What began
        # before is seen by the second look. A file that is being referred to at this moment is left for another day.
        locked = session.scalars(
            wanted.order_by(StoredFile.id).limit(AT_A_TIME).with_for_update(skip_locked=True, of=StoredFile)
        ).all()
        if not locked:
            session.rollback()
            return
        last = max(locked)
        found = session.execute(
            sa.select(StoredFile.id, StoredFile.size).where(StoredFile.id.in_(locked), unreferenced)
        ).all()
        if found:
            ids, size = [row.id for row in found], sum(row.size for row in found)
            session.execute(sa.delete(StoredPiece).where(StoredPiece.file_id.in_(ids)))
            session.execute(sa.delete(StoredFile).where(StoredFile.id.in_(ids)))
            record(session, REMOVED, kind=kind, files=len(ids), bytes=size, ids=ids)
            log.info("files.unreferenced-removed", kind=kind, files=len(ids), bytes=size)
            swept.files, swept.bytes = swept.files + len(ids), swept.bytes + size
        session.commit()


def _incomplete(session: PortalSession) -> Iterator[str]:
    """Files whose pieces are not all there: whoever opens one is told that it is damaged."""
    there = (
        sa.select(StoredPiece.file_id, sa.func.count().label("pieces")).group_by(StoredPiece.file_id).subquery("there")
    )
    missing = session.execute(
        sa.select(StoredFile.kind, StoredFile.id)
        .outerjoin(there, there.c.file_id == StoredFile.id)
        .where(sa.func.coalesce(there.c.pieces, 0) != StoredFile.pieces)
        .order_by(StoredFile.kind, StoredFile.id)
    )
    by_kind: dict[str, list[int]] = defaultdict(list)
    for kind, file_id in missing:
        by_kind[kind].append(file_id)
    for kind, ids in by_kind.items():
        yield f"Stored files of the kind “{kind}” lack pieces and cannot be opened: {_named(ids)}."


def _dangling(session: PortalSession, keys: Sequence[ForeignKey]) -> Iterator[str]:
    """Rows that name a file which is not there: no foreign key let that happen, so somebody went round it."""
    for key in keys:
        rows = key.lightweight
        given: list[sa.ColumnElement[bool]] = [rows.c[name].is_not(None) for name in key.columns]
        missing = session.scalars(
            sa.select(rows.c[key.columns[0]])
            .where(*given, ~sa.exists().select_from(StoredFile).where(_refers(key)))
            .distinct()
        ).all()
        if missing:
            yield f"Rows of {key.table} name stored files that are not there: {_named(sorted(missing))}."


def _named(values: Sequence[Any]) -> str:
    shown = ", ".join(str(value) for value in values[:SHOWN])
    return shown if len(values) <= SHOWN else f"{shown}, and {len(values) - SHOWN:,} more"
