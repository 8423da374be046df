"""Streams around the file that is imported: one that tells how far it has been read, and one that reads ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import BinaryIO

from ..x12.source import BLOCK
from .reports import ImportReport

Progress = Callable[[int, int], None]
"""Called now and then with the bytes and the payments read so far."""
_BLOCKS_AHEAD = 4


class Watched:
    """A stream that tells how far it has been read."""

    def __init__(self, stream: BinaryIO, report: ImportReport, progress: Progress) -> None:
        self._stream = stream
        self._report = report
        self._progress = progress
        self._bytes = 0

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._bytes += len(block)
        self._progress(self._bytes, self._report.payments)
        return block


class ReadAhead:
    """A stream that can read some of its bytes before they are wanted.

    An uploaded file is read from the database by the session that imports it, so nothing is read while the database is busy:
    what comes after the bytes that `fill` has read waits for `wait`.
    """

    def __init__(self, stream: BinaryIO, *, wait: Callable[[], None]) -> None:
        self._stream = stream
        self._wait = wait
        self._blocks: deque[bytes] = deque()

    def fill(self) -> None:
        """Read up to 4 MiB ahead."""
        while len(self._blocks) < _BLOCKS_AHEAD and (block := self._stream.read(BLOCK)):
            self._blocks.append(block)

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        if not self._blocks:
            self._wait()
            return self._stream.read(size)
        block = self._blocks.popleft()
        if len(block) > size:
            self._blocks.appendleft(block[size:])
        return block[:size]
