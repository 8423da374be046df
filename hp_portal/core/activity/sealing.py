"""Sealing finished events into a chain. The worker does it in batches, so that writers never queue behind each other.

Only what is as it was written is sealed: an event that is forged, altered, there a second time or made with a retired key is
left out and told, in every round again. A chain that was lost is not begun anew: sealing stops and says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog

from hp_portal import clock
from hp_portal.core.audit.chain import (
    RETIRED,
    Checker,
    events_with_anchors,
    fits,
    retired_by,
    rows_hash,
    seal_digest,
    waiting,
)
from hp_portal.core.audit.models import AuditEvent, AuditSeal, AuditSealedRow
from hp_portal.database import PortalSession, lock

log = structlog.get_logger(__name__)
BATCH = 5000
# No transaction lasts longer: what is this much older than what is sealed, and is not, was slipped in behind the chain.
LATEST = dt.timedelta(days=1)
LOOKED_UP = 200  # writers asked about in one statement


class RecordBroken(Exception):
    """The record is not as the portal wrote it; the text names the first thing wrong."""


class ChainLost(RecordBroken):
    """Nothing can be sealed: the end of the chain is not there, or is not this portal's."""


@dataclass(frozen=True)
class Sealed:
    """What became of a batch: how many events were sealed, the seal's number and digest (0 and nothing for none), the last
    event looked at, whether there may be more, and the first thing wrong."""

    rows: int
    number: int
    head: str
    last: int
    more: bool
    broken: str | None


def horizon(session: PortalSession) -> dt.datetime | None:
    """The moment before which everything has been sealed, or None before the first seal.

    By the newest of all sealed events: a batch of late ones alone does not move it back.
    """
    newest = session.scalar(sa.select(AuditEvent.at).where(~waiting()).order_by(AuditEvent.at.desc()).limit(1))
    return newest - LATEST if newest is not None else None


def seal(session: PortalSession, batch: int = BATCH) -> int:
    """Seal committed events that are not sealed yet; returns how many. Needs a whole scope; the caller commits."""
    return seal_batch(session, batch).rows


def seal_everything(session: PortalSession) -> None:
    """Seal all there is, and commit. Raises RecordBroken at the end for what is wrong, ChainLost at once."""
    after, broken = 0, None
    while True:
        done = seal_batch(session, after=after)
        session.commit()
        if done.number:
            log.info("audit.sealed", seal=done.number, head=done.head, events=done.rows)
        broken, after = broken or done.broken, done.last
        if not done.more:
            break
    if broken:
        raise RecordBroken(broken)


def seal_batch(session: PortalSession, batch: int = BATCH, after: int = 0) -> Sealed:
    """Seal the next events with ids above `after`. Raises ChainLost."""
    lock(session, "audit seal")
    keys = session.vault.audit_keys
    checker = Checker(keys, _retired(session))
    last = _check_end(session, checker)
    since = horizon(session)
    rows = session.execute(
        events_with_anchors()
        .where(waiting(), AuditEvent.id > after, AuditEvent.at > since if since else sa.true())
        .order_by(AuditEvent.id)
        .limit(batch)
    ).all()
    checker.writers = _where_writers_stood(session, rows)
    sound, broken = [], None
    for row in rows:
        problem = checker.check(row)
        broken = broken or (problem.text if problem else None)
        if problem is None or problem.sound:
            sound.append((row.id, bytes(row.mac)))
    number, head = _add(session, last, sound) if sound else (0, b"")
    return Sealed(len(sound), number, head.hex(), rows[-1].id if rows else after, len(rows) == batch, broken)


def _add(session: PortalSession, last: Any, rows: list[tuple[int, bytes]]) -> tuple[int, bytes]:
    number, before = (last.id + 1, bytes(last.digest)) if last else (1, b"")
    now, key_id, covers = clock.now(), session.vault.key_id, rows_hash(rows)
    digest = seal_digest(
        session.vault.audit_keys[key_id],
        number=number,
        sealed_at=now,
        rows=len(rows),
        before=before,
        covers=covers,
        key_id=key_id,
        taken_over=False,
    )
    values = {"id": number, "sealed_at": now, "rows": len(rows), "digest": digest, "key_id": key_id, "covers": covers}
    session.execute(sa.insert(AuditSeal), {**values, "taken_over": False})
    session.execute(
        sa.insert(AuditSealedRow),
        [{"event_id": event_id, "seal_id": number, "digest": mac} for event_id, mac in rows],
    )
    return number, digest


def _retired(session: PortalSession) -> set[bytes]:
    """The keys that events of the record retire, as far as these are sealed."""
    rows = session.execute(
        sa.select(AuditEvent.event, AuditEvent.fields).where(AuditEvent.event == RETIRED, ~waiting())
    )
    return {key for row in rows if (key := retired_by(row)) is not None}


def _check_end(session: PortalSession, checker: Checker) -> Any:
    """The newest seal, None for a record that has none yet. Raises ChainLost unless it is ours and nothing names one after it."""
    newest = session.execute(
        sa.select(*(getattr(AuditSeal, column.key) for column in sa.inspect(AuditSeal).columns))
        .order_by(AuditSeal.id.desc())
        .limit(2)
    ).all()
    last = newest[0] if newest else None
    if last is not None:
        before = next((bytes(seal.digest) for seal in newest if seal.id == last.id - 1), b"")
        if last.key_id is None:
            raise ChainLost(f"seal {last.id} is of a time before events had MACs, and what came after it is gone")
        if last.key_id in checker.retired or last.key_id not in checker.keys:
            raise ChainLost(f"seal {last.id} was made with the key {last.key_id.hex()}, which may seal no longer")
        if not fits(last, checker.keys[last.key_id], before):
            raise ChainLost(f"seal {last.id} does not fit the chain before it")
    known = last.id if last is not None else 0
    ends = sa.select(AuditEvent.anchor).order_by(AuditEvent.id.desc()).limit(500).subquery()
    named = session.scalar(sa.select(sa.func.max(ends.c.anchor) if known else sa.func.max(AuditEvent.anchor))) or 0
    if named > known:
        raise ChainLost(f"events name seal {named}, and the newest is {known}: the chain has been cut off")
    return last


def _where_writers_stood(session: PortalSession, rows: Sequence[Any]) -> dict[int, tuple[int, bytes]]:
    """Number and MAC of the event before the first that each writer has in these rows."""
    first: dict[int, int] = {}
    for row in rows:
        if row.writer is not None and row.number is not None:
            first.setdefault(row.writer, row.number)
    wanted = [(writer, number - 1) for writer, number in first.items() if number > 1]
    found: dict[int, tuple[int, bytes]] = {}
    for start in range(0, len(wanted), LOOKED_UP):
        pairs = sa.tuple_(AuditEvent.writer, AuditEvent.number).in_(wanted[start : start + LOOKED_UP])
        for writer, number, mac in session.execute(
            sa.select(AuditEvent.writer, AuditEvent.number, AuditEvent.mac).where(pairs)
        ):
            if writer is not None and number is not None and mac is not None:
                found[writer] = number, bytes(mac)
    return found
