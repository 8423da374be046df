"""Rows that wait for a worker: one at a time takes one, for a while, and says when it is done.

A model with the mixin `Leased` is a queue. `take_lease` gives a row that fits and that nobody holds; `renew_lease` keeps it
longer; `release_lease` gives it back. A worker that dies leaves its lease, and the row is taken again when that has run out. A
worker that comes back to life after that is told so by `LeaseLost`, and must not do anything any more.

None of these commits. A lease protects once its taking is committed; the work and its release belong into one transaction, so
that what was done and that it was done stand or fall together.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.util import identity_key

from hp_portal import clock
from hp_portal.database import PortalSession, is_postgresql, start_writing


class LeaseLost(Exception):
    """The lease has run out and another worker has taken the row, or the row is gone."""


class Leased:
    """Columns of a row that workers take. The model's key is `id`."""

    leased_until: Mapped[dt.datetime | None]
    # tells one lease from the next: whoever holds the row knows this word
    lease_token: Mapped[str | None] = mapped_column(sa.String(32))
    # how often the row was taken: work that ends its worker must not end every worker
    attempts: Mapped[int] = mapped_column(default=0)


@dataclass
class Lease:
    """A row that this worker holds: its model and key, until when, and how often the row was taken, this time included."""

    model: Any
    id: int
    token: str
    until: dt.datetime
    attempts: int


def take_lease(
    session: PortalSession, model: Any, *conditions: sa.ColumnElement[bool], lasts: dt.timedelta, first: Any = None
) -> Lease | None:
    """Take the first row that fits the conditions and that nobody holds; None when there is none.

    `first` is the order, by key unless said otherwise. A row that another transaction is at work on is passed over, also when its
    lease has run out: its worker lives.
    """
    taken = take_leases(session, model, *conditions, lasts=lasts, most=1, first=() if first is None else (first,))
    return taken[0] if taken else None


def take_leases(
    session: PortalSession,
    model: Any,
    *conditions: sa.ColumnElement[bool],
    lasts: dt.timedelta,
    most: int,
    first: Sequence[Any] = (),
) -> list[Lease]:
    """Take the first rows that fit, at most so many, as `take_lease` takes one; `first` are the columns of the order."""
    now, order = clock.now(), tuple(first) or (model.id,)
    free = sa.or_(model.leased_until.is_(None), model.leased_until < now)
    waiting = sa.select(model.id).where(*conditions, free).order_by(*order).limit(most)
    if session.scalar(waiting.limit(1)) is None:
        return []
    if is_postgresql(session):
        waiting = waiting.with_for_update(skip_locked=True)
    else:
        start_writing(session)  # there is one writer, and it sees what the one before it took
    ids = list(session.scalars(waiting))
    if not ids:
        return []
    token, until = secrets.token_hex(16), now + lasts
    rows = session.execute(
        sa.update(model)
        .where(model.id.in_(ids))
        .values(leased_until=until, lease_token=token, attempts=model.attempts + 1)
        .returning(model.id, model.attempts)
        .execution_options(synchronize_session=False)
    )
    attempts = {row.id: row.attempts for row in rows}
    for row_id in ids:
        _forget(session, model, row_id)
    return [Lease(model, row_id, token, until, attempts[row_id]) for row_id in ids]


def renew_lease(session: PortalSession, lease: Lease, lasts: dt.timedelta, **values: Any) -> None:
    """Hold the row for `lasts` from now on, and set columns of it. Raises LeaseLost.

    Until the transaction ends nobody else can take the row, however long that is.
    """
    until = clock.now() + lasts
    _change(session, lease, {"leased_until": until, **values})
    lease.until = until


def release_lease(session: PortalSession, lease: Lease, **values: Any) -> None:
    """Give the row back, and set columns of it, such as its state. Raises LeaseLost."""
    _change(session, lease, {"leased_until": None, "lease_token": None, **values})


def _change(session: PortalSession, lease: Lease, values: dict[str, Any]) -> None:
    changed = session.execute(
        sa.update(lease.model)
        .where(lease.model.id == lease.id, lease.model.lease_token == lease.token)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if cast("sa.CursorResult[Any]", changed).rowcount != 1:
        raise LeaseLost
    _forget(session, lease.model, lease.id)


def _forget(session: PortalSession, model: Any, row_id: int) -> None:
    """What this session knows of the row is old now."""
    loaded = session.identity_map.get(identity_key(model, row_id))
    if loaded is not None:
        session.expire(loaded)
