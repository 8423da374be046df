"""A payment's page while a large file is imported, against the same page while nothing else happens.

`python -m bench.crowded [--mb 100]`
"""

from __future__ import annotations

import argparse
import http.client
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from bench.data import fill
from bench.figures import Figure, show
from bench.importing import make_file
from bench.requests import cookie, databases, environment, served
from hp_portal.core.organizations.models import Grant
from hp_portal.database import Database, is_postgresql
from hp_portal.scopes import WholeScope
from hp_portal_plugins.remittance.intake.importing import import_file
from hp_portal_plugins.remittance.models import Claim, Payment
from tests.support.databases import runtime_url

BOUNDS = {"SQLite": "≤ 5", "PostgreSQL": "≤ 2"}
PAGES = 50
IDLE = 8.0  # seconds
BETWEEN = 0.04  # seconds between a page and the next: somebody who reads, not a flood


def run(megabytes: float = 100) -> list[Figure]:
    """The figures of this bench; see docs/figures.md."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="hp-portal-bench-") as name:
        folder = Path(name)
        path = folder / "large.835"
        make_file(path, megabytes)
        with databases(folder) as urls:
            for engine, url in urls.items():
                figures += measure(engine, url, folder / "instance", path)
    return figures


def measure(engine: str, url: str, folder: Path, path: Path) -> list[Figure]:
    """The page's times before, during and after an import by the command."""
    app = fill(url, folder, 10_000)
    pages = [f"/apps/remittance/payments/{payment}" for payment in _payments(app)]
    headers = {"Cookie": cookie(app)}
    app.extensions["hp_portal.database"].engine.dispose()
    with served("hp_portal.wsgi:app", runtime_url(url), folder) as port:
        _times(port, pages, headers, _for(2))
        idle = _times(port, pages, headers, _for(IDLE))
        command = [sys.executable, "-m", "hp_portal", "remittance", "import", str(path)]
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment(runtime_url(url), folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        busy = _times(port, pages, headers, lambda: process.poll() is None)
        seconds = time.perf_counter() - began
        _, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the import failed: {errors.decode()[-500:]}")
        idle += _times(port, pages, headers, _for(IDLE))
    return [
        Figure(f"{engine}: payment page during an import, p95 / idle", _p95(busy) / _p95(idle), "×", BOUNDS[engine]),
        Figure(f"{engine}: payment page, p95, idle", _p95(idle), "ms"),
        Figure(f"{engine}: payment page, p95, during the import", _p95(busy), "ms"),
        Figure(f"{engine}: payment page, slowest during the import", max(busy) * 1000, "ms"),
        Figure(f"{engine}: megabytes imported a second meanwhile", path.stat().st_size / 1e6 / seconds, "MB/s"),
    ]


def _payments(app: Flask) -> list[int]:
    """Import some payments and let the bench's person see them; their ids."""
    from tests.tools.gen835 import generate

    database: Database = app.extensions["hp_portal.database"]
    with app.app_context(), database.new_session(WholeScope("bench")) as session:
        if is_postgresql(session):  # `fill` gave its file an id without asking
            session.connection().exec_driver_sql("SELECT nextval(pg_get_serial_sequence('remittance_file', 'id'))")
        before = session.scalar(sa.select(sa.func.max(Payment.id))) or 0
        import_file(session, io.BytesIO(generate(bytes=1_000_000, seed=3)), "few.835")
        payee = session.scalar(sa.select(Grant.payee_id).where(Grant.organization_id == 1).limit(1))
        session.execute(sa.update(Payment).where(Payment.id > before).values(payee_id=payee))
        session.execute(sa.update(Claim).where(Claim.payment_id > before).values(payee_id=payee))
        ids = session.scalars(sa.select(Payment.id).where(Payment.id > before).order_by(Payment.id).limit(PAGES)).all()
        session.commit()
    return list(ids)


def _for(seconds: float) -> Callable[[], bool]:
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() < until


def _times(port: int, pages: list[str], headers: dict[str, str], on: Callable[[], bool]) -> list[float]:
    """Seconds of each page that one person opens, one after another, while `on` says so."""
    times: list[float] = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        while on():
            began = time.perf_counter()
            connection.request("GET", pages[len(times) % len(pages)], headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"answered {answer.status}")
            times.append(time.perf_counter() - began)
            time.sleep(BETWEEN)
    return times


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=float, default=100)
    show(run(parser.parse_args().mb))


if __name__ == "__main__":
    main()
