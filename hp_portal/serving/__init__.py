"""The web server: `serve` listens and looks after the processes that answer.

Each process (`process.py`) is a waitress server with a few threads. A thread is taken once a request has arrived whole: until
then `incoming.py` (what a request may look like and how large it may be) and `connection.py` (how long anything may take)
keep it waiting without one, and an answer that a slow reader has not taken yet waits without one, too. `server.py` watches the
connections.
"""

from __future__ import annotations

import socket

from hp_portal.serving.supervisor import serve

__all__ = ["free_port", "is_free", "serve"]


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
