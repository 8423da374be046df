"""What the worker last saw of the record, for the staff's pages."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.models import AuditReport, AuditSeal
from hp_portal.database import PortalSession

SEALING, VERIFIED, PUBLISHED = "sealing", "verified", "published"
_WORDS = {
    SEALING: "Sealing found: {}.",
    VERIFIED: "Verification found: {}.",
    PUBLISHED: "The newest head could not be published: {}.",
}


@dataclass(frozen=True)
class RecordState:
    """The newest seal and its digest, when the record was last verified, the last published seal, and what is wrong."""

    seal: int
    sealed_at: dt.datetime | None
    head: str
    verified_at: dt.datetime | None
    published: int
    problems: tuple[str, ...]


def note(session: PortalSession, name: str, *, seal: int = 0, problem: str = "") -> None:
    """Keep what was seen; the caller commits."""
    row = session.get(AuditReport, name)
    if row is None:
        session.add(row := AuditReport(name=name, at=clock.now(), seal=seal, problem=problem))
    row.at, row.seal, row.problem = clock.now(), seal, problem


def note_change(session: PortalSession, name: str, problem: str) -> None:
    """Keep a problem that is new, or that it is gone, and commit; nothing is written while it stays the same."""
    known = report(session, name)
    if problem != (known.problem if known else ""):
        note(session, name, problem=problem)
        session.commit()


def report(session: PortalSession, name: str) -> AuditReport | None:
    return session.get(AuditReport, name, populate_existing=True)


def record_state(session: PortalSession) -> RecordState:
    """How the record stands, as the worker last saw it. Needs a whole scope."""
    last = session.execute(
        sa.select(AuditSeal.id, AuditSeal.sealed_at, AuditSeal.digest).order_by(AuditSeal.id.desc()).limit(1)
    ).one_or_none()
    seen = {row.name: row for row in session.scalars(sa.select(AuditReport))}
    problems = [_WORDS[name].format(seen[name].problem) for name in _WORDS if name in seen and seen[name].problem]
    return RecordState(
        seal=last.id if last else 0,
        sealed_at=last.sealed_at if last else None,
        head=bytes(last.digest).hex() if last else "",
        verified_at=seen[VERIFIED].at if VERIFIED in seen else None,
        published=seen[PUBLISHED].seal if PUBLISHED in seen else 0,
        problems=tuple(problems),
    )


def count_problems(session: PortalSession) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(AuditReport).where(AuditReport.problem != "")) or 0
