"""Pages while others hold connections: 200 clients that announce a body and send one byte of it, 20 slow readers of a download.

`python -m bench.silent`
"""

from __future__ import annotations

import http.client
import socket
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from flask import Flask

from bench.data import fill, payee_of
from bench.figures import Figure, show
from bench.load import request
from bench.requests import cookie, served
from hp_portal.scopes import WholeScope

SILENT = 200
SLOW = 20
ROUNDS = 7
REQUESTS = 200
DOWNLOAD_BYTES = 8_000_000
PATHS = ("/sign-in", "/healthz")
PROCESSES, THREADS = 2, 4  # what `hp-portal serve` starts

Holding = Callable[[int], ExitStack]


def silent_clients(port: int) -> ExitStack:
    """Connections that announce a form of ten bytes and send one."""
    held = ExitStack()
    said = request("/sign-in", {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "10"})
    for _ in range(SILENT):
        held.enter_context(closing(_connect(port))).sendall(said.replace(b"GET", b"POST", 1) + b"a")
    return held


def slow_readers(path: str, head: dict[str, str]) -> Holding:
    """Connections that ask for a download and read its first bytes alone."""

    def hold(port: int) -> ExitStack:
        held = ExitStack()
        for _ in range(SLOW):
            reader = held.enter_context(closing(_connect(port)))
            reader.sendall(request(path, head))
            if b" 200 " not in reader.recv(100):
                raise RuntimeError("no download")
        return held

    return hold


def _connect(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", port))
    return connection


def large_download(app: Flask) -> str:
    """Keep a text of some megabytes with a payment that the bench's person may open; the download's path."""
    from hp_portal_plugins.remittance.intake import kept_text
    from hp_portal_plugins.remittance.models import KEPT_TEXT, PaymentText

    payment = next(index for index in range(1, 1000) if payee_of(index) % 4 + 1 == 1)
    segment = b"NTE*ADD*SAMPLE TEXT OF A SAMPLE PAYMENT~"
    text = (
        b"ST*835*0001~BPR*I*0*C*NON************20260101~" + segment * (DOWNLOAD_BYTES // len(segment)) + b"SE*3*0001~"
    )
    packed = zlib.compress(kept_text._HEAD.pack(0, 0) + text, 1)
    database = app.extensions["hp_portal.database"]
    with app.app_context(), database.new_session(WholeScope("bench")) as session:
        session.add(PaymentText(payment_id=payment, sealed=session.vault.seal(packed, KEPT_TEXT(payment))))
        session.commit()
    return f"/apps/remittance/payments/{payment}/835"


def run() -> list[Figure]:
    """The 95th percentile of small pages over that of the same pages when nobody else is there, in turns."""
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'bench.sqlite'}"
        app = fill(url, folder / "instance", 1000)
        slow = slow_readers(large_download(app), {"Cookie": cookie(app)})
        cases = {f"{SILENT} silent clients": silent_clients, f"{SLOW} slow readers": slow}
        with served("hp_portal.wsgi:app", url, folder / "instance", PROCESSES, THREADS) as port:
            for path in PATHS:
                for label, how in cases.items():
                    ratio, idle = _ratio(port, path, how)
                    figures.append(Figure(f"{path} p95 with {label} / idle", ratio, "×", "≤ 2"))
                figures.append(Figure(f"{path} p95, idle", idle, "ms", ""))
    return figures


def _ratio(port: int, path: str, how: Holding) -> tuple[float, float]:
    _p95(port, path)
    ratios, idle = [], []
    for _ in range(ROUNDS):
        alone = _p95(port, path)
        with how(port):
            ratios.append(_p95(port, path) / alone)
        idle.append(alone)
    return statistics.median(ratios), statistics.median(idle)


def _p95(port: int, path: str) -> float:
    """The 95th percentile, in milliseconds, of requests one after the other on a connection of their own."""
    times = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        for _ in range(REQUESTS):
            began = time.perf_counter()
            connection.request("GET", path)
            connection.getresponse().read()
            times.append((time.perf_counter() - began) * 1000)
    return statistics.quantiles(times, n=20)[-1]


if __name__ == "__main__":
    show(run())
