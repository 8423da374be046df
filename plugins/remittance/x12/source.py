"""The file as a window of bytes that moves on."""

import hashlib
from typing import BinaryIO

BLOCK = 1 << 20


class Source:
    """Reads a stream block by block. `data[at:]` is what has not been used yet; `offset` and `segments` count what has."""

    def __init__(self, stream: BinaryIO, block: int = BLOCK) -> None:
        self._stream = stream
        self._block = block
        self._digest = hashlib.sha256()
        self.data = b""
        self.at = 0
        self.base = 0  # the file's byte at data[0]
        self.size = 0
        self.segments = 0
        self.ended = False

    @property
    def offset(self) -> int:
        """The file's byte at which the unused part starts."""
        return self.base + self.at

    @property
    def sha256(self) -> str:
        """Of all that was read so far, in hexadecimal."""
        return self._digest.hexdigest()

    def more(self) -> bool:
        """Drops what was used and adds a block, so that `at` becomes 0; False at the end of the file."""
        block = b"" if self.ended else self._stream.read(self._block)
        if not block:
            self.ended = True
            return False
        self._digest.update(block)
        self.size += len(block)
        self.base += self.at
        self.data = self.data[self.at :] + block if self.at < len(self.data) else block
        self.at = 0
        return True

    def fill(self, wanted: int) -> None:
        """Reads until `wanted` unused bytes are there or the file ends."""
        while len(self.data) - self.at < wanted and self.more():
            pass

    def find(self, text: bytes, limit: int) -> int:
        """Place in `data` of the next `text` within `limit` unused bytes; -1 when the file or the limit ends before."""
        searched = 0
        while True:
            found = self.data.find(text, self.at + searched)
            if found >= 0:
                return found
            searched = max(len(self.data) - self.at - len(text) + 1, 0)
            if searched > limit or not self.more():
                return -1

    def skip(self, count: int, segments: int = 0) -> None:
        """Moves on over used bytes."""
        self.at += count
        self.segments += segments

    def skip_any_of(self, characters: bytes) -> None:
        """Moves over bytes that mean nothing between segments."""
        while True:
            while self.at < len(self.data) and self.data[self.at] in characters:
                self.at += 1
            if self.at < len(self.data) or not self.more():
                return

    def drain(self) -> None:
        """Reads to the end of the file without keeping anything: for size and hash."""
        self.at = len(self.data)
        while self.more():
            self.at = len(self.data)
