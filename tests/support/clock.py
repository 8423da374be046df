"""The portal's time in a test: the fixture `clock`."""

from __future__ import annotations

import datetime as dt


class Clock:
    """The real time until it is set or moved; from then on it stands still where it was put."""

    def __init__(self) -> None:
        self._stopped: dt.datetime | None = None

    def now(self) -> dt.datetime:
        return self._stopped or dt.datetime.now(dt.UTC)

    def set(self, moment: dt.datetime) -> None:
        """Stand still at `moment`, of any zone."""
        self._stopped = moment.astimezone(dt.UTC)

    def advance(self, span: dt.timedelta | None = None, **parts: float) -> None:
        """Move on by `span`, or by the parts of one: `advance(minutes=14)`."""
        self._stopped = self.now() + (span or dt.timedelta(**parts))
