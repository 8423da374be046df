"""Writing audit events: declared kinds only, in the transaction of what they record."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.writers import end_writer, stamp
from hp_portal.events import UndeclaredEvent
from hp_portal.session import CORE, PortalSession
from hp_portal.session import Who as Who


def set_who(session: PortalSession, who: Who) -> None:
    """Say who acts in this session."""
    session.context.who = who


def get_who(session: PortalSession) -> Who:
    return session.context.who


# A Core insert: a tenth of the cost of an entity's, on a path that every page takes. Inline: it does not ask for the new row's
# id, which PostgreSQL's row-level security tells nobody who may not read the record.
_insert = sa.insert(cast(sa.Table, AuditEvent.__table__)).inline()


def record(session: PortalSession, event: str, *, reason: str = "", who: Who | None = None, **fields: object) -> None:
    """Add an event to the session's transaction.

    `fields` must be exactly those declared, of JSON's types, without PHI in the clear. Without a `reason`, an event of
    member data gets the one that the person gave for the session. Raises UndeclaredEvent, also when a
    plugin records an event of somebody else.
    """
    session.context.events.check_own(sys._getframe(1).f_globals.get("__name__", ""), event)
    text, who = read_fields(session, event, fields), who or get_who(session)
    if not reason and session.context.events[event].member_data:
        reason = who.reason
    write(session, event, who, reason, text)


def read_fields(session: PortalSession, event: str, fields: Mapping[str, object]) -> str:
    """The fields of an event as they are kept. Raises UndeclaredEvent when they are not exactly those declared."""
    spec = session.context.events[event]
    if fields.keys() != set(spec.fields):
        raise UndeclaredEvent(f"{event} has fields {sorted(spec.fields)}, not {sorted(fields)}")
    return json.dumps(fields, separators=(",", ":"), sort_keys=True, default=str)


def write(session: PortalSession, event: str, who: Who, reason: str, fields: str) -> None:
    """Add the row of an event whose fields have been read, with its MAC."""
    connection = session.connection()
    values: dict[str, Any] = {
        "at": clock.now(),
        "event": event,
        "person_id": who.person_id,
        "organization_id": who.organization_id,
        "sign_in_id": who.sign_in_id,
        "request_id": who.request_id,
        "address": who.address,
        "reason": reason,
        "fields": fields,
    }
    stamp(connection, session.vault, values)
    try:
        connection.execute(_insert, values, execution_options=CORE)
    except BaseException:
        end_writer(connection)
        raise
