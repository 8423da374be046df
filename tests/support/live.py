"""The portal's own web server, within the test's process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from hp_portal.serving.limits import ServerLimits
from hp_portal.serving.process import limit_of
from hp_portal.serving.server import Server

# What never comes is not waited for until whoever runs the tests gives up: far more than any of it takes.
DEADLINE = 60


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what the server's threads will have done soon."""
    until = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < until, f"not true after {DEADLINE} seconds"
        time.sleep(0.01)


class LiveServer:
    """Serves `app` on a free port of 127.0.0.1 until it is stopped."""

    def __init__(self, app: Any, **limits: Any) -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = listening.getsockname()[1]
        given = ServerLimits(**{"stop_seconds": 5, **limits})
        self.server = Server(app, listening, threads=4, limits=given, largest_body=limit_of(app))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.server.stop()
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive(), "the server does not stop"
