"""The search request through the whole application, against a bare Flask view; the search as the table grows; page weight.

`python -m bench.requests [--payments N] [--large N]`
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from bench.data import SECRETS, TOKEN, fill, own_numbers
from bench.figures import Figure, show
from bench.load import Load, load, request
from hp_portal.database import Database
from hp_portal.scopes import OrganizationScope
from hp_portal.serving import free_port
from tests.support.databases import runtime_url

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
ROUNDS = 5
TURNS = 15
TURN = 1.0
"""Servers that are compared take turns of a second: the machine's speed changes within minutes, often within seconds."""
PROCESSES = 4
_PORTAL = "hp_portal.wsgi:app"


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """An empty database of each engine that can start here: its owner's URL, with the runtime role set up."""
    from tests.support.databases import Databases
    from tests.support.postgresql import CannotStart

    made = Databases(folder)
    urls = {"SQLite": f"sqlite:///{folder / 'bench.sqlite'}"}
    try:
        urls["PostgreSQL"] = url = made.new_empty("postgresql", folder)
        made.make_roles(str(sa.make_url(url).database))
    except CannotStart as error:
        print(f"PostgreSQL is not measured: {error}", file=sys.stderr)
    try:
        yield urls
    finally:
        made.server.stop()


def environment(url: str, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HP_PORTAL_DATABASE_URL": url,
        "HP_PORTAL_SECRET_KEY": SECRETS["secret_key"],
        "HP_PORTAL_DATA_KEY": SECRETS["data_key"],
        "HP_PORTAL_INSTANCE_PATH": str(folder),
        "HP_PORTAL_HTTPS": "false",
        "HP_PORTAL_REASON_ASKED": "never",
        "HP_PORTAL_IDLE_MINUTES": "600",
    }


@contextmanager
def served(target: str, url: str, folder: Path, workers: int = 1, threads: int = 1) -> Iterator[int]:
    """`target` served by processes with a thread or more each, their log thrown away; yields the port."""
    port = free_port("127.0.0.1")
    call = f"from hp_portal.serving import serve; serve('127.0.0.1', {port}, {workers}, {threads}, {target!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", call],
        env=environment(url, folder) | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError("the server ended")
        with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as probe:
            probe.request("GET", "/healthz")
            probe.getresponse()
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


def cookie(app: Flask) -> str:
    """The cookie of the bench's person, as the browser has it after the first page."""
    client = app.test_client()
    with client.session_transaction() as kept:
        kept["_user_id"] = TOKEN
        kept["_fresh"] = True
    if client.get("/apps/remittance/").status_code != HTTPStatus.OK:
        raise RuntimeError("the first page could not be opened")
    name = app.config["SESSION_COOKIE_NAME"]
    found = client.get_cookie(name)
    if found is None:
        raise RuntimeError("no session cookie")
    return f"{name}={found.value}"


def request_ratio(app: Flask, engine: str, url: str, folder: Path, payments: int) -> list[Figure]:
    """Requests a second of the portal's search over those of the bare view, alternating, the median of the rounds."""
    numbers = own_numbers(payments)
    headers = {"Cookie": cookie(app)}
    ours = [request(f"/apps/remittance/?number={number}", {**headers, **FRAGMENT}) for number in numbers]
    bare = [request(f"/search?number={number}", {}) for number in numbers]
    # The bare view asks as the owner of the tables, whom row-level security does not hold, and so does the portal: what it costs
    # has a bound of its own (`walls_ratio`). As in production, behind it, the portal is measured as well.
    walls = engine == "PostgreSQL"
    loads: dict[str, list[Load]] = {"bare": [], "portal": []}
    with ExitStack() as stack:
        ports = {
            "bare": stack.enter_context(served("bench.bare_app:app", url, folder)),
            "portal": stack.enter_context(served("bench.without_walls:app" if walls else _PORTAL, url, folder)),
        }
        if walls:
            loads["walled"] = []
            ports["walled"] = stack.enter_context(served(_PORTAL, runtime_url(url), folder))
        wanted = {way: bare if way == "bare" else ours for way in ports}
        for way, port in ports.items():
            load(port, wanted[way], seconds=1)
        for _ in range(TURNS):
            for way, port in ports.items():
                loads[way].append(load(port, wanted[way], connections=2, seconds=TURN))

    def of_bare(way: str) -> float:
        pairs = zip(loads[way], loads["bare"], strict=True)
        return statistics.median(one.per_second / base.per_second for one, base in pairs)

    figures = [
        Figure(f"search request / bare Flask view, {engine}", of_bare("portal"), "×", "≥ 0.5"),
        Figure(f"search requests a second, {engine}", _median(loads["portal"]), "/s", ""),
        Figure(f"bare Flask view a second, {engine}", _median(loads["bare"]), "/s", ""),
    ]
    if walls:
        figures.append(Figure(f"the same behind row-level security, {engine}", of_bare("walled"), "×", ""))
    return figures


def walls_ratio(app: Flask, url: str, folder: Path, payments: int) -> list[Figure]:
    """How much longer a search takes with row-level security and its passes than without both, in turns, over one connection."""
    headers = {"Cookie": cookie(app), **FRAGMENT}
    requests = [request(f"/apps/remittance/?number={number}", headers) for number in own_numbers(payments)]
    with (
        served("hp_portal.wsgi:app", runtime_url(url), folder) as walled,
        served("bench.without_walls:app", url, folder) as open_,
    ):
        for port in (walled, open_):
            load(port, requests, seconds=1)
        ratios = []
        for _ in range(TURNS):
            with_walls, without = (load(port, requests, connections=1, seconds=TURN) for port in (walled, open_))
            ratios.append(without.per_second / with_walls.per_second)
    return [Figure("search with row-level security / without", statistics.median(ratios), "×", "≤ 1.15")]


