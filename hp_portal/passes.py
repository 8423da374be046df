"""What a transaction of PostgreSQL shows to say whose rows it may see: the second wall behind the scopes of hp_portal/scopes.py.

The setting `portal.pass` holds the scope with a keyed digest of it and of the connection's process. The policies of the tables
believe it only after a function of the database has checked the digest with a key that the portal's role cannot read: SQL that
got into a session can read the session's own pass, and cannot make one for another organization.

The driver's cursors send it, whoever made them, before the first statement after the scope became another: a scope in which
nothing is asked costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, cast
from weakref import WeakKeyDictionary, ref

import psycopg
import sqlalchemy as sa
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from hp_portal.session import OrganizationScope, PortalSession, Scope, SessionContext
from hp_portal.settings import ConfigurationError

SCHEMA = "portal_wall"
SETTING = "portal.pass"
WHOLE = 0
_KEYS_THERE = (
    "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE n.nspname = '{SCHEMA}' AND c.relname = 'key_ids' AND has_schema_privilege(n.oid, 'USAGE')"
)
_KEYS = f"SELECT id FROM {SCHEMA}.key_ids"


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
            self.key = known_key(psycopg.Cursor(raw), self.keys)
            if self.key is None:
                return
        text = self.passes.get(wanted)
        if text is None:
            text = make_pass(*self.key, cast(int, wanted), self.process)
            if len(self.passes) < _KEPT:
                self.passes[wanted] = text
        _say(raw, text)
        self.shown = wanted


def _say(raw: Any, text: str) -> None:
    """Show a pass: an id of a key, a number and a digest in hexadecimal digits, so there is nothing to be quoted. A transaction
    of the usual kind is begun on the way, which spares a round trip."""
    statement = f"SET LOCAL {SETTING} = '{text}'"
    begins = raw.info.transaction_status == TransactionStatus.IDLE
    if begins and (raw.autocommit or raw.isolation_level or raw.read_only is not None or raw.deferrable is not None):
        psycopg.Cursor(raw).execute(statement, prepare=False)
        return
    with raw.lock:
        result = raw.pgconn.exec_(f"BEGIN; {statement}".encode() if begins else statement.encode())
    if raw.closed:
        raise psycopg.OperationalError("the server closed the connection")
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)


class entering(FunctionElement[int]):
    """The last column of a select in a whole scope that finds out whose request it is: the transaction enters that
    organization's scope on the way. Null where it does not, as on SQLite. Tell `entered` of it."""

    inherit_cache = True
    type = sa.BigInteger()


@compiles(entering)
def _enter_it(element: entering, compiler: SQLCompiler, **options: Any) -> str:
    return f"{SCHEMA}.enter({compiler.process(element.clauses, **options)})"


@compiles(entering, "sqlite")
def _enter_nothing(_element: entering, _compiler: SQLCompiler, **_options: Any) -> str:
    return "NULL"


def entered(connection: sa.Connection, organization_id: int | None) -> None:
    """What `entering` answered: that pass is shown now, and need not be shown again."""
    if organization_id is None:
        return
    state = _connections.get(connection.connection.dbapi_connection)
    if state is not None:
        state.shown = organization_id


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
    sa.event.listen(engine, "connect", _make_cursors_show)
    sa.event.listen(engine, "rollback_savepoint", _unknown)
    sa.event.listen(engine, "checkin", _leave)


class _Shows:
    """A cursor of the driver that first shows what the session's scope has become."""

    connection: Any

    def _show(self, statement: Any) -> None:
        """Show what the scope has become, unless the statement goes on without."""
        state = _connections.get(self.connection)
        if state is not None and not (isinstance(statement, str) and statement.startswith(_SAVEPOINTS)):
            state.show()


class _Cursor(_Shows, psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        self._show(query)
        return super().execute(query, params, **options)

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        self._show(query)
        super().executemany(query, params_seq, **options)

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        self._show(query)
        yield from super().stream(query, params, **options)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[psycopg.Copy]:
        self._show(statement)
        with super().copy(statement, params, **options) as copying:
            yield copying


class _ServerCursor(_Shows, psycopg.ServerCursor[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        self._show(query)
        return super().execute(query, params, **options)


def _make_cursors_show(connection: Any, _record: object) -> None:
    connection.cursor_factory, connection.server_cursor_factory = _Cursor, _ServerCursor


def _unknown(connection: sa.Connection, *_: object) -> None:
    """A rollback to a savepoint takes back what was shown since."""
    if not connection.invalidated and (state := _connections.get(connection.connection.dbapi_connection)):
        state.shown = _UNKNOWN


def _leave(connection: Any, _record: object) -> None:
    # None: the connection was lost.
    if connection is not None and (state := _connections.get(connection)):
        state.context = None


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
