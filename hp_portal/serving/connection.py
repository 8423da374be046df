"""A connection: what arrives on it, how long each part may take, and how it ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import Task, WSGITask

from hp_portal.serving.incoming import HasLimits, Incoming, NoRoom
from hp_portal.serving.temporary import Share, TemporaryFiles

Environ = dict[str, Any]

# What the server answers itself, in words. Everything else is answered by the portal's own pages.
TOO_MANY_DOWNLOADS = "The portal is sending too many large files at the moment. Try again in a minute."
WORDS = {
    400: "This request could not be understood.",
    408: "The request took too long to arrive.",
    431: "The headers of this request are too large.",
    500: "The portal could not answer this request.",
    501: "This transfer encoding is not supported.",
    503: "The portal has too many connections at the moment. Try again soon.",
    505: "This version of HTTP is not supported.",
}
REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
REFUSAL_HEADERS = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
]


class Watching(HasLimits, Protocol):
    """What a connection needs of its server."""

    stopping: bool
    waiting: TemporaryFiles

    def add_task(self, task: Connection) -> None: ...

    def look_at(self, connection: Connection) -> None: ...


def refusal(code: int, why: str = "") -> tuple[str, list[tuple[str, str]], bytes]:
    """Status line, headers and text of an answer that the server gives itself."""
    text = WORDS[code] + (f" ({why}.)" if why else "")
    return f"{code} {REASONS[code]}", list(REFUSAL_HEADERS), (text + "\n").encode()


class Refusal(Task):  # type: ignore[misc]
    """The answer to a request that is not passed on."""

    complete = True

    def execute(self) -> None:
        error = self.request.error
        self.status, headers, body = refusal(error.code, error.body if error.code == 400 else "")
        if isinstance(error, NoRoom):
            headers.append(("Retry-After", str(error.retry_after)))
            body = f"{error.words}\n".encode()
        self.response_headers.extend(headers)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Answer(WSGITask):  # type: ignore[misc]
    """The portal's answer to a request. One for which there is no room is not sent, and words in its place."""

    has_no_room = False
    content_length: int | None

    def write(self, data: bytes) -> None:
        if self.has_no_room:
            return
        size = max(self.content_length or 0, self.content_bytes_written + len(data))
        if not self.has_body or self.request.command == "HEAD" or self.channel.make_room(size):
            super().write(data)
            return
        self.logger.warning("An answer of %s bytes found no room: too many are being sent", size)
        if self.wrote_header:
            raise ClientDisconnected  # its length was not told before, nor is its end now
        self.has_no_room = True
        self.status, headers, _ = refusal(503)
        body = f"{TOO_MANY_DOWNLOADS}\n".encode()
        self.response_headers = [*headers, ("Retry-After", "60"), ("Content-Length", str(len(body)))]
        self.content_length = len(body)
        super().write(body)

    def get_environment(self) -> Environ:
        environ: Environ = super().get_environment()
        environ["wsgi.multiprocess"] = True
        return environ

    def build_response_header(self) -> bytes:
        if self.channel.server.stopping:
            self.set_close_on_finish()
        head: bytes = super().build_response_header()
        return head


