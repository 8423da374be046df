"""How many bytes of bodies may wait in temporary files, over all connections of one process."""

from __future__ import annotations

import threading
from typing import Any

from flask import Flask

MIB = 1024 * 1024


class TemporaryFiles:
    """A budget of `most` bytes that bodies share. Connections take of it, threads give back."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take so much more; False, and nothing is taken, when there is not so much left."""
        with self._lock:
            if self.taken + size > self.most:
                return False
            self.taken += size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self.taken -= size


class Share:
    """What one body has of the budget: as much as has arrived, not as much as was announced, which costs nothing."""

    def __init__(self, files: TemporaryFiles) -> None:
        self.files = files
        self.size = 0

    def grow_to(self, size: int) -> bool:
        """Have so many bytes in all; False when there is no room."""
        if size <= self.size:
            return True
        if not self.files.take(size - self.size):
            return False
        self.size = size
        return True

    def close(self) -> None:
        """Give everything back; again does nothing."""
        size, self.size = self.size, 0
        self.files.give_back(size)


def budget_of(application: Any, processes: int, otherwise: int) -> int:
    """How many bytes one of several processes may have in temporary files: its part of what the settings say, and at least one
    upload of the largest size. `otherwise` is for an application that is not the portal."""
    if not isinstance(application, Flask) or "hp_portal.settings" not in application.extensions:
        return otherwise
    settings = application.extensions["hp_portal.settings"]
    return max(int(settings.uploads_at_once_mb) // processes, int(settings.max_upload_mb) + 1) * MIB
