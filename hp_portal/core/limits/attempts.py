"""Failed tries, counted in the database so that more workers do not mean more tries."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.limits.models import Attempt
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole


class TooManyAttempts(Exception):
    """No more tries for now; `wait` says how long."""

    def __init__(self, wait: dt.timedelta) -> None:
        super().__init__("too many attempts")
        self.wait = wait

    @property
    def seconds(self) -> int:
        """The wait in whole seconds, at least one; after them a try is let in."""
        return int(self.wait.total_seconds()) + 1

    @property
    def minutes(self) -> int:
        """The wait in whole minutes, at least one."""
        return max(1, math.ceil(self.wait.total_seconds() / 60))


@in_whole("failed tries are counted for everybody")
def check_attempts(session: PortalSession, kind: str, subject: str, *, limit: int, window: dt.timedelta) -> None:
    """Raise TooManyAttempts when `limit` tries within `window` have failed already.

    Holds a lock for this subject until the transaction ends, so that parallel tries are counted one by one.
    """
    lock(session, f"attempt:{kind}:{subject}")
    now = clock.now()
    recent = (
        session.execute(
            sa.select(Attempt.at)
            .where(
                Attempt.kind == kind,
                Attempt.subject.in_(session.vault.digests(subject, "attempt")),
                Attempt.at > now - window,
            )
            .order_by(Attempt.at.desc())
            .limit(limit)
        )
        .scalars()
        .all()
    )
    if len(recent) >= limit:
        raise TooManyAttempts(recent[-1] + window - now)


@in_whole("failed tries are counted for everybody")
def waits_of(
    session: PortalSession, kind: str, wholes: Iterable[str], *, limit: int, window: dt.timedelta
) -> dict[str, dt.timedelta]:
    """The longest wait among the parts of each of these wholes, as `count_failure` was told; those without one are left out."""
    now = clock.now()
    by_digest: dict[bytes | None, str] = {
        digest: whole for whole in wholes for digest in session.vault.digests(whole, "attempt")
    }
    tries: dict[tuple[str, bytes], list[dt.datetime]] = {}
    for digest, subject, at in session.execute(
        sa.select(Attempt.of, Attempt.subject, Attempt.at)
        .where(Attempt.kind == kind, Attempt.of.in_(by_digest), Attempt.at > now - window)
        .order_by(Attempt.at.desc())
    ):
        tries.setdefault((by_digest[digest], subject), []).append(at)
    longest: dict[str, dt.timedelta] = {}
    for (whole, _), ats in tries.items():
        if len(ats) >= limit:
            longest[whole] = max(longest.get(whole, dt.timedelta()), ats[limit - 1] + window - now)
    return longest


@in_whole("failed tries are counted for everybody")
def count_failure(session: PortalSession, kind: str, subject: str, *, of: str = "") -> None:
    """Count one failed try; `of` names the whole that the subject is a part of."""
    whole = session.vault.digest(of, "attempt") if of else None
    session.add(Attempt(kind=kind, subject=session.vault.digest(subject, "attempt"), at=clock.now(), of=whole))


@in_whole("failed tries are counted for everybody")
def count_recent(session: PortalSession, kind: str, subject: str, window: dt.timedelta) -> int:
    """How many were counted within `window`; the worker keeps them for a day."""
    mine = Attempt.subject.in_(session.vault.digests(subject, "attempt"))
    recent = sa.select(sa.func.count(Attempt.id)).where(Attempt.kind == kind, mine, Attempt.at > clock.now() - window)
    return session.scalar(recent) or 0


@in_whole("failed tries are counted for everybody")
def forget_failures(session: PortalSession, kind: str, subject: str) -> None:
    """A success starts the count anew."""
    session.execute(
        sa.delete(Attempt).where(Attempt.kind == kind, Attempt.subject.in_(session.vault.digests(subject, "attempt")))
    )


@in_whole("failed tries are counted for everybody")
def forget_parts(session: PortalSession, kind: str, whole: str) -> None:
    """Forget what is counted against every part of a whole."""
    session.execute(
        sa.delete(Attempt).where(Attempt.kind == kind, Attempt.of.in_(session.vault.digests(whole, "attempt")))
    )


@in_whole("failed tries are counted for everybody")
def take_back(session: PortalSession, kind: str, subject: str) -> None:
    """The latest counted try was a success: it counts no longer, those before it still do."""
    mine = Attempt.kind == kind, Attempt.subject.in_(session.vault.digests(subject, "attempt"))
    latest = sa.select(sa.func.max(Attempt.id)).where(*mine).scalar_subquery()
    session.execute(sa.delete(Attempt).where(Attempt.id == latest).execution_options(synchronize_session=False))


def clean(session: PortalSession, older_than: dt.timedelta) -> None:
    """Remove counts that no window reaches any more."""
    session.execute(sa.delete(Attempt).where(Attempt.at < clock.now() - older_than))
