"""Rows into tables, as fast as each database takes them, in the session's own transaction.

Statements are made here once from the models' columns: the only raw SQL of the plugin. Indexes stay in place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast

import psycopg
import sqlalchemy as sa
from psycopg import sql

from hp_portal.api import Base, PortalSession, is_postgresql, staging_table

from .. import models
from ..persons import Person
from ..x12 import records

LoadedRow = Sequence[Any]


@dataclass(frozen=True)
class Target:
    """A table and its columns in the order of the rows that are loaded."""

    table: str
    columns: tuple[str, ...]


def target(model: type[Base], columns: Iterable[str]) -> Target:
    """Raises ValueError when the table has no such columns: the reader and the models must agree."""
    names = tuple(columns)
    table = cast(sa.Table, model.__table__)
    if unknown := set(names) - set(table.c.keys()):
        raise ValueError(f"{table.name} has no columns {sorted(unknown)}")
    return Target(table.name, names)


def _as_read(columns: Iterable[str]) -> tuple[str, ...]:
    """The reader's first column is the payment's number, which is its id."""
    return tuple("payment_id" if column == "payment" else column for column in columns)


# What the reader says of a payment that is not stored as it stands: the envelope's numbers are in the kept text, the TIN is
# sealed, and `payee_id` means the payer's record here.
_NOT_STORED = frozenset(
    {
        "payment",
        "payee_id_qualifier",
        "payee_id",
        "payee_tin",
        "interchange_sender",
        "interchange_receiver",
        "interchange_control_number",
        "group_control_number",
        "version",
    }
)
PAYMENT_FACTS = tuple(column for column in records.PAYMENT if column not in _NOT_STORED)
_PAYMENT_KEYS = (
    "id", "file_id", "imported_at", "identity", "in_question", "repeated", "later_part", "number_key", "payee_id",
    "payee_tin_sealed", "payee_tin_hash",
)  # fmt: skip
CLAIM_FACTS = tuple(column for column in records.CLAIM if column not in Person._fields)
_CLAIM_KEYS = (
    "payee_id", "patient_control_key", "payer_control_key", "member_token", "patient_token", "person_sealed",
)  # fmt: skip

PAYMENTS = target(models.Payment, (*_PAYMENT_KEYS, *PAYMENT_FACTS))
CLAIMS = target(models.Claim, (*_as_read(CLAIM_FACTS), *_CLAIM_KEYS))
LINES = target(models.Line, _as_read(records.LINE))
ADJUSTMENTS = target(models.Adjustment, (*_as_read(records.ADJUSTMENT), "position"))
PROVIDER_ADJUSTMENTS = target(
    models.ProviderAdjustment, (*_as_read(records.PROVIDER_ADJUSTMENT), "position", "reference_key")
)
TEXTS = target(models.PaymentText, ("payment_id", "sealed"))


def as_stored(session: PortalSession, column: Any, value: object) -> object:
    """A value as the driver takes it for a mapped column: rows that are loaded go past SQLAlchemy's types."""
    dialect = session.connection().dialect
    made = column.type.dialect_impl(dialect).bind_processor(dialect)
    return made(value) if made else value


class CannotStore(Exception):
    """The database refused rows. The driver's own message is left out: it may quote a row, and a row is a patient's.

    `passing`: the database was away, busy or full, so that trying again may do.
    """

    def __init__(self, table: str, error: Exception) -> None:
        super().__init__(f"{table}: {type(error).__name__}")
        self.passing = isinstance(error, psycopg.OperationalError | sqlite3.OperationalError)


class Loader(Protocol):
    """Puts rows into tables, in the order in which it is called. Every method raises CannotStore."""

    most_rows: int
    """How many rows of all tables together are loaded best at a time."""
    overlaps: bool
    """Whether the database inserts while the caller does something else."""

    def load(self, target: Target, rows: Sequence[LoadedRow]) -> None:
        """Send rows to the database. They are in the table once `finish` has returned."""

    def start(self, pool: Executor) -> None:
        """Have the database insert what was sent while the caller does something else: nothing with the session and nothing
        with the loader until `finish`.
        """

    def finish(self) -> None:
        """Wait until all that was sent is in its table."""


