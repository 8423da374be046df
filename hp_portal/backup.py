"""Backup and restore of the whole database: one file, made while the portal runs.

An SQLite database is copied by SQLite's online backup, a PostgreSQL database by `pg_dump` and `pg_restore`, which must be
on the PATH in the server's version. The file holds all data and neither of the two keys.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from psycopg.conninfo import make_conninfo

from hp_portal import migrations, roles
from hp_portal.core.activity import verifying
from hp_portal.core.audit.record import record
from hp_portal.core.people.accounts import end_everybodys_sessions
from hp_portal.database import Database
from hp_portal.private_files import make_private_file
from hp_portal.scopes import WholeScope

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# How the files of each kind begin.
SIGNS = {SQLITE: b"SQLite format 3\0", POSTGRESQL: b"PGDMP"}
# Whoever owns the database that is restored into owns what is in it.
OPTIONS = ("--no-owner", "--no-privileges")


class BackupFailed(Exception):
    """Nothing was written, or nothing restored; the text is for the person at the terminal."""


@dataclass(frozen=True)
class Restored:
    """What was found in the database after restoring.

    `unready` says why it cannot serve this version of the portal yet, nothing when it can; `audit` is None until then.
    """

    unready: list[str]
    audit: verifying.Verification | None


def back_up(engine: sa.Engine, target: Path) -> None:
    """Write the database to `target`, a new file that its owner alone may read. Raises BackupFailed."""
    if target.exists():
        raise BackupFailed(f"{target} exists already. Choose another name.")
    with _written_whole(target) as partial:
        if engine.dialect.name == SQLITE:
            source = Path(engine.url.database or "")
            if not source.is_file():
                raise BackupFailed(f"There is no database at {source}.")
            with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(partial)) as copy:
                original.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        else:
            roles.refuse_runtime(engine)
            _run("pg_dump", engine, "--format=custom", *OPTIONS, f"--file={partial}")


def restore(app: Flask, source: Path) -> Restored:
    """Fill the empty database of `app` with a backup, sign everybody out, and look at what is in it. Raises BackupFailed."""
    database: Database = app.extensions["hp_portal.database"]
    engine = database.engine
    _check_kind(source, engine.dialect.name)
    if sa.inspect(engine).get_table_names():
        raise BackupFailed(
            "The database is not empty, and nothing was changed. Restore into a new one: name it in "
            "HP_PORTAL_DATABASE_URL, or move the old one away first."
        )
    if engine.dialect.name == SQLITE:
        _restore_sqlite(source, Path(engine.url.database or ""))
    else:
        _run("pg_restore", engine, "--exit-on-error", "--single-transaction", *OPTIONS, after=(str(source.resolve()),))
    engine.dispose()
    with app.app_context():
        unready = migrations.unready(app)
        with database.new_session(WholeScope("what was restored")) as session:
            # Whoever signed in before the backup was made, and has been signed out since, must not be signed in again.
            ended = end_everybodys_sessions(session, "restored")
            session.commit()
            if unready:
                return Restored(unready, None)
            found = verifying.verify(session)
            record(session, "staff.database.restored", sign_ins_ended=ended)
            session.commit()
            return Restored([], found)


def _onto_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _written_whole(target: Path) -> Iterator[Path]:
    """A file beside `target` that takes its name once everything is in it."""
    partial = target.with_name(target.name + ".partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise BackupFailed(
            f"{partial} exists: another backup is being written, or one was interrupted. Delete it in that case."
        ) from error
    except OSError as error:
        raise BackupFailed(f"{partial} cannot be written: {error.strerror}.") from error
    try:
        yield partial
        _onto_disk(partial)
        _name(partial, target)
        _onto_disk(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"The backup was not written: {error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def _name(partial: Path, target: Path) -> None:
    """Give the file its name, but never that of a file which somebody has made meanwhile."""
    try:
        os.link(partial, target)  # unlike renaming, this never replaces anything
    except FileExistsError as error:
        raise BackupFailed(f"{target} was made by somebody else meanwhile. Choose another name.") from error
    except OSError:  # a file system without hard links
        if target.exists():
            raise BackupFailed(f"{target} was made by somebody else meanwhile. Choose another name.") from None
        os.replace(partial, target)


def _check_kind(source: Path, kind: str) -> None:
    try:
        with source.open("rb") as file:
            start = file.read(max(map(len, SIGNS.values())))
    except OSError as error:
        raise BackupFailed(f"{source} cannot be read: {error.strerror}.") from error
    found = next((name for name, sign in SIGNS.items() if start.startswith(sign)), None)
    if found is None:
        raise BackupFailed(f"{source} is not a backup that `hp-portal backup` has made.")
    if found != kind:
        raise BackupFailed(f"{source} is a backup of a {found} database; HP_PORTAL_DATABASE_URL names {kind}.")


def _restore_sqlite(source: Path, target: Path) -> None:
    make_private_file(target)
    try:
        with closing(sqlite3.connect(source)) as backup, closing(sqlite3.connect(target)) as copy:
            (answer,) = backup.execute("PRAGMA quick_check(1)").fetchone()
            if answer != "ok":
                raise BackupFailed(f"{source} is damaged, and nothing was restored: {answer}")
            backup.backup(copy)
    except sqlite3.Error as error:
        raise BackupFailed(f"{source} cannot be restored: {error}.") from error


def _run(program: str, engine: sa.Engine, *options: str, after: tuple[str, ...] = ()) -> None:
    """Run one of PostgreSQL's programs on the engine's database. The password travels in the environment."""
    _, given = engine.dialect.create_connect_args(engine.url)
    given = {name: value for name, value in given.items() if isinstance(value, str | int)}
    password = str(given.pop("password", ""))
    command = [program, *options, f"--dbname={make_conninfo(**given)}", *after]
    path = shutil.which(program)
    if path is None:
        raise BackupFailed(
            f"{program} is not on the PATH. Install PostgreSQL's client programs in the server's version (Debian: "
            f"postgresql-client), or run this where they are:\n  {shlex.join(command)}"
        )
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    result = subprocess.run(  # noqa: S603 - a program found on the PATH, with arguments that no shell reads
        [path, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    if result.returncode:
        raise BackupFailed(f"{program} failed: {result.stderr.strip()}")