def processes_ratio(app: Flask, url: str, folder: Path, payments: int) -> list[Figure]:
    """Requests a second of four web processes over those of one, alternating. The load and the database have their part of
    the same cores, so the figure tells of this machine; it has no bound."""
    headers = {"Cookie": cookie(app), **FRAGMENT}
    requests = [request(f"/apps/remittance/?number={number}", headers) for number in own_numbers(payments)]
    loads: dict[int, list[Load]] = {1: [], PROCESSES: []}
    target, url = "hp_portal.wsgi:app", runtime_url(url)
    with served(target, url, folder) as one, served(target, url, folder, PROCESSES) as several:
        ports = {1: one, PROCESSES: several}
        for port in ports.values():
            load(port, requests, connections=2 * PROCESSES, seconds=1)
        for _ in range(ROUNDS):
            for count, port in ports.items():
                loads[count].append(load(port, requests, connections=2 * PROCESSES))
    ratios = [more.per_second / less.per_second for less, more in zip(loads[1], loads[PROCESSES], strict=True)]
    name = f"{PROCESSES} web processes, PostgreSQL, {os.cpu_count()} cores"
    return [
        Figure(f"{name}: search requests a second", _median(loads[PROCESSES]), "/s", ""),
        Figure(f"{name}: of one process", statistics.median(ratios), "×", ""),
    ]


def _median(loads: list[Load]) -> float:
    return statistics.median(one.per_second for one in loads)


def search_p95(app: Flask, payments: int) -> float:
    """The 95th percentile of finding a payment by number within an organization's scope, in milliseconds."""
    from hp_portal_plugins.remittance.inquiry.criteria import CheckNumber, PaymentCriteria
    from hp_portal_plugins.remittance.inquiry.search import PAYMENTS, find_payments

    database: Database = app.extensions["hp_portal.database"]
    numbers, times = own_numbers(payments), []
    with app.app_context():
        for number in numbers[:200] + numbers:
            with database.new_session(OrganizationScope(1)) as session:
                began = time.perf_counter()
                found = find_payments(session, PaymentCriteria(CheckNumber.of(number)), PAYMENTS.read({}))
                times.append((time.perf_counter() - began) * 1000)
                if not found.listing.rows:
                    raise RuntimeError("a payment was not found")
    return statistics.quantiles(times[200:], n=20)[-1]


def page_weight(app: Flask) -> list[Figure]:
    """The first page with everything it loads, compressed, and the search's fragment."""
    client = app.test_client()
    client.set_cookie(app.config["SESSION_COOKIE_NAME"], cookie(app).partition("=")[2])
    answer = client.get("/apps/remittance/", headers={"Accept-Encoding": "br, gzip"})
    total, requests = len(gzip.compress(answer.data)), 1
    foreign = [
        found for found in re.findall(r'(?:src|href)="(https?://[^"]+)"', answer.text) if "127.0.0.1" not in found
    ]
    loaded = re.findall(
        r'<script[^>]*src="([^"]+)"|<link[^>]*rel="(?:stylesheet|icon)"[^>]*href="([^"]+)"', answer.text
    )
    for path in {one or other for one, other in loaded}:
        total += len(client.get(path, headers={"Accept-Encoding": "br, gzip"}).data)
        requests += 1
    fragment = client.get(f"/apps/remittance/?number={own_numbers(100)[0]}", headers=FRAGMENT)
    return [
        Figure("first page with all assets, compressed", total / 1024, "KB", "≤ 45"),
        Figure("requests of the first page", requests, "", "≤ 6"),
        Figure("third-party requests", len(foreign), "", "≤ 0"),
        Figure("search fragment", len(gzip.compress(fragment.data)) / 1024, "KB", "≤ 10"),
    ]


def run(small: int = 10_000, large: int = 1_000_000) -> list[Figure]:
    """Every figure of this bench; see docs/figures.md."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with databases(folder) as urls:
            for engine, url in urls.items():
                app = fill(url, folder / "instance", small)
                figures += request_ratio(app, engine, url, folder / "instance", small)
                if engine == "PostgreSQL":
                    figures += walls_ratio(app, url, folder / "instance", small)
                    figures += processes_ratio(app, url, folder / "instance", small)
                else:
                    figures += page_weight(app)
                figures += growth(engine, folder, app, (small, large))
    return figures


def growth(engine: str, folder: Path, few: Flask, sizes: tuple[int, int]) -> list[Figure]:
    """How much slower the search becomes when the table is a hundred times as long: both in turns, the median of the rounds."""
    small, large = sizes
    with tempfile.TemporaryDirectory(dir=folder) as name, databases(Path(name)) as urls:
        many = fill(urls[engine], folder / "instance", large)
        times = [(search_p95(few, small), search_p95(many, large)) for _ in range(ROUNDS)]
        many.extensions["hp_portal.database"].engine.dispose()
    ratio = statistics.median(with_many / with_few for with_few, with_many in times)
    return [
        Figure(f"search p95, {large:,} payments / few, {engine}", ratio, "×", "≤ 1.5"),
        Figure(f"search p95 with {large:,} payments, {engine}", statistics.median(slow for _, slow in times), "ms", ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--payments", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    arguments = parser.parse_args()
    show(run(arguments.payments, arguments.large))


if __name__ == "__main__":
    main()
