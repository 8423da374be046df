"""What a transaction of PostgreSQL shows to say whose rows it may see: the second wall behind the scopes of hp_portal/scopes.py.

The setting `portal.pass` holds the scope with a keyed digest of it and of the connection's process. The policies of the tables
believe it only after a function of the database has checked the digest with a key that the portal's role cannot read: SQL that
got into a session can read the session's own pass, and cannot make one for another organization. It is sent when the scope
changes, before the statement that needs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast
from weakref import WeakKeyDictionary, ref

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy.orm import Session, SessionTransaction

from hp_portal.session import OrganizationScope, PortalSession, Scope, SessionContext, WholeScope
from hp_portal.settings import ConfigurationError

SCHEMA = "portal_wall"
SETTING = "portal.pass"
WHOLE = 0
_KEYS_THERE = (
    "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE n.nspname = '{SCHEMA}' AND c.relname = 'key_ids' AND has_schema_privilege(n.oid, 'USAGE')"
)
_KEYS = f"SELECT id FROM {SCHEMA}.key_ids"
_SHOW = f"SELECT pg_catalog.set_config('{SETTING}', %s, true)"


def number_of(scope: Scope | None) -> int | None:
    """The scope as a pass says it: an organization's id, 0 for every row, None for nothing."""
    if scope is None:
        return None
    return scope.organization_id if isinstance(scope, OrganizationScope) else WHOLE


def make_pass(key_id: str, key: bytes, scope: int, process: int) -> str:
    """A pass for the connection that the server's `process` serves."""
    said = f"{scope}:{process}".encode()
    digest = hashlib.sha256(key + hashlib.sha256(key + said).digest()).hexdigest()
    return f"{key_id}:{scope}:{digest}"


class _Connection:
    """One connection of the driver: whose session has it, the key its database knows, and what was shown last."""

    def __init__(self, raw: Any, keys: Mapping[str, bytes]) -> None:
        # Not the connection itself, whose entry this is: it would live for ever.
        self.raw = ref(raw)
        self.process: int = raw.info.backend_pid
        self.keys = keys
        self.key: tuple[str, bytes] | None = None
        self.context: SessionContext | None = None
        self.shown: int | None = None
        self.passes: dict[int | None, str] = {None: ""}

    def show(self) -> None:
        """Show what the session's scope is now, unless that was shown last."""
        raw: Any = self.raw()
        if self.context is None or raw is None or raw.info.transaction_status not in _USABLE:
            return
        wanted = number_of(self.context.scope)
        if wanted == self.shown:
            return
        if self.key is None:
            self.key = known_key(raw.cursor(), self.keys)
            if self.key is None:
                return
        text = self.passes.get(wanted)
        if text is None:
            text = make_pass(*self.key, cast(int, wanted), self.process)
            if len(self.passes) < _KEPT:
                self.passes[wanted] = text
        raw.cursor().execute(_SHOW, (text,))
        self.shown = wanted

    def narrow(self) -> None:
        """The same at once when the scope became another than a whole one: the driver's own cursor tells nobody first."""
        if self.context is None or isinstance(self.context.scope, WholeScope):
            return
        try:
            self.show()
        except psycopg.Error as error:
            raise sa.exc.DBAPIError.instance(_SHOW, None, error, psycopg.Error) from error


_USABLE = (TransactionStatus.IDLE, TransactionStatus.INTRANS)  # neither failed nor gone
_KEPT = 1000  # passes that one connection remembers
_UNKNOWN = -1
# A transaction that failed takes nothing else, and going back to one would take back what was shown just before.
_SAVEPOINTS = ("SAVEPOINT ", "ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT ")
_connections: WeakKeyDictionary[Any, _Connection] = WeakKeyDictionary()
"""By the driver's connection, which outlives sessions in the pool."""
_keys: WeakKeyDictionary[sa.Engine, Mapping[str, bytes]] = WeakKeyDictionary()


def known_key(cursor: Any, keys: Mapping[str, bytes]) -> tuple[str, bytes] | None:
    """The first of the keys that the database knows; None where it has no walls yet. Raises ConfigurationError."""
    if not cursor.execute(_KEYS_THERE).fetchone()[0]:
        return None
    known = {row[0] for row in cursor.execute(_KEYS).fetchall()}
    for key_id, key in keys.items():
        if key_id in known:
            return key_id, key
    raise ConfigurationError(
        "HP_PORTAL_DATA_KEY is not the data key of this database, or `hp-portal db upgrade` has not been run since it was "
        "changed: row-level security does not know it."
    )


def install(engine: sa.Engine, keys: Mapping[str, bytes]) -> None:
    """Have every connection of the engine show its session's pass, signed with the first of the keys that the database knows,
    by id. Nothing happens on SQLite.
    """
    if engine.dialect.name != "postgresql":
        return
    _keys[engine] = keys
    # Where errors of the driver are handled like those of the statement itself.
    for moment in ("do_execute", "do_executemany", "do_execute_no_params"):
        sa.event.listen(engine, moment, _before)
    sa.event.listen(engine, "rollback_savepoint", _unknown)
    sa.event.listen(engine, "checkin", _leave)


def _before(cursor: Any, statement: str, *_: object) -> None:
    state = _connections.get(cursor.connection)
    if state is not None and not statement.startswith(_SAVEPOINTS):
        state.show()


def _unknown(connection: sa.Connection, *_: object) -> None:
    """A rollback to a savepoint takes back what was shown since."""
    if not connection.invalidated and (state := _connections.get(connection.connection.dbapi_connection)):
        state.shown = _UNKNOWN


def _leave(connection: Any, _record: object) -> None:
    # None: the connection was lost.
    if connection is not None and (state := _connections.get(connection)) and state.context is not None:
        state.context.on_scope, state.context = None, None


@sa.event.listens_for(PortalSession, "after_begin")
def _enter(session: Session, transaction: SessionTransaction, connection: sa.Connection) -> None:
    """A new transaction has shown nothing yet. What the connection shows from before is no matter."""
    keys = _keys.get(connection.engine)
    if transaction.nested or keys is None:
        return
    raw: Any = connection.connection.dbapi_connection
    state = _connections.get(raw)
    if state is None:
        state = _connections[raw] = _Connection(raw, keys)
    state.context, state.shown = cast(PortalSession, session).context, _UNKNOWN
    state.context.on_scope = state.narrow
    # The driver's own cursor may come first.
    state.show()


@sa.event.listens_for(PortalSession, "after_soft_rollback")
def _rolled_back(session: Session, _transaction: SessionTransaction) -> None:
    """Going back to a savepoint that was made in a wider scope."""
    if tell := cast(PortalSession, session).context.on_scope:
        tell()
