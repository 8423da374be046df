"""The web server as a client on the wire meets it: bytes in, bytes out."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hp_portal.serving import free_port
from tests.support.processes import PATIENCE, Started, wait_for

ROOT = Path(__file__).parents[2]
SMALL_APP = "tests.support.small_app:app"


@dataclass
class Wire:
    """A web server in a process of its own."""

    port: int
    process: subprocess.Popen[str]

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def say(self, *parts: bytes) -> bytes:
        """Everything the server answers on a connection of its own, until it closes the connection."""
        with closing(self.connect()) as connection:
            for part in parts:
                connection.sendall(part)
            return read_to_end(connection)

    def get(self, path: str, **headers: str) -> bytes:
        return self.say(get(path, connection="close", **headers))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def get(path: str, **headers: str) -> bytes:
    """A GET as bytes; header names with underscores become names with hyphens."""
    return request("GET", path, b"", **headers)


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if "host" not in headers:
        lines.append("Host: 127.0.0.1")
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_to_end(connection: socket.socket) -> bytes:
    """What still comes, until the other side closes."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def answers_in(received: bytes) -> int:
    return received.count(b"HTTP/1.1 ") + received.count(b"HTTP/1.0 ")


def serve_in_process(
    start: Started,
    *,
    target: str = SMALL_APP,
    workers: int = 1,
    threads: int = 2,
    limits: str = "",
    environment: Mapping[str, str] | None = None,
    supervised: bool = True,
    stderr: int | None = None,
) -> Wire:
    """Start the server and wait for its first answer. `limits` are arguments of ServerLimits; they need `supervised=False`,
    where the process that answers is the one that was started."""
    port = free_port("127.0.0.1")
    if supervised:
        code = f"from hp_portal.serving import serve; serve('127.0.0.1', {port}, {workers}, {threads}, {target!r})"
    else:
        code = (
            "import os, socket; from hp_portal.serving.process import run; "
            "from hp_portal.serving.limits import ServerLimits; "
            f"run(socket.create_server(('127.0.0.1', {port})), os.pipe()[0], {target!r}, {threads}, ServerLimits({limits}))"
        )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HP_PORTAL_")}
    process = start(
        [sys.executable, "-c", code],
        environment=kept | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        cwd=ROOT,
        stderr=stderr,
    )
    wire = Wire(port, process)
    wait_for(lambda: _answers(wire), process, "the server's first answer")
    return wire


def _answers(wire: Wire) -> bool:
    try:
        return bool(wire.get("/healthz"))
    except OSError:
        return False
