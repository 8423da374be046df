"""Sends in a thread of its own what it is handed; meanwhile the next messages are put together, and the last ones marked.

It never is further ahead of the marks than MOST_UNMARKED messages: so many, at most, are sent a second time when the process is
killed. It knows no database.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from flask import Flask

from hp_portal import clock
from hp_portal.core.delivery.transports import NotSent, Transport
from hp_portal.core.leases.leasing import Lease

MOST_UNMARKED = 20
"""Messages that the other side may have taken, or is taking, before they are marked as sent."""
MARKED_AT = 10
MARKED_AFTER = 0.5  # seconds
AHEAD = 10
"""Messages that wait, put together, to be sent."""


@dataclass(frozen=True)
class Job:
    """A message that is ready: its lease, what its channel's way takes, and what is needed to mark it."""

    lease: Lease
    recipient: str
    secrets: bool
    composed: Any


@dataclass(frozen=True)
class Result:
    """What became of it: what the other side said, or why it was not sent."""

    job: Job
    at: dt.datetime
    said: str | None = None
    error: NotSent | None = None


class Sender:
    """Sends by one way, over one connection. Its other methods are for the thread that made it."""

    def __init__(self, app: Flask, transport: Transport) -> None:
        self._app, self._transport = app, transport
        self._changed = threading.Condition()
        self._ahead: deque[Job] = deque()
        self._results: list[Result] = []
        self._first_result = 0.0
        self._unmarked = 0
        self._sending: Job | None = None
        self._last = self._ended = False
        self.closed: NotSent | None = None
        """Why the way does not work."""
        self._broken: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._last = True
            if error is not None:
                self._ahead.clear()
            self._changed.notify_all()
        self._thread.join()

    # ---- for the thread that made it

    @property
    def has_room(self) -> bool:
        """May another message be handed over?"""
        with self._changed:
            return not self._ended and len(self._ahead) < AHEAD

    @property
    def works(self) -> bool:
        """Does it still send?"""
        with self._changed:
            return not self._ended

    def raise_what_broke(self) -> None:
        """What was raised in its thread and says nothing of a message."""
        if self._broken is not None:
            raise self._broken

    @property
    def is_done(self) -> bool:
        """Is nothing left to be sent or marked?"""
        with self._changed:
            return not (self._ahead or self._sending or self._results)

    def hand(self, job: Job) -> None:
        """Have it sent after those before it."""
        with self._changed:
            self._ahead.append(job)
            self._changed.notify_all()

    def not_begun(self) -> list[Lease]:
        """Those that wait for their turn."""
        with self._changed:
            return [job.lease for job in self._ahead]

    def drop(self, ids: set[int]) -> None:
        """Send none of these, unless one is on its way already."""
        with self._changed:
            self._ahead = deque(job for job in self._ahead if job.lease.id not in ids)
            self._changed.notify_all()

    def wait(self, seconds: float, *, for_room: bool) -> None:
        """Until there are results to mark, or room where that is asked for, or it has ended; no longer than so many seconds."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or self._is_due() or (for_room and len(self._ahead) < AHEAD),
                min(seconds, MARKED_AFTER),
            )

    def take_results(self) -> list[Result]:
        """What is to be marked now; `marked` says that it is."""
        with self._changed:
            if not (self._ended or self._is_due()):
                return []
            results, self._results = self._results, []
            return results

    def marked(self, results: list[Result]) -> None:
        """These are marked in the database."""
        with self._changed:
            self._unmarked -= len(results)
            self._changed.notify_all()

    def _is_due(self) -> bool:
        if not self._results:
            return False
        idle = self._sending is None and not self._ahead
        full = len(self._results) >= MARKED_AT or self._unmarked >= MOST_UNMARKED
        return idle or full or time.monotonic() - self._first_result >= MARKED_AFTER

    # ---- its own thread

    def _run(self) -> None:
        try:
            with self._app.app_context(), self._transport.open() as connection:
                while (job := self._next()) is not None:
                    self._send(connection.send, job)
                    if self.closed:
                        break
        except NotSent as error:
            self.closed = error
        except BaseException as error:  # handed over to the thread that waits
            self._broken = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _next(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(
                lambda: (self._ahead and self._unmarked < MOST_UNMARKED) or (self._last and not self._ahead)
            )
            if not self._ahead:
                return None
            self._sending = self._ahead.popleft()
            self._unmarked += 1
            self._changed.notify_all()
            return self._sending

    def _send(self, send: Callable[[Any], str], job: Job) -> None:
        said, failed = None, None
        try:
            said = send(job.composed)
        except NotSent as error:
            failed = error
        with self._changed:
            if not self._results:
                self._first_result = time.monotonic()
            self._results.append(Result(job, clock.now(), said, failed))
            self._sending = None
            if failed is not None and failed.everything:
                self.closed = failed
            self._changed.notify_all()
