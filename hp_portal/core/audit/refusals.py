"""Refusals in the record: the first in a window is an event, those alike are counted and told at its end.

Whoever sends a hundred wrong passwords a second would otherwise fill a record that nobody may delete from. The count is a row
in `audit_window`, in the transaction of what was refused, so it outlives the process; the worker closes windows that are over.

Refusals are alike when event, person, organization, address, reason and fields are the same. Somebody who varies them gets a few
windows of their own; what goes on is counted in a wider one, by person or, where nobody is known, by address, and in the end in
one for the event as a whole. So the number of events is bounded by `OPEN`, whatever is sent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from hp_portal import clock
from hp_portal.core.audit.models import AuditWindow
from hp_portal.core.audit.record import Who, get_who, read_fields, write
from hp_portal.database import PortalSession, is_postgresql
from hp_portal.scopes import whole
from hp_portal.session import CORE

WINDOW = dt.timedelta(minutes=15)
ALIKE = 20  # windows that one address has open for an event, before the others share one
OPEN = 500  # windows open for an event in all, before everything else shares one
REPEATED = "audit.refusal.repeated"

_table = cast(sa.Table, AuditWindow.__table__)
_is = _table.c.key == sa.bindparam("is_key")
_count = sa.update(_table).where(_is, _table.c.until > sa.bindparam("now")).values(times=_table.c.times + 1)
_open = sa.select(sa.func.count(), sa.func.count().filter(_table.c.address == sa.bindparam("from_address"))).where(
    _table.c.event == sa.bindparam("of_event"), _table.c.until > sa.bindparam("now")
)


def record_refusal(
    session: PortalSession, event: str, *, reason: str = "", who: Who | None = None, **fields: object
) -> None:
    """As `record`, for what somebody was refused: the first of its kind in a quarter of an hour is an event.

    Those alike are counted, and told by one event `audit.refusal.repeated` at the end of the window. The caller commits, as
    for `record`. Raises UndeclaredEvent like it.
    """
    session.context.events.check_own(sys._getframe(1).f_globals.get("__name__", ""), event)
    text = read_fields(session, event, fields)
    who = who or get_who(session)
    with whole(session, "refusals are counted whoever is refused, and before anybody is known"):
        _count_or_open(session, event, who, reason, text)


def _count_or_open(session: PortalSession, event: str, who: Who, reason: str, text: str) -> None:
    exact = _window(event, who, reason, text, "")
    if _counted(session, exact):
        return
    window = _widened(session, exact)
    if not window["wide"] or not _counted(session, window):
        _open_window(session, window, lambda: write(session, event, who, reason, text))


def _window(event: str, who: Who, reason: str, fields: str, wide: str) -> dict[str, Any]:
    """A window's row; `wide` says what all of its refusals have in common when they are not alike."""
    person = who.person_id if wide in ("", "person") else None
    organization = who.organization_id if wide in ("", "person") else None
    address = who.address if wide in ("", "address") else ""
    alike = [event, wide, person, organization, address, *([] if wide else [reason, fields])]
    return {
        "key": hashlib.sha256(json.dumps(alike).encode()).digest(),
        "event": event,
        "wide": wide,
        "person_id": person,
        "organization_id": organization,
        "address": address,
        "reason": "" if wide else reason,
        "fields": "{}" if wide else fields,
        "who": who,
    }


def _counted(session: PortalSession, window: dict[str, Any]) -> bool:
    """Count one more in an open window; False when it is not open."""
    found = session.connection().execute(_count, {"is_key": window["key"], "now": clock.now()}, execution_options=CORE)
    return found.rowcount == 1


def _widened(session: PortalSession, exact: dict[str, Any]) -> dict[str, Any]:
    """The window that a new refusal belongs to: its own while there are few, else a wider one."""
    asked = {"of_event": exact["event"], "from_address": exact["address"], "now": clock.now()}
    in_all, from_here = session.connection().execute(_open, asked, execution_options=CORE).one()
    if in_all < OPEN and from_here < ALIKE:
        return exact
    who: Who = exact["who"]
    shared = "event" if in_all >= OPEN else "person" if who.person_id is not None else "address"
    return _window(exact["event"], who, "", "", shared)


def _open_window(session: PortalSession, window: dict[str, Any], first: Any) -> None:
    """Open a window and record the first; somebody else may have opened it at this moment."""
    now = clock.now()
    _close(session, _table.c.key == window["key"], _table.c.until <= now)
    values = {name: value for name, value in window.items() if name != "who"}
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    statement = (
        insert(_table)
        .values(**values, opened_at=now, until=now + WINDOW, times=0)
        .on_conflict_do_update(index_elements=["key"], set_={"times": _table.c.times + 1})
        .returning(_table.c.times)
    )
    if session.connection().execute(statement, execution_options=CORE).scalar_one() == 0:
        first()


def close_windows(session: PortalSession) -> None:
    """End the windows that are over, and record how many more there were in each. For the worker; the caller commits."""
    _close(session, _table.c.until <= clock.now())


def _close(session: PortalSession, *which: sa.ColumnElement[bool]) -> None:
    for row in (
        session.connection().execute(sa.delete(_table).where(*which).returning(_table), execution_options=CORE).all()
    ):
        if row.times == 0:
            continue
        text = read_fields(
            session,
            REPEATED,
            {
                "event": row.event,
                "times": row.times,
                "since": row.opened_at.isoformat(timespec="seconds"),
                "until": row.until.isoformat(timespec="seconds"),
                "wide": row.wide,
                "fields": json.loads(row.fields),
            },
        )
        write(session, REPEATED, Who(row.person_id, row.organization_id, None, "", row.address), row.reason, text)
