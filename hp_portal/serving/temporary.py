"""How many bytes of bodies and answers may wait in temporary files, over all connections of one process."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

from flask import Flask

from hp_portal.serving.limits import ServerLimits

MIB = 1024 * 1024


class TemporaryFiles:
    """A budget of `most` bytes that bodies, or answers, share. Any thread may take of it and give back.

    `alone`: what is there alone may be larger than the budget.
    """

    def __init__(self, most: int, *, alone: bool = False) -> None:
        self.most, self.alone = most, alone
        self.taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take so much more; False, and nothing is taken, when there is not so much left."""
        with self._lock:
            if self.taken + size > self.most and (self.taken or not self.alone):
                return False
            self.taken += size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self.taken -= size


class Share:
    """What one body, or one connection's answers, have of the budget.

    Of a body that is as much as has arrived, not as much as was announced, which costs nothing.
    """

    def __init__(self, files: TemporaryFiles) -> None:
        self.files = files
        self.size = 0
        self._lock = threading.Lock()

    def grow_to(self, size: int) -> bool:
        """Have so many bytes in all; False when there is no room."""
        with self._lock:
            if size <= self.size:
                return True
            if not self.files.take(size - self.size):
                return False
            self.size = size
            return True

    def close(self) -> None:
        """Give everything back; again does nothing."""
        with self._lock:
            size, self.size = self.size, 0
            self.files.give_back(size)


def with_budgets_of(application: Any, processes: int, limits: ServerLimits) -> ServerLimits:
    """The limits with what one of several processes may have in temporary files: its part of what the settings say, and at
    least one upload of the largest size. An application that is not the portal has the limits' own."""
    if not isinstance(application, Flask) or "hp_portal.settings" not in application.extensions:
        return limits
    settings = application.extensions["hp_portal.settings"]
    uploads = max(int(settings.uploads_at_once_mb) // processes, int(settings.max_upload_mb) + 1) * MIB
    answers = max(int(settings.downloads_at_once_mb) // processes, 1) * MIB
    return dataclasses.replace(limits, temporary_bytes=uploads, waiting_bytes=answers)
