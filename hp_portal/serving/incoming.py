"""A request as it comes in: refused where its framing is open to doubt, cut where its body is too large.

waitress reads requests leniently in places where proxies differ from it, and what two programs read differently can be used to
smuggle a request past one of them. Here anything that has two readings is refused:

- no Host header or two, a Host that differs from the one in the address,
- Content-Length beside Transfer-Encoding, twice, or with Transfer-Encoding in HTTP/1.0,
- lines that go on in the next one (obs-fold),
- versions other than HTTP/1.0 and 1.1. HTTP/2 without TLS (h2c) is not spoken, neither by upgrade nor at once.

Header names with an underscore are dropped by waitress: in WSGI they could stand for the name with a hyphen.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.utilities import BadRequest, Error

from hp_portal.serving.limits import ServerLimits
from hp_portal.serving.temporary import Share, TemporaryFiles

Environ = dict[str, Any]
LargestBody = Callable[[Environ], int]
"""How many bytes the body of this request may have; it is asked when the headers are there."""

ONLY_ONCE = (b"host", b"content-length", b"transfer-encoding", b"content-type")


class WrongVersion(Error):  # type: ignore[misc]
    """A version of HTTP that is not spoken here."""

    code = 505
    reason = "HTTP Version Not Supported"


class NoRoom(Error):  # type: ignore[misc]
    """There are too many bodies in temporary files already."""

    code = 503
    reason = "Service Unavailable"
    words = "The portal is receiving too many uploads at the moment. Try again in a minute."
    retry_after = 60


class HasLimits(Protocol):
    """What a request needs of its server."""

    limits: ServerLimits
    largest_body: LargestBody
    temporary: TemporaryFiles


class Incoming(HTTPRequestParser):  # type: ignore[misc]
    """One request, from its first byte to its last."""

    body_rcv: Any
    cut = False
    """The body is larger than this request's may be: what came of it is dropped, and the connection is closed after the
    answer."""
    head_done = 0.0
    """When the headers were there; 0 before."""

    def __init__(self, adj: Any, server: HasLimits, now: float) -> None:
        super().__init__(adj)
        self.server = server
        self.began = now
        self.now = now
        self._allowed: int | None = None
        self._share: Share | None = None

    def received(self, data: bytes) -> int:
        """Take what belongs to this request, and say how many bytes those were."""
        in_body = self.body_rcv is not None
        consumed: int = super().received(data)
        if self.headers_finished and not self.head_done:
            self.head_done = self.now
            if not self.error and not self.empty and self.content_length > self.server.limits.body_in_memory:
                self._check(self.content_length)
        if in_body and self.chunked and not self.error:
            self._check_chunks()
        if in_body and not self.error and not self.cut and self.body_bytes_received > self.server.limits.body_in_memory:
            self._make_room()
        return consumed

    def _make_room(self) -> None:
        """Count what has arrived as taken of the disk, and refuse the request when there is no more of that."""
        if self._share is None:
            self._share = Share(self.server.temporary)
            # Whatever becomes of the request: its file goes with it, and so does this.
            weakref.finalize(self, self._share.close)
        if self._share.grow_to(self.body_bytes_received):
            return
        self.close()
        self.error = NoRoom(NoRoom.words)
        self.completed = True
        self.chunked = self.expect_continue = False
        self.body_rcv = None

    def abandon(self) -> None:
        """Drop what has arrived of the body: its connection is gone."""
        if self._share is not None:
            self.close()

    def close(self) -> None:
        """Drop the body."""
        super().close()
        if self._share is not None:
            self._share.close()

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head of a request. Raises ParsingError for what must not be there."""
        if header_plus == b"GET / HTTP/1.0\r\n":  # what the parser reads instead of headers that are too large
            super().parse_header(header_plus)
            return
        self._check_lines(header_plus)
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a number of thousands of digits
            raise ParsingError("Content-Length is invalid") from error
        if self.version not in ("1.0", "1.1"):
            self.error = WrongVersion("HTTP/1.1 is spoken here.")
            self.completed = True
            self.body_rcv = None
            return
        self._check_host()
        options = {option.strip().lower() for option in self.headers.get("CONNECTION", "").split(",")}
        if "close" in options:  # in a list as well; waitress knows it alone
            self.headers["CONNECTION"] = "close"

    def _check_lines(self, head: bytes) -> None:
        lines = head.split(b"\r\n")[1:]
        if any(line[:1] in (b" ", b"\t") for line in lines):
            raise ParsingError("A header goes on in the next line")
        seen = Counter(line.partition(b":")[0].lower() for line in lines if line)
        for name in ONLY_ONCE:
            if seen[name] > 1:
                raise ParsingError(f"{name.decode()} is there {seen[name]} times")
        if not seen[b"host"]:
            raise ParsingError("Host is missing")
        if seen[b"transfer-encoding"]:
            if seen[b"content-length"]:
                raise ParsingError("Content-Length and Transfer-Encoding exclude each other")
            if not head.partition(b"\r\n")[0].rstrip().endswith(b"HTTP/1.1"):
                raise ParsingError("Transfer-Encoding is not for HTTP/1.0")

    def _check_host(self) -> None:
        if self.proxy_scheme or self.proxy_netloc:
            asked = self.proxy_netloc.lower()
            if self.proxy_scheme not in ("http", "https") or asked != self.headers.get("HOST", "").lower():
                raise ParsingError("Host is not the one of the address")
        elif not self.path.startswith("/") and self.request_uri != "*":
            raise ParsingError("the address has no path")

    def _check(self, size: int) -> None:
        """Cut the request when a body of `size` bytes is more than it may have."""
        if self._allowed is None:
            self._allowed = self.server.largest_body(self._environ(size))
        if size > self._allowed:
            self._cut(size)

    def _check_chunks(self) -> None:
        receiver = self.body_rcv
        if isinstance(receiver, ChunkedReceiver):
            longest = self.server.limits.line_bytes
            if len(receiver.control_line) > longest or len(receiver.trailer) > longest:
                self.error = BadRequest("A line of a chunk is too long")
                self.completed = True
                return
        if len(receiver) > self.server.limits.body_in_memory:
            self._check(len(receiver))

    def _cut(self, size: int) -> None:
        self.close()
        self.cut = self.completed = True
        self.chunked = self.expect_continue = False
        self.body_rcv = None
        self.headers["CONTENT_LENGTH"] = str(size)
        self.headers["CONNECTION"] = "close"

    def _environ(self, size: int) -> Environ:
        """What is known of the request before its body, the way WSGI tells it."""
        named = {f"HTTP_{name}": value for name, value in self.headers.items()}
        return {
            **named,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": "/" + self.path.lstrip("/"),
            "QUERY_STRING": self.query,
            "CONTENT_LENGTH": str(size),
            "SERVER_NAME": "",
            "SERVER_PORT": "",
            "wsgi.url_scheme": self.url_scheme,
        }