class SQLiteLoader:
    """`executemany` of tuples on the driver's own cursor."""

    most_rows = 8_000
    overlaps = False

    def __init__(self, connection: sqlite3.Connection, breathe: Callable[[], None] | None = None) -> None:
        self._cursor = connection.cursor()
        self._breathe = breathe
        if breathe is not None:
            self.most_rows = ROWS_A_STEP

    def load(self, target: Target, rows: Sequence[LoadedRow]) -> None:
        names = ", ".join(f'"{column}"' for column in target.columns)
        marks = ", ".join("?" for _ in target.columns)
        statement = f'INSERT INTO "{target.table}" ({names}) VALUES ({marks})'
        if self._breathe is None:
            self._insert(target, statement, rows)
            return
        for start in range(0, len(rows), _BETWEEN_BREATHS):
            self._breathe()
            self._insert(target, statement, rows[start : start + _BETWEEN_BREATHS])

    def _insert(self, target: Target, statement: str, rows: Sequence[LoadedRow]) -> None:
        try:
            self._cursor.executemany(statement, rows)
        except sqlite3.Error as error:
            raise CannotStore(target.table, error) from None

    def start(self, pool: Executor) -> None:
        """Nothing: the rows are there already."""

    def finish(self) -> None:
        """Nothing: the rows are there already."""


class PostgreSQLLoader:
    """`COPY … FROM STDIN`: five times as fast as `executemany`.

    It refuses tables with row-level security, so rows are copied into tables of the transaction's own and inserted from there:
    all of them by one command, while the importer reads on. Each batch costs some milliseconds, so batches are large.
    """

    most_rows = 48_000
    overlaps = True

    def __init__(self, connection: psycopg.Connection[Any], staged: Callable[[str], str]) -> None:
        self._cursor = connection.cursor()
        self._staged = staged
        self._commands: list[sql.Composable] = []
        self._running: Future[None] | None = None

    def load(self, target: Target, rows: Sequence[LoadedRow]) -> None:
        if not rows:
            return
        table, columns = sql.Identifier(target.table), sql.SQL(", ").join(map(sql.Identifier, target.columns))
        try:
            stage = self._staged(target.table)
            into = sql.SQL(stage) if stage else table
            with self._cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(into, columns)) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise CannotStore(target.table, error) from None
        if stage:
            moved = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}; TRUNCATE {}")
            self._commands.append(moved.format(table, columns, columns, into, into))

    def start(self, pool: Executor) -> None:
        commands, self._commands = self._commands, []
        if commands:
            self._running = pool.submit(self._insert, sql.SQL("; ").join(commands))

    def finish(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.result()
        commands, self._commands = self._commands, []
        if commands:
            self._insert(sql.SQL("; ").join(commands))

    def _insert(self, commands: sql.Composed) -> None:
        try:
            self._cursor.execute(commands)
        except psycopg.Error as error:
            raise CannotStore(error.diag.table_name or "remittance", error) from None


ROWS_A_STEP = 4_000
_BETWEEN_BREATHS = 500


def driver_of_sqlite(session: PortalSession) -> sqlite3.Connection | None:
    """The driver's connection, which the session keeps until it commits; None for PostgreSQL."""
    if is_postgresql(session):
        return None
    return cast(sqlite3.Connection, session.connection().connection.dbapi_connection)


def wait_for_the_disk(connection: sqlite3.Connection, *, each_time: bool) -> None:
    """Whether each commit of SQLite waits for the disk, or only what writes the log back. Not within a transaction."""
    connection.execute(f"PRAGMA synchronous={'FULL' if each_time else 'NORMAL'}")


def loader(session: PortalSession, breathe: Callable[[], None] | None = None) -> Loader:
    """The loader for the session's database, in its transaction.

    `breathe` is called by SQLite's between some hundred rows and the next: it may end the transaction and begin another.
    """
    connection = session.connection().connection.dbapi_connection
    if is_postgresql(session):
        return PostgreSQLLoader(
            cast("psycopg.Connection[Any]", connection), cache(lambda table: staging_table(session, table))
        )
    return SQLiteLoader(cast(sqlite3.Connection, connection), breathe)
