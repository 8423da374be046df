"""The server of one process: accepts connections, watches them, and hands whole requests to threads."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from hp_portal.serving.connection import Connection, refusal
from hp_portal.serving.incoming import LargestBody
from hp_portal.serving.limits import ServerLimits
from hp_portal.serving.temporary import TemporaryFiles

ALWAYS = 1 << 60  # a limit of waitress that something here decides instead


class Watched(dict[int, Any]):
    """Everything the server reads and writes, by file descriptor, watched by the system's best means.

    waitress asks every connection before each look, so that a thousand silent ones would slow every request. Here only those
    are asked that something has happened to; a quiet one stays watched for what may arrive.
    """

    def __init__(self) -> None:
        super().__init__()
        self.selector = selectors.DefaultSelector()
        self.busy: set[int] = set()

    def __setitem__(self, number: int, one: Any) -> None:
        super().__setitem__(number, one)
        self.busy.add(number)

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        self.busy.discard(number)
        self._watch(number, 0)

    def _watch(self, number: int, wanted: int) -> None:
        known = self.selector.get_map().get(number)
        if known is None:
            if wanted:
                self.selector.register(number, wanted)
        elif not wanted:
            self.selector.unregister(number)
        elif known.events != wanted:
            self.selector.modify(number, wanted)

    def look(self, seconds: float) -> None:
        """Wait for something to happen, and let those concerned deal with it."""
        for number in tuple(self.busy):
            one = self[number]
            # Asked first: what is quiet stays so, while a thread may make another one quiet at any moment.
            quiet = getattr(one, "is_quiet", True)
            wanted = selectors.EVENT_READ if one.readable() else 0
            if one.writable() and not one.accepting:
                wanted |= selectors.EVENT_WRITE
            self._watch(number, wanted)
            if quiet:
                self.busy.discard(number)
        for key, events in self.selector.select(seconds):
            if events & selectors.EVENT_READ and (one := self.get(key.fd)) is not None:
                self.busy.add(key.fd)
                wasyncore.read(one)
            if events & selectors.EVENT_WRITE and (one := self.get(key.fd)) is not None:
                self.busy.add(key.fd)
                wasyncore.write(one)

    def close(self) -> None:
        """Close everything."""
        wasyncore.close_all(self, ignore_all=True)
        self.selector.close()


class Server(TcpWSGIServer):  # type: ignore[misc]
    """One process's server on a socket that other processes may share."""

    channel_class = Connection
    active_channels: dict[int, Connection]

    def __init__(
        self,
        application: Callable[..., Any],
        listening: socket.socket,
        *,
        threads: int,
        limits: ServerLimits,
        largest_body: LargestBody,
    ) -> None:
        self.limits = limits
        self.largest_body = largest_body
        self.temporary = TemporaryFiles(limits.temporary_bytes)
        self.waiting = TemporaryFiles(limits.waiting_bytes, alone=True)
        self.stopping = False
        self.watched = Watched()
        super().__init__(
            application,
            map=self.watched,
            _sock=listening,
            adj=_adjustments(threads, limits),
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
            bind_socket=False,
        )

    def run(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Serve until `stop()` is called or `goes_on()`, asked once a second, says no. What is being answered is finished."""
        next_look, until = 0.0, None
        while until is None or (self.active_channels and time.monotonic() < until):
            self.watched.look(1)
            now = time.monotonic()
            if now >= next_look or self.stopping:
                next_look = now + 1
                for connection in tuple(self.active_channels.values()):
                    connection.look(now)
                if not goes_on():
                    self.stopping = True
            if self.stopping and until is None:
                until = now + self.limits.stop_seconds
                self._stop_listening()
        self.task_dispatcher.shutdown(timeout=1)
        self.watched.close()

    def stop(self) -> None:
        """Accept nothing more. May be called by a signal handler."""
        self.stopping = True
        # The loop may see it, end and close the trigger before it is pulled: then there is nothing left to wake.
        with suppress(OSError):
            self.trigger._physical_pull()

    def _stop_listening(self) -> None:
        self.accepting = False
        self.del_channel()
        self.socket.close()

    def look_at(self, connection: Connection) -> None:
        """Something has changed that no event tells of."""
        if connection._fileno is not None:
            self.watched.busy.add(connection._fileno)

    def pull_trigger(self) -> None:
        self.trigger._physical_pull()

    def readable(self) -> bool:
        return bool(self.accepting)

    def handle_accept(self) -> None:
        """Accept a connection. When there are too many, the one that has been waiting longest makes room."""
        if len(self.active_channels) < self.limits.connections or self._make_room():
            super().handle_accept()
            return
        if (accepted := self.accept()) is None:
            return
        status, _, body = refusal(503)
        with accepted[0] as connection:
            connection.setblocking(False)
            connection.send(
                f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nRetry-After: 5\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )

    def _make_room(self) -> bool:
        waiting = [one for one in self.active_channels.values() if one.waits]
        if not waiting:
            return False
        min(waiting, key=lambda one: one.since).close_now()
        return True


def _adjustments(threads: int, limits: ServerLimits) -> Adjustments:
    return Adjustments(
        threads=threads,
        ident=None,
        backlog=1024,
        recv_bytes=64 * 1024,
        max_request_header_size=limits.head_bytes,
        max_request_body_size=ALWAYS,
        inbuf_overflow=limits.body_in_memory,
        outbuf_overflow=limits.answer_in_memory,
        outbuf_high_watermark=ALWAYS,
        connection_limit=ALWAYS,
        # The portal's own ProxyFix reads these headers, as far as HP_PORTAL_TRUSTED_PROXIES says.
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
    )
