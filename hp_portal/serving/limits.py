"""What a connection may take, in seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True)
class ServerLimits:
    """How long each part of a connection may take, and how much of anything there may be.

    Bodies and answers may be as slow as a bad line is, not slower: `grace` seconds, and then `slowest` bytes for each second
    that has passed since they began.
    """

    head_seconds: float = 15
    """From a request's first byte (a new connection's beginning) to the end of its headers."""
    idle_seconds: float = 75
    """How long a connection is kept after an answer. More than a reverse proxy keeps its own, 60 with nginx: else the proxy
    may send a request into a connection that is being closed."""
    grace: float = 30
    slowest: int = 4 * KIB
    longest_seconds: float = 3600
    """A body or an answer that is not through after this has no more time."""
    linger_seconds: float = 5
    """How long a client that was refused may go on sending before the connection is closed: it reads the answer meanwhile."""
    stop_seconds: float = 20
    """What is being answered when the server stops may take this long."""

    connections: int = 1000
    """Of one process. One more closes the one that has been waiting longest."""
    head_bytes: int = 32 * KIB
    body_in_memory: int = 64 * KIB
    """A larger body waits in a temporary file."""
    temporary_bytes: int = 2048 * KIB * KIB
    """Of all bodies of one process that wait in temporary files. A body that finds no room is refused."""
    answer_in_memory: int = 256 * KIB
    """A larger answer that its reader has not taken yet waits in a temporary file."""
    waiting_bytes: int = 2048 * KIB * KIB
    """Of all answers of one process that wait in temporary files. One that finds no room is not sent; one alone always is."""
    line_bytes: int = 4 * KIB
    """The longest line that tells the size of a chunk, and the longest trailer."""

    def overdue(self, seconds: float, moved: int) -> bool:
        """Is a body or an answer that has moved `moved` bytes in `seconds` slower than allowed?"""
        return seconds > min(self.grace + moved / self.slowest, self.longest_seconds)
