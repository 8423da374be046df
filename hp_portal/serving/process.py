"""One process of the web server: `python -m hp_portal.serving.process --socket FD …`, started by the supervisor."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import socket
import sys
from typing import Any

import structlog
from flask import Flask

from hp_portal.core.web.bodies import largest_body
from hp_portal.serving.incoming import LargestBody
from hp_portal.serving.limits import KIB, ServerLimits
from hp_portal.serving.server import Server
from hp_portal.serving.temporary import with_budgets_of

# How long a thread may keep the interpreter from the others, in seconds. The thread that watches connections needs it for
# microseconds at a time, and would wait five milliseconds for it behind each busy one.
SWITCH_SECONDS = 0.0005


class ThroughStructlog(logging.Handler):
    """What waitress says becomes a line of the portal's own log: JSON, or text where the portal is set to text.

    waitress names the path of a request that failed, and a path may hold a link's secret: it is left out.
    """

    def emit(self, record: logging.LogRecord) -> None:
        message, serving, _ = str(record.msg).partition(" while serving ")
        said = f"{message} while serving a request" if serving else record.getMessage()
        log = structlog.get_logger()
        log.log(max(record.levelno, logging.INFO), "server", said=said, logger=record.name, exc_info=record.exc_info)


def bring_logs_together() -> None:
    """One log for the web server and the portal.

    "Task queue depth is 3" is left out: waitress says it for each request that finds no free thread, so that a busy portal
    would write a second line for every request. How long a request took stands in its own line.
    """
    logger = logging.getLogger("waitress")
    logger.addHandler(ThroughStructlog())
    logger.propagate = False
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def load(target: str) -> Any:
    """The application that `module:name` stands for."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def limit_of(application: Any) -> LargestBody:
    """How large bodies may be: what the portal's views say, a megabyte with any other application."""
    if isinstance(application, Flask) and "hp_portal.settings" in application.extensions:
        return lambda environ: largest_body(application, environ)
    return lambda _environ: KIB * KIB


def run(
    listening: socket.socket, lifeline: int, target: str, threads: int, limits: ServerLimits, processes: int = 1
) -> None:
    """Serve, as one of so many processes, until SIGTERM, or until the supervisor is gone: then the other end of `lifeline` is
    closed."""
    bring_logs_together()
    application = load(target)
    limits = with_budgets_of(application, processes, limits)
    server = Server(application, listening, threads=threads, limits=limits, largest_body=limit_of(application))
    os.set_blocking(lifeline, False)
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    sys.setswitchinterval(SWITCH_SECONDS)
    server.run(lambda: _is_alive(lifeline))


def _is_alive(lifeline: int) -> bool:
    try:
        return os.read(lifeline, 1) != b""
    except BlockingIOError:
        return True


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to everybody; the supervisor says when to stop
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    arguments = parser.parse_args()
    with socket.socket(fileno=arguments.socket) as listening:
        run(listening, arguments.lifeline, arguments.target, arguments.threads, ServerLimits(), arguments.processes)


if __name__ == "__main__":
    main()
