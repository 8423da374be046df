"""What plugins count, such as failed tries, under kinds of their own: none touches counts of the core or of another plugin."""

from __future__ import annotations

import datetime as dt
import sys

from hp_portal.core.limits import attempts, paces
from hp_portal.core.limits.attempts import TooManyAttempts as TooManyAttempts
from hp_portal.database import PortalSession

LONGEST = 30


class ForeignKind(Exception):
    """A kind of tries that is not the plugin's own."""


def check_attempts(session: PortalSession, kind: str, subject: str, *, limit: int, window: dt.timedelta) -> None:
    """Raise TooManyAttempts when `limit` tries within `window` have failed already.

    Holds a lock for this subject until the transaction ends, so that parallel tries are counted one by one. `kind` starts with
    the plugin's key: `sample code`, at most 30 characters. Raises ForeignKind for any other.
    """
    _check_own(session, kind, sys._getframe(1).f_globals.get("__name__", ""))
    attempts.check_attempts(session, kind, subject, limit=limit, window=window)


def count_failure(session: PortalSession, kind: str, subject: str) -> None:
    """Count one failed try. Raises ForeignKind, as `check_attempts` does."""
    _check_own(session, kind, sys._getframe(1).f_globals.get("__name__", ""))
    attempts.count_failure(session, kind, subject)


def forget_failures(session: PortalSession, kind: str, subject: str) -> None:
    """A success starts the count anew. Raises ForeignKind, as `check_attempts` does."""
    _check_own(session, kind, sys._getframe(1).f_globals.get("__name__", ""))
    attempts.forget_failures(session, kind, subject)


def keep_pace(session: PortalSession, kind: str, subject: str, *, limit: int, window: dt.timedelta) -> None:
    """Count one of what may be done `limit` times in each `window`; raise TooManyAttempts where it is one too many.

    All processes count together. Windows follow each other without a gap: one of a minute begins with each minute. `kind` starts
    with the plugin's key, as that of `check_attempts` does. The caller commits. Raises ForeignKind, too.
    """
    _check_own(session, kind, sys._getframe(1).f_globals.get("__name__", ""))
    paces.keep_pace(session, kind, subject, limit=limit, window=window)


def _check_own(session: PortalSession, kind: str, module: str) -> None:
    """The core's own kinds are one word: whoever asks, no kind of two words is one of them."""
    key, _, rest = kind.partition(" ")
    owner = session.context.events.owner_of(module)
    if not key or not rest or len(kind) > LONGEST:
        raise ForeignKind(
            f"a plugin's tries have a kind such as {owner or 'sample'} code, of at most {LONGEST} characters, not {kind!r}"
        )
    if owner and key != owner:
        raise ForeignKind(f"{module} belongs to the plugin {owner}: its kinds of tries start with {owner}, not {key}")
