"""Engine, sessions, column types. The only module beside imports and benches that speaks raw SQL."""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, cast

import sqlalchemy as sa
from flask import Flask, g, has_request_context
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from hp_portal import passes, scopes
from hp_portal.events import EventRegistry, PortalEvent
from hp_portal.file_store import make_store
from hp_portal.moments import UTCDateTime as UTCDateTime
from hp_portal.private_files import make_private_file, make_private_folder
from hp_portal.session import CORE, OrganizationScope, Scope, ScopeViolation, SessionContext, WholeScope
from hp_portal.session import PortalSession as PortalSession
from hp_portal.settings import ConfigurationError, Settings
from hp_portal.transactions import follow_transactions
from hp_portal.vault import Vault
from hp_portal.wall import executing, writing

writing.install()

REST = 1.0
"""Seconds after which a connection of the pool is asked whether PostgreSQL is still there."""


BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""The type of ids: 64 bits on PostgreSQL; SQLite's autoincrementing key must be spelled INTEGER."""
key = Annotated[int, mapped_column(BigId, primary_key=True)]
"""The annotation of a model's own id: `id: Mapped[key]`."""


class Base(DeclarativeBase):
    """Every table of the portal and of its plugins."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dt.datetime: UTCDateTime(), int: sa.BigInteger()}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        scopes.check_marked(cls)
        super().__init_subclass__(**kwargs)
        if not vars(cls).get("__abstract__") and cls.metadata is not sa.inspect(cls).local_table.metadata:  # type: ignore[attr-defined]
            raise TypeError(f"{cls.__name__} has a table of other metadata than Base's")
        scopes.register(cls)


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _make_private(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    """SQLite would make its file for everybody to read; those it makes beside it have the file's mode."""
    if arguments and arguments[0] not in ("", ":memory:"):
        make_private_file(Path(arguments[0]))


def sqlite_files(engine: sa.Engine) -> list[Path]:
    """The database's file, those beside it and the folder they lie in; nothing for PostgreSQL."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return []
    return [Path(name).parent, *(Path(name + ending) for ending in ("", "-wal", "-shm", "-journal"))]


def make_engine(url: str, pool: int = 10) -> sa.Engine:
    """An engine for SQLite or PostgreSQL, set up for safety. Raises ConfigurationError for any other database."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigurationError(f"HP_PORTAL_DATABASE_URL is not a database URL: {url}") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            make_private_folder(Path(parsed.database).parent)
        # IMMEDIATE: a transaction that writes takes the lock when it first writes and waits for it, instead of failing
        # because what it had read before has become old.
        engine = sa.create_engine(
            parsed, pool_size=pool, hide_parameters=True, connect_args={"isolation_level": "IMMEDIATE", "timeout": 30}
        )
        sa.event.listen(engine, "do_connect", _make_private)
        sa.event.listen(engine, "connect", _configure_sqlite)
        executing.install(engine)
        return follow_transactions(engine)
    if backend == "postgresql":
        engine = sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=pool,
            hide_parameters=True,
            connect_args={"options": "-c timezone=UTC"},
        )
        _ask_after_a_rest(engine)
        executing.install(engine)
        return follow_transactions(engine)
    raise ConfigurationError(f"HP_PORTAL_DATABASE_URL names {backend}; the portal runs on sqlite and postgresql.")


