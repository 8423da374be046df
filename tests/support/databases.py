"""Databases for tests: a migrated template made once a run, copied for every test."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from hp_portal import migrations, roles
from hp_portal.app import create_app
from hp_portal.core.applications.menu import start_settings
from hp_portal.database import Database, make_engine
from hp_portal.scopes import WholeScope
from hp_portal.settings import Settings, load_settings

from .postgresql import OWNER, RUNTIME, PostgresServer, locked

SECRET_KEY = hashlib.sha256(b"signs cookies, for tests alone").hexdigest()


def data_key(name: str) -> str:
    """A data key of that name, for tests alone: the same one for everybody who asks for it."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


DATA_KEY = data_key("tests")


def database_of(app: Flask) -> Database:
    database: Database = app.extensions["hp_portal.database"]
    return database


def settings_for(database_url: str, instance: Path, **values: Any) -> Settings:
    """The settings of an app under test; `values` win."""
    defaults: dict[str, Any] = {
        "secret_key": SECRET_KEY,
        "data_key": DATA_KEY,
        "instance_path": instance,
        "https": False,
        "log_format": "text",
        "reason_asked": "never",
        # Who must have a second factor is a test of its own.
        "second_factor_for": "",
        # What a proof needs besides the number is a test of its own.
        "proof_asks_more": "never",
        "proof_days": 36_500,
        "payer": {"name": "Sample Health Plan", "short_name": "Sample", "phone": "555-0100", "payer_id": "99999"},
    }
    return load_settings(**{**defaults, "database_url": database_url, **values})


def prepare_database(app: Flask) -> None:
    """Make the tables, as `hp-portal db upgrade` does, and the staff's matrix as it starts."""
    with as_owner(app):
        migrations.upgrade(app)
        with database_of(app).new_session(WholeScope("the matrix as it starts")) as session:
            start_settings(session, app.extensions["hp_portal.plugins"].applications)
            session.commit()


def runtime_url(url: str) -> str:
    """The same database for the role that web server and worker connect as."""
    parsed = sa.make_url(url)
    return url if parsed.get_backend_name() == "sqlite" else parsed.set(username=RUNTIME).render_as_string()


def owner_url(url: str) -> str:
    """The same database for the owner of its tables, as whom the commands run that change the schema."""
    parsed = sa.make_url(url)
    return url if parsed.get_backend_name() == "sqlite" else parsed.set(username=OWNER).render_as_string()


@contextmanager
def as_owner(app: Flask) -> Iterator[sa.Engine]:
    """For the length of a block, the app connects as the owner of the tables."""
    database = database_of(app)
    engine, database.engine = database.engine, make_engine(owner_url(database.engine.url.render_as_string()))
    try:
        yield database.engine
    finally:
        database.engine.dispose()
        database.engine = engine


def know_keys(app: Flask) -> None:
    """Have PostgreSQL's row-level security know the app's data keys, as `hp-portal db upgrade` does, beside those it knows."""
    if database_of(app).engine.url.get_backend_name() == "sqlite":
        return
    with as_owner(app) as engine, engine.begin() as connection:
        if not connection.scalar(sa.text("SELECT to_regclass('portal_wall.key')")):
            return
        for key_id, key in database_of(app).vault.wall_keys.items():
            statement = "INSERT INTO portal_wall.key VALUES (%s, %s) ON CONFLICT DO NOTHING"
            connection.exec_driver_sql(statement, (key_id, key))


@contextmanager
def mighty_engine(app: Flask) -> Iterator[sa.Engine]:
    """The database for somebody who may do everything with it: PostgreSQL's superuser."""
    url = database_of(app).engine.url
    mighty = url if url.get_backend_name() == "sqlite" else url.set(username="postgres")
    engine = make_engine(mighty.render_as_string())
    try:
        yield engine
    finally:
        engine.dispose()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


class Databases:
    """Makes a database a test. `folder` is the run's, shared by its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.instance = folder / "instance"
        self.server = PostgresServer(folder)

    def new_sqlite(self, path: Path) -> str:
        """Copy the template to `path`; returns its URL."""
        template = self.folder / "template.sqlite"
        with locked(self.folder / "sqlite.lock"):
            if not template.exists():
                making = template.with_suffix(".making")
                self._prepare(sqlite_url(making))
                making.rename(template)
        shutil.copyfile(template, path)
        path.chmod(0o600)
        return sqlite_url(path)

    def new_postgresql(self) -> str:
        """Copy the template; returns the new database's URL, for the runtime role. Raises CannotStart."""
        self.server.ensure_started()
        with locked(self.folder / "template.lock"):
            done = self.folder / "template.done"
            if not done.exists():
                self.server.execute("DROP DATABASE IF EXISTS portal_template")
                self.server.execute("CREATE DATABASE portal_template TEMPLATE template0")
                self.make_roles("portal_template")
                self._prepare(self.server.url("portal_template", RUNTIME))
                done.touch()
        return self.server.url(self.server.create_database("portal_template"), RUNTIME)

    def fill(self, app: Flask, name: str, make: Callable[[], bytes]) -> bytes:
        """Have the app's database hold what `make` makes in it, and return what it returned.

        It is made once a run for each name and kind of database; every other database of that name gets a copy. What it has
        held before is gone.
        """
        engine = database_of(app).engine
        engine.dispose()  # nobody may be connected to what is copied
        copy = _CopiedSqlite if engine.url.get_backend_name() == "sqlite" else _CopiedPostgresql
        copied = copy(self, str(engine.url.database), name)
        said = self.folder / f"{name}.{engine.url.get_backend_name()}.said"
        with locked(said.with_suffix(".lock")):
            if not said.exists():
                answer = make()
                engine.dispose()
                copied.keep()
                said.write_bytes(answer)
                return answer
        copied.take()
        return said.read_bytes()

    def make_roles(self, database: str) -> None:
        """Have `hp-portal db roles` be run in a database."""
        engine = make_engine(self.server.url(database))
        with engine.begin() as connection:
            for statement in roles.setup_statements(OWNER, RUNTIME, database):
                connection.exec_driver_sql(statement.replace("%", "%%"))
        engine.dispose()

    def new_empty(self, kind: str, path: Path) -> str:
        """A database without tables: `kind` is sqlite or postgresql. Its URL is the owner's."""
        if kind == "sqlite":
            return sqlite_url(path / f"{secrets.token_hex(6)}.sqlite")
        self.server.ensure_started()
        return self.server.url(self.server.create_database(owner=OWNER), OWNER)

    def drop(self, url: str) -> None:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql" and parsed.database:
            self.server.drop_database(parsed.database)

    def _prepare(self, url: str) -> None:
        app = create_app(settings_for(url, self.instance))
        try:
            prepare_database(app)
        finally:
            database_of(app).engine.dispose()


@dataclass
class _CopiedSqlite:
    """One database of a run, kept under a name and copied into others."""

    databases: Databases
    database: str
    name: str

    @property
    def kept(self) -> Path:
        return self.databases.folder / f"{self.name}.sqlite"

    def keep(self) -> None:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.execute("VACUUM INTO ?", (str(self.kept),))

    def take(self) -> None:
        for end in ("-wal", "-shm"):
            Path(self.database + end).unlink(missing_ok=True)
        shutil.copyfile(self.kept, self.database)


class _CopiedPostgresql(_CopiedSqlite):
    def keep(self) -> None:
        self.databases.server.create_database(self.database, name=f"portal_{self.name}")

    def take(self) -> None:
        self.databases.drop(self.databases.server.url(self.database))
        self.databases.server.create_database(f"portal_{self.name}", name=self.database)
