"""A WSGI application for tests of the web server alone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import structlog

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    logger_factory=structlog.WriteLoggerFactory(sys.stderr),
)
LARGE = 16 * 1024 * 1024


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """/large is a large answer, /process the number of the process, /raise/ fails, /wait?FILE waits for a file.

    Any other path tells the request."""
    path = environ["PATH_INFO"]
    if path == "/large":
        body = b"x" * LARGE
    elif path == "/process":
        body = str(os.getpid()).encode()
    elif path.startswith("/raise/"):
        raise RuntimeError("on purpose")
    elif path == "/wait":
        waited = Path(environ["QUERY_STRING"])
        waited.with_suffix(".begun").touch()
        while not waited.exists():
            time.sleep(0.01)
        body = b"waited"
    else:
        said = environ["wsgi.input"].read()
        body = f"{environ['REQUEST_METHOD']} {path} {len(said)}\n".encode()
        body += "".join(f"{name}={environ[name]}\n" for name in sorted(environ) if name.startswith("HTTP_")).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
