"""Sealing everything again: with the key that comes first, and for its place. While the portal runs, and as often as needed.

Every marked column is gone through in the order of its table's key, a few rows to a transaction; what is sealed with the first
key already is left alone, so that a rotation that was stopped goes on where it was. Keyed hashes of the same values are made anew
in the same row and statement. When nothing is left, and only then, the other keys are retired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.keys.checking import LOCK
from hp_portal.core.keys.models import DataKey
from hp_portal.core.organizations.models import Organization
from hp_portal.database import Base, PortalSession, columns_in_database, lock
from hp_portal.scopes import OwnedByOrganizationAlone, of_organization
from hp_portal.seals import Former, SealedColumn, Seat, sealed_columns
from hp_portal.session import CORE
from hp_portal.vault import SealBroken

Progress = Callable[[str, int], None]
"""Told after each batch: the column, as `payee.tin_sealed`, and how many of its values were sealed again so far."""

_FEWEST, _MOST = 20, 1_000
_BYTES = 8 << 20
_ROUNDS = 3
_MOST_TOLD = 20


@dataclass
class Rotation:
    """What a rotation did.

    `broken` names values that do not open, `left` counts what is still sealed otherwise, by column, and `expire` of those are
    gone by themselves by `expired_at`. `retired` are the ids of keys that nothing needs any more.
    """

    sealed: int = 0
    broken: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    expire: int = 0
    expired_at: Any = None
    finished: bool = False
    retired: list[str] = field(default_factory=list)


def rotate(
    session: PortalSession,
    progress: Progress = lambda _column, _sealed: None,
    before_the_end: Callable[[PortalSession], object] = lambda _session: None,
) -> Rotation:
    """Seal everything again that is not sealed with the first data key and for its place. Needs a whole scope; commits.

    What others seal otherwise meanwhile is looked for again, some times over. Nothing is retired while a value is left.
    `before_the_end` ends the other keys where values are not sealed but signed, as in the audit record; it may commit.
    """
    done = Rotation()
    columns = [_Column(session, column, mark, done) for column, mark in _present(session)]
    for _ in range(_ROUNDS):
        for column in columns:
            column.seal_again(progress)
        done.left = {column.name: found for column in columns if (found := column.count_left())}
        if not done.left or done.broken or done.expire:
            break
    if not done.left:
        before_the_end(session)
        _finish(session, columns, done)
    return done


def _present(session: PortalSession) -> Iterator[tuple[sa.Column[bytes], SealedColumn]]:
    there = columns_in_database(session)
    for column, mark in sealed_columns(Base.metadata):
        if column.name in there.get(column.table.name, ()):
            yield column, mark


def _finish(session: PortalSession, columns: Sequence[_Column], done: Rotation) -> None:
    """Note that nothing needs the other keys, unless something has been sealed with one since it was last looked."""
    session.rollback()
    lock(session, LOCK)
    if any(column.count_left() for column in columns):
        session.rollback()
        return
    now, current = clock.now(), session.vault.marks[0].id
    for row in session.scalars(sa.select(DataKey).with_for_update()):
        if row.id == current:
            row.complete_at = row.complete_at or now
        elif row.retired_at is None:
            row.retired_at = now
            done.retired.append(row.id)
    record(session, "keys.rotated", key=current, retired=sorted(done.retired), values=done.sealed)
    session.commit()
    done.finished = True


def _of_organizations_alone(table: sa.Table) -> bool:
    """Are the table's rows such as no whole scope sees?"""
    models = [mapper.class_ for mapper in Base.registry.mappers if mapper.local_table is table]
    return any(issubclass(model, OwnedByOrganizationAlone) for model in models)


