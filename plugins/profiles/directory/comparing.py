"""What one build has changed against the one before."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession

from .entries import differences, label_of
from .models import DirectoryDifference, DirectoryRow

MOST = 1000
"""Differences of a build that are kept in words; all of them are counted."""
ADDED, CHANGED, REMOVED = "added", "changed", "removed"


@dataclass
class Differences:
    """Rows that were added, changed and removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    kept: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Is anything another one?"""
        return bool(self.added or self.changed or self.removed)

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.added, self.changed, self.removed

    def add(self, before: str | None, after: str | None) -> None:
        """Count a row, from its contents before and after; None where there is no such row. Two Nones are nothing."""
        if before is not None and after is not None:
            self.changed += 1
        elif after is not None:
            self.added += 1
        elif before is not None:
            self.removed += 1
        else:
            return
        if len(self.kept) < MOST:
            self.kept.append(_words(before, after))

    def keep(self, session: PortalSession, build_id: int) -> None:
        """Keep them in words, as those of a build."""
        rows = [{"build_id": build_id, "kind": kind, "label": label, "what": what} for kind, label, what in self.kept]
        if rows:
            session.execute(sa.insert(DirectoryDifference), rows)


def _words(before: str | None, after: str | None) -> tuple[str, str, str]:
    kind = CHANGED if before and after else ADDED if after else REMOVED
    contents = json.loads(after or before or "{}")
    what = "; ".join(differences(json.loads(before), contents)) if before and after else ""
    return kind, label_of(contents)[:300], what[:400]


def compare_editions(session: PortalSession, before: int | None, after: int) -> Differences:
    """What is another one in a whole edition. The first one is not compared: all of it is new."""
    found = Differences()
    if before is None:
        counting = sa.select(sa.func.count()).where(DirectoryRow.edition == after)
        found.added = session.scalar(counting) or 0
        return found
    old, new = (sa.orm.aliased(DirectoryRow, name=name) for name in ("old_row", "new_row"))
    same = sa.and_(old.affiliation_id == new.affiliation_id, old.edition == before)
    now: Any = (
        sa.select(old.contents, new.contents)
        .select_from(new)
        .outerjoin(old, same)
        .where(new.edition == after, sa.or_(old.digest.is_(None), old.digest != new.digest))
        .order_by(new.place)
    )
    for one, other in session.execute(now):
        found.add(one, other)
    still = sa.and_(old.affiliation_id == new.affiliation_id, new.edition == after)
    gone: Any = (
        sa.select(old.contents)
        .outerjoin(new, still)
        .where(old.edition == before, new.affiliation_id.is_(None))
        .order_by(old.place)
    )
    for contents in session.scalars(gone):
        found.add(contents, None)
    return found
