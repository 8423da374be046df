"""Importing a 20 MB file, against putting the same rows into the same indexed tables with nothing around it.

`python -m bench.importing [--mb 20]`
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench.data import settings_for
from bench.figures import Figure, show
from bench.memory import peak_since_idle
from bench.requests import databases
from hp_portal import clock, migrations
from hp_portal.app import create_app
from hp_portal.database import Base, Database, PortalSession, is_postgresql, lock
from hp_portal.scopes import WholeScope
from hp_portal_plugins.remittance.intake import importing, loading
from hp_portal_plugins.remittance.models import RemittanceFile
from tests.support.databases import runtime_url

ROUNDS = 5
TARGETS = {"SQLite": "≥ 0.55", "PostgreSQL": "≥ 0.5"}
MOST_MEMORY = "≤ 100"
ORDER = (
    loading.PAYMENTS,
    loading.CLAIMS,
    loading.LINES,
    loading.ADJUSTMENTS,
    loading.PROVIDER_ADJUSTMENTS,
)
Rows = dict[str, list[Any]]


def make_file(path: Path, megabytes: float) -> None:
    from tests.tools.gen835 import generate

    path.write_bytes(generate(bytes=int(megabytes * 1_000_000), seed=1))


def app_on(url: str, folder: Path) -> Flask:
    """The portal on a migrated database."""
    app = create_app(settings_for(url, folder))
    migrations.upgrade(app)
    return app


@contextmanager
def fresh(database: Database) -> Iterator[PortalSession]:
    """A session on empty tables of remittances."""
    with database.new_session(WholeScope("bench")) as session:
        tables = [table for table in Base.metadata.sorted_tables if table.name.startswith("remittance_")]
        for table in reversed(tables):
            command = f"TRUNCATE {table.name} CASCADE" if is_postgresql(session) else f"DELETE FROM {table.name}"
            session.connection().exec_driver_sql(command)
        session.commit()
        yield session


def imported(session: PortalSession, path: Path) -> float:
    """Seconds of an import, from the open file to the commit."""
    with path.open("rb") as stream:
        began = time.perf_counter()
        importing.import_in_steps(session, stream, "bench.835", size=path.stat().st_size)
        return time.perf_counter() - began


class Caught:
    """A loader that keeps the rows of the five tables."""

    most_rows = 8_000
    overlaps = False

    def __init__(self) -> None:
        self.rows: Rows = {target.table: [] for target in ORDER}

    def load(self, target: loading.Target, rows: Any) -> None:
        if target.table in self.rows:
            self.rows[target.table] += [tuple(row) for row in rows]

    def start(self, pool: Any) -> None:
        pass

    def finish(self) -> None:
        pass


def caught_rows(database: Database, path: Path) -> Rows:
    """The rows an import of the file makes, its text left out."""
    caught, real = Caught(), loading.loader
    loading.loader = lambda *_: caught
    try:
        with fresh(database) as session, path.open("rb") as stream:
            importing.import_file(session, stream, "bench.835")
            session.rollback()
    finally:
        loading.loader = real
    return caught.rows


def bare(session: PortalSession, rows: Rows) -> float:
    """Seconds to put ready rows into the indexed tables by `executemany` or COPY, one statement a table."""
    began = time.perf_counter()
    lock(session, "bench")
    loader = loading.loader(session)
    for target in ORDER:
        loader.load(target, rows[target.table])
    session.commit()
    return time.perf_counter() - began


def _file_row(session: PortalSession, file_id: int) -> None:
    """The file that the rows belong to."""
    values = {"name": "bench.835", "sha256": "", "size": 0, "outcome": "imported", "report": "{}"}
    row = RemittanceFile(id=file_id, imported_at=clock.now(), **values)
    session.add(row)
    session.commit()


def measure(url: str, folder: Path, path: Path, kind: str) -> list[Figure]:
    """Import and bare load in turn; the figures of this database."""
    database: Database = app_on(url, folder).extensions["hp_portal.database"]
    # An import runs as the worker does, behind row-level security; the bare load as the owner, whom that does not hold.
    runtime: Database = create_app(settings_for(runtime_url(url), folder)).extensions["hp_portal.database"]
    rows = caught_rows(database, path)
    file_id = rows[loading.PAYMENTS.table][0][1]
    count = sum(len(of_table) for of_table in rows.values())
    times: list[float] = []
    bounds: list[float] = []
    # What is kept for the bare load must not slow the collector down during an import.
    gc.collect()
    gc.freeze()
    for _ in range(ROUNDS):
        with fresh(database) as session:
            _file_row(session, file_id)
            bounds.append(bare(session, rows))
        with fresh(database):
            pass
        with runtime.new_session(WholeScope("bench")) as session:
            times.append(imported(session, path))
    gc.unfreeze()
    with fresh(database):
        pass
    database.engine.dispose()
    runtime.engine.dispose()
    seconds = statistics.median(times)
    ratio = statistics.median(bound / took for bound, took in zip(bounds, times, strict=True))
    bare_name = "COPY" if kind == "PostgreSQL" else "executemany"
    return [
        Figure(f"{kind}: import, of bare indexed {bare_name}", ratio, "", TARGETS[kind]),
        Figure(f"{kind}: rows a second", count / seconds, "/s"),
        Figure(f"{kind}: megabytes of 835 a second", path.stat().st_size / 1e6 / seconds, "MB/s"),
        Figure(f"{kind}: peak memory over idle", peak_memory(runtime_url(url), folder, path), "MiB", MOST_MEMORY),
    ]


def peak_memory(url: str, folder: Path, path: Path) -> float:
    """MiB over idle that an import takes, in a process of its own."""
    command = [sys.executable, "-m", "bench.importing", "--memory", url, str(folder), str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    return float(result.stdout.split()[-1])


def tell_memory(url: str, folder: Path, path: Path) -> None:
    """Import in this process and print by how much its peak rose."""
    database: Database = create_app(settings_for(url, folder)).extensions["hp_portal.database"]
    with database.new_session(WholeScope("bench")) as session:
        session.scalar(sa.select(sa.func.count()).select_from(RemittanceFile))
        print(peak_since_idle(lambda: imported(session, path)))


def run(megabytes: float = 20) -> list[Figure]:
    """Every figure of importing."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="hp-portal-bench-") as name:
        folder = Path(name)
        path = folder / "bench.835"
        make_file(path, megabytes)
        with databases(folder) as urls:
            for kind, url in urls.items():
                figures += measure(url, folder, path, kind)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=float, default=20)
    parser.add_argument("--memory", nargs=3, metavar=("URL", "FOLDER", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.memory:
        tell_memory(asked.memory[0], Path(asked.memory[1]), Path(asked.memory[2]))
    else:
        show(run(asked.mb))


if __name__ == "__main__":
    main()