class _Column:
    """One sealed column on its way to the first key."""

    def __init__(self, session: PortalSession, column: sa.Column[bytes], mark: SealedColumn, done: Rotation) -> None:
        self.session, self.column, self.mark, self.done = session, column, mark, done
        self.table = column.table
        self.name = f"{self.table.name}.{column.name}"
        self.seat = Seat(self.table.name, column.name)
        self.keys = list(self.table.primary_key.columns)
        self.alone = _of_organizations_alone(self.table)
        start = sa.func.substr(column, 1, len(session.vault.head), type_=sa.LargeBinary())
        self.otherwise = sa.and_(column.is_not(None), start != session.vault.head)

    def count_left(self) -> int:
        counted = sa.select(sa.func.count()).select_from(self.table).where(self.otherwise)
        return sum(self._run(counted.where(*self._mine())).scalar_one() for _ in self._scopes())

    def seal_again(self, progress: Progress) -> None:
        """Go through the table once."""
        sealed = 0
        for _ in self._scopes():
            sealed = self._seal_in_scope(progress, sealed)

    def _scopes(self) -> Iterator[None]:
        """Once in the whole scope; where that does not see the rows, once in the scope of each organization."""
        if not self.alone:
            yield
            return
        for organization_id in self.session.scalars(sa.select(Organization.id).order_by(Organization.id)).all():
            with of_organization(self.session, organization_id):
                yield

    def _run(self, statement: Any, values: Any = None) -> sa.CursorResult[Any]:
        """In the session's transaction, past what looks after an organization's statements: these name tables, not models."""
        return self.session.connection().execute(statement, values, execution_options=CORE)

    def _mine(self) -> list[sa.ColumnElement[bool]]:
        """On SQLite nothing but this keeps one organization's rows from being gone through for each of them."""
        scope = self.session.context.scope
        return [self.table.c.organization_id == scope.organization_id] if self.alone and scope is not None else []

    def _seal_in_scope(self, progress: Progress, sealed: int) -> int:
        last: tuple[Any, ...] | None = None
        limit = _FEWEST
        while rows := self._run(self._batch(last, limit)).all():
            sealed += self._seal(rows)
            self.session.commit()
            progress(self.name, sealed)
            last = tuple(getattr(rows[-1], key.name) for key in self.keys)
            size = sum(len(getattr(row, self.column.name)) for row in rows)
            limit = max(1, min(_MOST, _BYTES * len(rows) // max(1, size)))
        return sealed

    def _batch(self, last: tuple[Any, ...] | None, limit: int) -> sa.Select[Any]:
        names = {*(key.name for key in self.keys), self.column.name, *self.mark.row}
        names |= {name for name in (self.mark.expires, *(self.mark.hashed or ())[:1]) if name}
        wanted = sa.select(*(self.table.c[name] for name in sorted(names))).where(self.otherwise, *self._mine())
        if last is not None:
            wanted = wanted.where(sa.tuple_(*self.keys) > sa.tuple_(*map(sa.literal, last)))
        return wanted.order_by(*self.keys).limit(limit)

    def _seal(self, rows: Sequence[Any]) -> int:
        changes = []
        for row, former in zip(rows, self._former(rows), strict=True):
            try:
                value = self.session.vault.open(getattr(row, self.column.name), *former)
            except SealBroken as error:
                self._unopened(row, error)
            else:
                changes.append(self._change(row, former, value))
        if changes:
            self._run(self._update(changes[0]), changes)
        self.done.sealed += len(changes)
        return len(changes)

    def _former(self, rows: Sequence[Any]) -> Sequence[Former]:
        if self.mark.places is not None:
            return self.mark.places(self.session, rows)
        return [(self.seat(*(getattr(row, name) for name in self.mark.row)), self.mark.was) for row in rows]

    def _change(self, row: Any, former: Former, value: bytes) -> dict[str, Any]:
        """The parameters of the update: the row's key and its sealed value as they were, the new ones."""
        place = former[0]
        values: dict[str, bytes | None] = {}
        if self.mark.again is not None:
            values |= self.mark.again(self.session.vault, value)
        if self.mark.hashed is not None:
            name, purpose = self.mark.hashed
            values[name] = self.session.vault.digest(value.decode(), purpose)
            place = self.seat(*(values.get(part, getattr(row, part)) for part in self.mark.row))
        values[self.column.name] = self.session.vault.seal(value, place)
        was = {f"was_{name}": getattr(row, name) for name in (self.column.name, *(key.name for key in self.keys))}
        return {**was, **{f"new_{name}": one for name, one in values.items()}}

    def _update(self, change: dict[str, Any]) -> sa.Update:
        """A row that somebody has written meanwhile stays as it is: it was sealed with the first key."""
        same = [self.table.c[name.removeprefix("was_")] == sa.bindparam(name) for name in change if name[:4] == "was_"]
        new: dict[str, Any] = {name.removeprefix("new_"): sa.bindparam(name) for name in change if name[:4] == "new_"}
        return sa.update(self.table).where(*same).values(new)

    def _unopened(self, row: Any, error: SealBroken) -> None:
        if self.mark.expires and not self.mark.was:
            self.done.expire += 1
            end = getattr(row, self.mark.expires)
            self.done.expired_at = max(end, self.done.expired_at or end)
        elif len(self.done.broken) < _MOST_TOLD:
            named = ", ".join(f"{key.name} {getattr(row, key.name)}" for key in self.keys)
            self.done.broken.append(f"{self.name}, {named}: {error}")