def _ask_after_a_rest(engine: sa.Engine) -> None:
    """Have a connection that nobody used for `REST` seconds asked whether the server is still there, before it is used again.

    SQLAlchemy's own `pool_pre_ping` asks each time, which is a tenth of a search. A server that was started again while a
    connection was in use shows itself in that request; the pool is new for those after it.
    """

    @sa.event.listens_for(engine, "checkin")
    def note(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def ask(connection: DBAPIConnection, record: sa.pool.ConnectionPoolEntry, _proxy: object) -> None:
        rests_since = record.info.get("rests_since")
        if rests_since is None or time.monotonic() - rests_since < REST:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.InvalidatePoolError("the server was started again") from error


class Database:
    """The engine, and one session a request."""

    def __init__(self, settings: Settings) -> None:
        self.engine = make_engine(settings.database_url, settings.database_pool)
        self.vault = Vault(settings.data_keys)
        self.store = make_store(settings)
        passes.install(self.engine, self.vault.wall_keys)
        # What every session carries along; app.py sets both.
        self.events = EventRegistry()
        self.dispatch: Callable[[PortalSession, PortalEvent], object] | None = None
        # What compares the data keys with the database's; False: it cannot tell yet. app.py sets it.
        self.compare_keys: Callable[[PortalSession, Vault], bool] = lambda _session, _vault: True
        self._keys_fit = False

    def check_keys(self) -> None:
        """Compare HP_PORTAL_DATA_KEY with what the database knows. Raises ConfigurationError when it is another database's."""
        with self._session(WholeScope("the data keys")) as session:
            self._keys_fit = self.compare_keys(session, self.vault)

    def check_keys_if_there(self) -> None:
        """The same, at the start of a server: a database that does not answer yet is compared later."""
        try:
            self.check_keys()
        except sa.exc.SQLAlchemyError:
            self._keys_fit = False

    def new_session(self, scope: Scope | None = None) -> PortalSession:
        """A session of one's own, to be used as a context manager: commands, the worker, tests.

        The first one compares the data keys: raises ConfigurationError when they are another database's. Raises ScopeViolation
        when code that is not the core's asks for a scope in a page of an organization.
        """
        asking = sys._getframe(1).f_globals.get("__name__", "")
        if scope is not None and not asking.startswith("hp_portal.") and _in_page_of_organization():
            raise ScopeViolation("another session's scope in a page of an organization; see only what its own shows")
        if not self._keys_fit:
            self.check_keys()
        return self._session(scope)

    def _session(self, scope: Scope | None) -> PortalSession:
        context = SessionContext(self.vault, self.events, self.dispatch, scope, store=self.store)
        return PortalSession(self.engine, context=context, expire_on_commit=False)

    @property
    def session(self) -> PortalSession:
        """The session of this request."""
        if "session" not in g:
            g.session = self.new_session()
        return cast(PortalSession, g.session)

    def install(self, app: Flask) -> None:
        """End each request's session with the request."""
        app.extensions["hp_portal.database"] = self
        app.teardown_appcontext(close_session)


def _in_page_of_organization() -> bool:
    if not has_request_context() or "session" not in g:
        return False
    return isinstance(g.session.context.scope, OrganizationScope)


def close_session(_error: BaseException | None = None) -> None:
    """End the request's session; what was not committed is rolled back."""
    session = g.pop("session", None)
    if session is not None:
        session.close()


def is_postgresql(session: Session) -> bool:
    """Does the session speak to PostgreSQL? Otherwise it is SQLite."""
    return session.get_bind().dialect.name == "postgresql"


def _lock_number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def lock(session: Session, name: str) -> None:
    """Hold a named lock until this transaction ends, so that check-then-write is done by one at a time.

    PostgreSQL: an advisory lock of that name. SQLite has one writer anyway: the write transaction starts here.
    """
    if is_postgresql(session):
        statement = sa.text("SELECT pg_advisory_xact_lock(:number)")
        session.connection().execute(statement, {"number": _lock_number(name)}, execution_options=CORE)
    else:
        start_writing(session)


def has_table(session: Session, name: str) -> bool:
    """Is the table in the database? Before its migration has run it is not."""
    return sa.inspect(session.connection()).has_table(name)


def columns_in_database(session: Session) -> dict[str, set[str]]:
    """The tables that are in the database, each with the names of its columns."""
    found = sa.inspect(session.connection()).get_multi_columns()
    return {table: {column["name"] for column in columns} for (_, table), columns in found.items()}


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key of a table in the database: its columns, and those of the other table that they name."""

    table: str
    columns: tuple[str, ...]
    referred: tuple[str, ...]

    @cached_property
    def lightweight(self) -> sa.TableClause:
        """The table, as far as its foreign key goes."""
        return sa.table(self.table, *(sa.column(name) for name in self.columns))


def foreign_keys_to(session: Session, table: str) -> list[ForeignKey]:
    """Every foreign key to a table that the database knows, also of tables that no model speaks of."""
    found = sa.inspect(session.connection()).get_multi_foreign_keys()
    return [
        ForeignKey(name, tuple(one["constrained_columns"]), tuple(one["referred_columns"]))
        for (_, name), keys in sorted(found.items())
        for one in keys
        if one["referred_table"].casefold() == table
    ]


def table_names(session: Session) -> list[str]:
    """The names of the tables that are in the database."""
    return sa.inspect(session.connection()).get_table_names()


def schema_connection(session: Session) -> sa.Connection:
    """The session's connection, in its write transaction, for dropping tables."""
    start_writing(session)
    return session.connection()


def start_writing(session: Session) -> None:
    """Start the write transaction on SQLite, where reading alone starts none; PostgreSQL has one already."""
    connection = session.connection()
    if is_postgresql(session):
        return
    raw = cast(sqlite3.Connection, connection.connection.dbapi_connection)
    if not raw.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE", execution_options=dict(CORE))


def staging_table(session: Session, table: str) -> str:
    """A table for COPY to fill in place of `table`, which has row-level security; its rows are then inserted from there.

    It has the same columns, is quoted, and ends with the transaction. Empty where COPY may fill the table itself: its owner is
    not held by row-level security. In a whole scope; otherwise the database refuses.
    """
    connection = session.connection()
    if not connection.scalar(sa.text("SELECT row_security_active(:name)"), {"name": table}):
        return ""
    return str(connection.scalar(sa.text(f"SELECT {passes.SCHEMA}.stage(:name)"), {"name": table}))


# Rows that SQLite looks at for each index; PostgreSQL takes a sample by itself.
_ANALYSIS_LIMIT = 1000


def refresh_statistics(session: Session, *models: type[Base]) -> None:
    """Have the database look anew at how the rows of these models are spread, after many were added: until it does, it plans
    statements for the table as it was.

    In the session's transaction, which the caller commits. Nobody who reads or writes waits for it on PostgreSQL; on SQLite
    writers wait, for milliseconds.
    """
    connection = session.connection()
    if not is_postgresql(session):
        connection.exec_driver_sql(f"PRAGMA analysis_limit={_ANALYSIS_LIMIT}")
    for model in models:
        if is_postgresql(session):  # the runtime role may not: it does not own the tables
            connection.execute(sa.text(f"SELECT {passes.SCHEMA}.analyze(:name)"), {"name": model.__tablename__})
        else:
            connection.exec_driver_sql(f"ANALYZE {connection.dialect.identifier_preparer.quote(model.__tablename__)}")


@contextmanager
def changing_schema(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction for a change of the schema, by one process at a time; undone when the block raises.

    SQLite rebuilds a table to change it, which foreign keys would forbid: they are checked at the end instead.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _lock_number("schema")})
            yield connection
            connection.commit()
            return
        raw = cast(sqlite3.Connection, connection.connection.dbapi_connection)
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise sa.exc.IntegrityError(
                    "foreign_key_check", None, ValueError(f"rows of {broken[0]} lost their owner")
                )
            connection.commit()
        finally:
            connection.rollback()
            raw.execute("PRAGMA foreign_keys=ON")