class Connection(HTTPChannel):  # type: ignore[misc]
    """One client's connection. Moments are those of `time.monotonic`."""

    task_class = Answer
    error_task_class = Refusal
    server: Watching
    request: Incoming | None
    requests: list[Incoming]
    will_close: bool
    close_when_flushed: bool

    def __init__(self, server: Watching, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:
        self.since = time.monotonic()  # when it began to wait for what it is waiting for
        self.answers = 0
        self.refused = False  # the client may still be sending what is not wanted any more
        self.lingering_since = 0.0
        self.writing_since = self.moved_at = 0.0
        self.written = 0
        self._waiting = Share(server.waiting)
        self.parser_class: Callable[[Any], Incoming] = lambda adj: Incoming(adj, server, time.monotonic())
        super().__init__(server, sock, addr, adj, map=map)

    # ---- coming in

    def received(self, data: bytes) -> bool:
        """Take what has arrived. A request that cannot be read, or was cut, is the last one of its connection."""
        with self.requests_lock:
            if self.will_close or self.close_when_flushed or self.refused or not data:
                return False
            while data and not self.refused:
                if self.request is None:
                    self.request = self.parser_class(self.adj)
                request = self.request
                request.now = time.monotonic()
                taken = request.received(data)
                if request.expect_continue and request.headers_finished and not self._is_told_to_go_on(request):
                    self.send_continue()
                if request.completed:
                    self._take(request)
                data = data[taken:]
        return True

    def _is_told_to_go_on(self, request: Incoming) -> bool:
        return bool(self.requests or self.sent_continue or request.error or request.empty)

    def _take(self, request: Incoming) -> None:
        self.sent_continue = False
        self.request = None
        if request.empty:
            return
        self.refused = bool(request.error or request.cut)
        self.requests.append(request)
        if len(self.requests) == 1:
            self.server.add_task(self)

    def readable(self) -> bool:
        return bool(self.lingering_since or super().readable())

    def handle_read(self) -> None:
        if not self.lingering_since:
            super().handle_read()
            return
        try:
            self.recv(self.adj.recv_bytes)  # closes at the end of what the client sends
        except OSError:
            self.handle_close()

    # ---- going out

    def write_soon(self, data: Any) -> int:
        if data and not self.total_outbufs_len:
            self.writing_since, self.written = time.monotonic(), 0
            self.moved_at = self.writing_since
        size: int = super().write_soon(data)
        return size

    def make_room(self, size: int) -> bool:
        """Count an answer of `size` bytes as taken of the disk until it is sent; False when there is no room for it.

        What waits in memory needs none. The answer before, to a client that asks without reading, may still be there.
        """
        size += self.total_outbufs_len
        return size <= self.server.limits.answer_in_memory or self._waiting.grow_to(size)

    def _is_through(self) -> None:
        """Give back what the answers took, once all are sent or their reader is gone."""
        with self.requests_lock:  # no request begins meanwhile
            if not self.requests and not self.total_outbufs_len:
                self._waiting.close()

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close=do_close)
        if sent:
            self.written += sent
            self.moved_at = time.monotonic()
        return sent

    def service(self) -> None:
        super().service()
        self._is_through()
        self.answers += 1
        self.since = time.monotonic()

    def handle_write(self) -> None:
        super().handle_write()
        if self.connected and not self.total_outbufs_len:
            self.since = time.monotonic()
            self._is_through()

    def handle_close(self) -> None:
        """Close at once, or after a refused client has had the time to read why."""
        if not (self.refused and self.will_close and self.connected) or self.lingering_since:
            self._end()
            return
        self.will_close = False
        self.lingering_since = time.monotonic()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._end()

    def _end(self) -> None:
        super().handle_close()
        self._waiting.close()
        if self.request is not None:
            self.request.abandon()

    def writable(self) -> bool:
        return bool(not self.lingering_since and super().writable())

    # ---- how long it may take

    @property
    def waits(self) -> bool:
        """Is nothing being answered on it?"""
        return not self.requests and not self.total_outbufs_len

    @property
    def is_quiet(self) -> bool:
        """Will it stay as it is until something arrives?"""
        return self.waits and not self.will_close and not self.close_when_flushed

    def look(self, now: float) -> None:
        """End it when what it is at has taken too long."""
        limits = self.server.limits
        if self.lingering_since:
            if now - self.lingering_since > limits.linger_seconds:
                self.close_now()
        elif self.total_outbufs_len:
            # The system takes some megabytes before anybody has read them: what does not move at all has the grace alone.
            if now - self.moved_at > limits.grace or limits.overdue(now - self.writing_since, self.written):
                self.close_now()
        elif self.requests:
            pass  # the portal's own work
        elif self.request is None:
            if self.server.stopping or now - self.since > (
                limits.idle_seconds if self.answers else limits.head_seconds
            ):
                self.close_now()
        elif not self.request.head_done:
            if now - self.request.began > limits.head_seconds:
                self._too_slow()
        elif limits.overdue(now - self.request.head_done, self.request.body_bytes_received):
            self._too_slow()

    def _too_slow(self) -> None:
        status, headers, body = refusal(408)
        head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
        answer = "\r\n".join([*head, "Connection: close", "", ""]).encode() + body
        with self.requests_lock:
            if self.requests or self.request is None:
                return
            self.request.close()
            self.request = None
            self.refused = True
            self.write_soon(answer)
            self.close_when_flushed = True
        self.server.look_at(self)

    def close_now(self) -> None:
        """Close it without a word."""
        self.refused = False
        self.handle_close()
