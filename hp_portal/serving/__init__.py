"""The web server: `serve` listens and looks after the processes that answer.

Each process (`process.py`) is a waitress server with a few threads. A thread is taken once a request has arrived whole: until
then `incoming.py` (what a request may look like and how large it may be) and `connection.py` (how long anything may take)
keep it waiting without one, and an answer that a slow reader has not taken yet waits without one, too. `server.py` watches the
connections.
"""

from __future__ import annotations

import socket
import sys

from flask import Flask

from hp_portal.serving.supervisor import serve
from hp_portal.settings import LOCAL_HOSTS, Settings

__all__ = ["free_port", "is_free", "serve", "serve_portal"]


def serve_portal(app: Flask, host: str, port: int, workers: int, threads: int) -> None:
    """`serve`, with what people at a terminal should know. Raises SystemExit when the address cannot be listened on."""
    settings: Settings = app.extensions["hp_portal.settings"]
    if settings.https and settings.hosts == LOCAL_HOSTS:
        print("HP_PORTAL_HOSTS is not set: the portal answers on this machine alone.", file=sys.stderr)  # noqa: T201
    try:
        serve(host, port, workers, threads)
    except OSError as error:
        raise SystemExit(f"hp-portal: cannot listen on {host}, port {port}: {error.strerror or error}") from error


def free_port(host: str) -> int:
    """A port nobody listens on at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(host: str, port: int) -> bool:
    """Can this port be listened on?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
