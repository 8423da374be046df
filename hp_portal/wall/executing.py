"""What may be executed in a session that does not see everything: asked at the engine, for every statement of every kind.

Whatever is run by SQLAlchemy passes here. On SQLite the connection's authorizer asks the same of what is run on the driver's own
cursors: it is called when a statement is prepared. The driver keeps prepared statements by their text, so those that passed
here carry a mark in a comment that no other text has; and those prepared on the driver in a wider scope are made anew.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import sqlalchemy as sa
from flask import g, has_request_context
from sqlalchemy.orm import Session

from hp_portal.session import (
    CORE,
    SCOPED,
    PortalSession,
    Scope,
    ScopeMissing,
    ScopeViolation,
    WholeScope,
)
from hp_portal.statements import Report, reporting

KEY = "hp_portal.wall"
_MARK = f" /* {secrets.token_hex(8)} */"


class Guard:
    """What is known of one connection of the driver. `session` is whose it is at present."""

    def __init__(self) -> None:
        self.session: PortalSession | None = None
        self.is_passing = False
        # a statement was prepared on the driver's own cursor where everything may be seen
        self.is_loose = False
        self.tighten: Callable[[], None] = lambda: None

    @property
    def scope(self) -> Scope | None:
        """The scope that holds: the session's, or in a request the one of the request's session."""
        if self.session is not None:
            return self.session.context.scope
        if has_request_context() and (asking := g.get("session")) is not None:
            return cast(PortalSession, asking).context.scope
        return _OUTSIDE

    def settle(self) -> None:
        """What was prepared in a wider scope is not used in a narrower one."""
        if self.is_loose and not isinstance(self.scope, WholeScope):
            self.is_loose = False
            self.tighten()


_OUTSIDE = WholeScope("outside of sessions and of organizations' requests")


def install(engine: sa.Engine) -> None:
    """Have every statement of an engine pass."""
    dialect = engine.dialect
    dialect.statement_compiler = reporting(cast(Any, dialect.statement_compiler))
    is_sqlite = dialect.name == "sqlite"
    sa.event.listen(engine, "connect", _watch_sqlite if is_sqlite else _watch)
    sa.event.listen(engine, "checkout", _checked_out)
    sa.event.listen(engine, "checkin", _checked_in)
    for name, run in (("do_execute", "execute"), ("do_executemany", "executemany")):
        sa.event.listen(engine, name, _passing(run) if is_sqlite else _check)
    sa.event.listen(engine, "do_execute_no_params", _passing_bare if is_sqlite else _check_bare)


def _guard_of(context: Any) -> Guard:
    try:
        return cast(Guard, context.root_connection._dbapi_connection.info[KEY])
    except NotImplementedError:
        return _NEW  # SQLAlchemy asks the first connection what kind of database it is


_NEW = Guard()


def _passing(name: str) -> Callable[[Any, str, Any, Any], bool]:
    """Execute a statement that passes, with the mark and with the authorizer told."""

    def run(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        guard = _guard_of(context)
        check(guard, context)
        guard.is_passing = True
        try:
            getattr(cursor, name)(_marked(statement), parameters)
        finally:
            guard.is_passing = False
        return True

    return run


def _passing_bare(cursor: Any, statement: str, context: Any) -> bool:
    return _passing("execute")(cursor, statement, (), context)


def _check(_cursor: Any, _statement: str, _parameters: Any, context: Any) -> None:
    check(_guard_of(context), context)


def _check_bare(_cursor: Any, _statement: str, context: Any) -> None:
    check(_guard_of(context), context)


@lru_cache(2000)
def _marked(statement: str) -> str:
    return statement + _MARK


def check(guard: Guard, context: Any) -> None:
    """Raise ScopeViolation or ScopeMissing unless a statement may be run on its connection."""
    scope = guard.scope
    if isinstance(scope, WholeScope):
        return
    options = context.execution_options
    if options.get("portal_pass") is CORE["portal_pass"]:
        return
    report: Report | None = getattr(context.compiled, "report", None)
    if report is None:
        raise ScopeViolation("raw SQL on the connection, in a session that does not see everything")
    if options.get("portal_pass") is SCOPED["portal_pass"]:
        if report.problem:
            raise ScopeViolation(report.problem)
        _check_binds(report, scope, context)
        return
    session = guard.session
    if session is not None and session._flushing and "compiled_cache" in options:
        _check_flushed(report)
        return
    if not (report.tables or report.texts or report.changes or report.selects or report.conflicts):
        return  # a savepoint
    raise ScopeViolation("a statement on the connection, in a session that does not see everything")


def _check_binds(report: Report, scope: Scope | None, context: Any) -> None:
    """Whatever was said on the way, the organization in the statement is the session's."""
    if not report.binds:
        return
    if scope is None:
        raise ScopeMissing("no scope is set for this session: whose rows may it see?")
    for values in context.compiled_parameters:
        for name in report.binds:
            if values[name] != scope.organization_id:
                raise ScopeViolation("a statement named another organization as its scope")


def _check_flushed(report: Report) -> None:
    """The flush writes rows by their keys, each of which was looked at (see writing.py), and nothing beside."""
    table = report.changes[0][1] if len(report.changes) == 1 else ""
    if report.texts or report.selects or report.conflicts or not table or report.uncovered - {table}:
        raise ScopeViolation("a row was about to be written with SQL of its own; give values")


def _watch(_connection: Any, record: Any) -> None:
    record.info[KEY] = Guard()


def _watch_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    guard = record.info[KEY] = Guard()
    authorize = _authorizer(guard)
    # Setting it has every prepared statement made, and so looked at, anew.
    guard.tighten = lambda: connection.set_authorizer(authorize)
    guard.tighten()


_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT})


def _authorizer(guard: Guard) -> Callable[..., int]:
    def authorize(action: int, *_names: Any) -> int:
        if guard.is_passing or action in _ALLOWED:
            return sqlite3.SQLITE_OK
        if isinstance(guard.scope, WholeScope):
            guard.is_loose = True
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    return authorize


def _checked_out(_connection: Any, record: Any, _proxy: Any) -> None:
    record.info[KEY].settle()


def _checked_in(_connection: Any, record: Any) -> None:
    guard = record.info.get(KEY)
    if guard is not None:
        guard.session = None


@sa.event.listens_for(PortalSession, "after_begin")
def _begun(session: Session, _transaction: Any, connection: sa.Connection) -> None:
    guard: Guard = connection.info[KEY]
    owner = cast(PortalSession, session)
    guard.session = owner
    owner.guards.append(guard)
    guard.settle()


@sa.event.listens_for(PortalSession, "after_transaction_end")
def _ended(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        owner = cast(PortalSession, session)
        for guard in owner.guards:
            if guard.session is owner:
                guard.session = None
        owner.guards.clear()
