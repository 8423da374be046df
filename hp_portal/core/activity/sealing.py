"""Sealing finished events into a chain, and verifying it.

The worker seals in batches, so that writers never queue behind each other. A row's digest is an HMAC-SHA256 of all its
columns; a batch's digest is one over the batch before it and the digests of its rows in order of their ids. Whoever
changes, removes or slips in a row, or a seal, without the data key cannot make the digests agree again. Cutting off the
newest seals together with their rows leaves a shorter chain that holds: keep the head that `verify` returns elsewhere.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent, AuditSeal, AuditSealedRow
from hp_portal.database import PortalSession, lock

BATCH = 5000
# No transaction lasts longer: what is this much older than what is sealed, and is not, was slipped in behind the chain.
LATEST = dt.timedelta(days=1)

# What a row's digest covers, in this order for ever: another order or column would not fit what is sealed already.
SEALED = (
    "id",
    "at",
    "event",
    "person_id",
    "organization_id",
    "sign_in_id",
    "request_id",
    "address",
    "reason",
    "fields",
)
_columns = tuple(getattr(AuditEvent, name) for name in SEALED)


def canonical(row: Any) -> bytes:
    """One byte string for a row, the same on both databases: each value's length and text, in the order of SEALED."""
    parts = []
    for value in row:
        text = value.astimezone(dt.UTC).isoformat(timespec="microseconds") if isinstance(value, dt.datetime) else value
        data = b"" if text is None else str(text).encode()
        parts.append(b"%d:%s" % (-1 if text is None else len(data), data))
    return b"|".join(parts)


def _batch_text(before: bytes, seal_id: int, rows: list[tuple[int, bytes]]) -> str:
    return f"{seal_id}|{before.hex()}|" + "|".join(f"{event_id}:{digest.hex()}" for event_id, digest in rows)


def _is_digest(session: PortalSession, kept: bytes, text: str, purpose: str) -> bool:
    """Was the digest made of this text, with today's data key or one before it?"""
    return any(hmac.compare_digest(kept, digest) for digest in session.vault.digests(text, purpose))


def _waiting() -> sa.ColumnElement[bool]:
    return ~sa.exists().where(AuditSealedRow.event_id == AuditEvent.id)


def _horizon(session: PortalSession) -> dt.datetime | None:
    """The moment before which everything has been sealed, or None before the first seal.

    By the newest of all sealed events: a batch of late ones alone does not move it back.
    """
    newest = session.scalar(sa.select(AuditEvent.at).where(~_waiting()).order_by(AuditEvent.at.desc()).limit(1))
    return newest - LATEST if newest is not None else None


def seal(session: PortalSession, batch: int = BATCH) -> int:
    """Seal committed events that are not sealed yet; returns how many. Needs a whole scope; the caller commits."""
    lock(session, "audit seal")
    last = session.execute(
        sa.select(AuditSeal.id, AuditSeal.digest).order_by(AuditSeal.id.desc()).limit(1)
    ).one_or_none()
    horizon = _horizon(session)
    rows = session.execute(
        sa.select(*_columns)
        .where(_waiting(), AuditEvent.at > horizon if horizon else sa.true())
        .order_by(AuditEvent.id)
        .limit(batch)
    ).all()
    if not rows:
        return 0
    digests = [(row.id, session.vault.digest(canonical(row).decode(), "audit row")) for row in rows]
    seal_id, before = (last.id + 1, last.digest) if last else (1, b"")
    session.execute(
        sa.insert(AuditSeal),
        {
            "id": seal_id,
            "sealed_at": clock.now(),
            "rows": len(rows),
            "digest": session.vault.digest(_batch_text(before, seal_id, digests), "audit batch"),
        },
    )
    session.execute(
        sa.insert(AuditSealedRow),
        [{"event_id": event_id, "seal_id": seal_id, "digest": digest} for event_id, digest in digests],
    )
    return len(rows)


@dataclass(frozen=True)
class Verification:
    """What `verify` found: `broken` names the first thing wrong, None when the chain holds."""

    sealed: int
    unsealed: int
    head: str
    broken: str | None


def verify(session: PortalSession, head: str | None = None) -> Verification:
    """Recompute the whole chain. Needs a whole scope.

    `head` is one that an earlier run gave, in hexadecimal: a chain cut off at its end no longer contains it.
    """
    before, sealed, number, head_seen = b"", 0, 0, not head
    for number, seal_row in enumerate(_seals(session), 1):
        if seal_row.id != number:
            return _broken(sealed, before, f"seal {number} is missing")
        problem, digests = _check_batch(session, seal_row)
        if problem is None and len(digests) != seal_row.rows:
            problem = f"seal {number} covers {seal_row.rows} events, {len(digests)} are left"
        if problem is None and not _is_digest(
            session, seal_row.digest, _batch_text(before, number, digests), "audit batch"
        ):
            problem = f"seal {number} does not fit its events and the chain before it"
        if problem is not None:
            return _broken(sealed, before, problem)
        before, sealed = seal_row.digest, sealed + len(digests)
        head_seen = head_seen or before.hex() == head
    highest = session.scalar(sa.select(sa.func.max(AuditSealedRow.seal_id))) or 0
    if highest > number:
        return _broken(sealed, before, f"seal {number + 1} is missing")
    if not head_seen:
        return _broken(sealed, before, f"the seal {head} is gone: the end of the chain has been cut off")
    unsealed, slipped = _unsealed(session)
    broken = f"event {slipped} was slipped in behind the chain" if slipped else None
    return Verification(sealed, unsealed, before.hex(), broken)


def _seals(session: PortalSession) -> Iterator[AuditSeal]:
    """Every seal in order, a hundred at a time."""
    last = 0
    while found := session.scalars(
        sa.select(AuditSeal).where(AuditSeal.id > last).order_by(AuditSeal.id).limit(100)
    ).all():
        yield from found
        last = found[-1].id


def _broken(sealed: int, head: bytes, text: str) -> Verification:
    return Verification(sealed, 0, head.hex(), text)


def _check_batch(session: PortalSession, seal_row: AuditSeal) -> tuple[str | None, list[tuple[int, bytes]]]:
    """The first event of a batch that is gone or altered, and the digests kept for the batch."""
    digests = []
    for event_id, kept, row in _sealed_rows(session, seal_row.id):
        digests.append((event_id, kept))
        if row is None:
            return f"event {event_id} has been removed", digests
        if not _is_digest(session, kept, canonical(row).decode(), "audit row"):
            return f"event {event_id} has been altered", digests
    return None, digests


def _sealed_rows(session: PortalSession, seal_id: int) -> Iterator[tuple[int, bytes, tuple[Any, ...] | None]]:
    """Of each event of a batch: its id, its digest, and its values or None when it is gone."""
    found = session.execute(
        sa.select(AuditSealedRow.event_id, AuditSealedRow.digest, *_columns)
        .outerjoin(AuditEvent, AuditEvent.id == AuditSealedRow.event_id)
        .where(AuditSealedRow.seal_id == seal_id)
        .order_by(AuditSealedRow.event_id)
    )
    for row in found:
        event_id, digest, *values = row
        yield event_id, digest, tuple(values) if values[0] is not None else None


def _unsealed(session: PortalSession) -> tuple[int, int | None]:
    """How many events wait for a seal, and the first that cannot have been there when its time was sealed."""
    count = session.scalar(sa.select(sa.func.count(AuditEvent.id)).where(_waiting())) or 0
    horizon = _horizon(session)
    if horizon is None:
        return count, None
    return count, session.scalar(sa.select(sa.func.min(AuditEvent.id)).where(_waiting(), AuditEvent.at <= horizon))
