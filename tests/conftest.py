"""Fixtures for every test: a database on each engine, the app on it, a world to build in."""

from __future__ import annotations

import io
import os
import pty
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from argon2 import PasswordHasher
from flask import Flask

from hp_portal import clock as portal_clock
from hp_portal.core.identity import passwords
from hp_portal.core.openid import provider
from hp_portal.core.staff.accounts import ensure_role
from tests import sample_plugin
from tests.support import thrift
from tests.support.clock import Clock
from tests.support.databases import Databases, know_keys, prepare_database, settings_for
from tests.support.directory_browser import BACK
from tests.support.pool import Pool
from tests.support.postgresql import CannotStart, remove_run_folder, run_folder
from tests.support.processes import Started
from tests.support.staff_directory import CLIENT, SECRET, StaffDirectory
from tests.support.world import World

RUN_FOLDER = pytest.StashKey[Path]()
MakeApp = Callable[..., Flask]


def pytest_configure(config: pytest.Config) -> None:
    thrift.keep_files_in_memory()
    thrift.remember_builders()
    thrift.remember_chains()
    thrift.remember_statements()
    given = getattr(config, "workerinput", {}).get("run_folder") or os.environ.get("PORTAL_TEST_FOLDER")
    config.stash[RUN_FOLDER] = Path(given) if given else run_folder()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--both-databases", action="store_true", help="run also those on both that run on either of them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--both-databases"):
        return
    dropped = [item for item in items if _runs_on_the_other(item)]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in set(dropped)]


def _runs_on_the_other(item: pytest.Item) -> bool:
    """Is this the one of the two that `either_database` spares? The name decides, so that it is always the same one."""
    case = getattr(item, "callspec", None)
    if case is None or "database_kind" not in case.params or item.get_closest_marker("either_database") is None:
        return False
    kind: str = case.params["database_kind"]
    name = item.nodeid.replace(kind, "", 1)
    return kind != ("sqlite", "postgresql")[zlib.crc32(name.encode()) % 2]


def pytest_collection_finish() -> None:
    thrift.collect_seldom()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell pytest-xdist's workers the folder they share."""
    node.workerinput["run_folder"] = str(node.config.stash[RUN_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and "PORTAL_TEST_FOLDER" not in os.environ:
        remove_run_folder(config.stash[RUN_FOLDER])


def cannot_run(reason: str) -> NoReturn:
    """Skip where a machine lacks something; in CI (CI=true) that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hashing that takes no time; the cost of the real one is a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(passwords, "_CODES", (1, 8))
        passwords._nobody.cache_clear()
        yield
    passwords._nobody.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time as the whole portal sees it, to set and to move on."""
    made = Clock()
    monkeypatch.setattr(portal_clock, "_read", made.now)
    return made


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal's variables of the developer's shell do not reach the tests."""
    for name in list(os.environ):
        if name.startswith("HP_PORTAL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def start_program() -> Iterator[Started]:
    """`start_program([…], environment=…)`: a program that ends with the test, and so does all that it has started."""
    started = Started()
    yield started
    started.end()


@pytest.fixture
def terminal() -> Iterator[tuple[io.FileIO, io.FileIO]]:
    """The two ends of a pseudo-terminal: ours, and the program's."""
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        cannot_run(f"There is no pseudo-terminal here ({error}): mount /dev/pts")
    with io.FileIO(ours, "r+") as our_end, io.FileIO(theirs, "r+") as their_end:
        yield our_end, their_end


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Iterator[Databases]:
    made = Databases(pytestconfig.stash[RUN_FOLDER])
    yield made
    made.server.disconnect()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database_kind: str, databases: Databases, tmp_path: Path) -> Iterator[str]:
    """A database of the newest schema: on SQLite and on PostgreSQL, so every test of data runs on both."""
    if database_kind == "sqlite":
        yield databases.new_sqlite(tmp_path / "portal.sqlite")
        return
    try:
        url = databases.new_postgresql()
    except CannotStart as error:
        cannot_run(f"PostgreSQL cannot start here: {error}")
    yield url
    databases.drop(url)


@pytest.fixture
def empty_database_url(database_kind: str, databases: Databases, tmp_path: Path) -> Iterator[str]:
    """A database without tables, on both engines."""
    try:
        url = databases.new_empty(database_kind, tmp_path)
    except CannotStart as error:
        cannot_run(f"PostgreSQL cannot start here: {error}")
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def pool() -> Pool:
    """Shared by the tests of one worker."""
    return Pool()


@pytest.fixture
def make_app(databases: Databases, pool: Pool) -> Iterator[MakeApp]:
    """`make_app(database_url, extra_plugins=…, **settings)`: several apps of one test, as several workers."""
    made: list[Flask] = []

    def make(url: str, *, extra_plugins: dict[str, object] | None = None, **values: Any) -> Flask:
        app = pool.take(settings_for(url, databases.instance, **values), extra_plugins)
        if "data_key" in values:
            know_keys(app)
        app.testing = False  # errors are answered as in production
        made.append(app)
        return app

    yield make
    for app in made:
        pool.give_back(app)


@pytest.fixture
def app(database_url: str, make_app: MakeApp) -> Flask:
    """The portal on a fresh database."""
    return make_app(database_url)


@pytest.fixture
def sqlite_app(databases: Databases, tmp_path: Path, make_app: MakeApp) -> Flask:
    """The portal where the database does not matter."""
    return make_app(databases.new_sqlite(tmp_path / "portal.sqlite"))


@pytest.fixture
def world(app: Flask) -> World:
    return World(app)


@pytest.fixture
def sample_world(database_url: str, databases: Databases, make_app: MakeApp) -> World:
    """The portal with the sample plugin installed beside the others."""
    app = make_app(database_url, extra_plugins={"sample": sample_plugin})

    def install() -> bytes:
        prepare_database(app)
        return b""

    databases.fill(app, "sample", install)
    return World(app)


@pytest.fixture(scope="session")
def served_directory() -> Iterator[StaffDirectory]:
    """A payer's directory that runs, shared by the tests of one worker."""
    with pytest.MonkeyPatch.context() as patch:
        # Authlib's server side wants to be told that it may answer by plain http.
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        started = StaffDirectory(BACK)
        yield started
        started.stop()


@pytest.fixture
def directory(served_directory: StaffDirectory) -> StaffDirectory:
    """A payer's directory that knows nobody yet."""
    served_directory.begin_anew()
    return served_directory


@pytest.fixture
def directory_values(directory: StaffDirectory) -> dict[str, Any]:
    """The settings of a portal whose staff sign in with the directory, and in no other way."""
    return {
        "staff_sign_in": "oidc",
        "oidc_issuer": directory.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_name": "Plan ID",
        "oidc_roles": "portal-admins=Administrator,portal-claims=Claims",
    }


@pytest.fixture
def make_directory_world(
    database_url: str, make_app: MakeApp, directory_values: dict[str, Any]
) -> Callable[..., World]:
    """`make_directory_world(staff_sign_in="both")`: a portal whose staff the directory knows, with two roles."""

    def make(**values: Any) -> World:
        app = make_app(database_url, **{**directory_values, **values})
        # What an app that is used again knows of the directory is of another test.
        if "hp_portal.openid" in app.extensions:
            provider.install(app, app.extensions["hp_portal.settings"])
        built = World(app)
        with built.session() as session:
            ensure_role(session, "Administrator", ["staff:console:open", "staff:roles:manage"])
            ensure_role(session, "Claims", ["staff:console:open"])
        return built

    return make


@pytest.fixture
def directory_world(make_directory_world: Callable[..., World]) -> World:
    return make_directory_world()
