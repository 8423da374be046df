"""Verifying the record: the whole chain of seals recomputed, and every event that waits for one looked at."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.core.activity.sealing import horizon
from hp_portal.core.audit.chain import (
    Checker,
    covered_by_takeover,
    events_with_anchors,
    fits,
    kept_keys,
    retired_by,
    rows_hash,
    seals,
    taken_over_mac,
    unmaced,
    waiting,
)
from hp_portal.core.audit.models import AuditEvent, AuditSeal, AuditSealedRow
from hp_portal.core.audit.writers import canonical
from hp_portal.database import PortalSession


@dataclass(frozen=True)
class Verification:
    """What `verify` found: `broken` names the first thing wrong, None when the record holds."""

    sealed: int
    unsealed: int
    head: str
    broken: str | None


class _Broken(Exception):
    """The first thing wrong."""


def verify(session: PortalSession, head: str | None = None, heads: Mapping[int, str] | None = None) -> Verification:
    """Recompute the whole chain. Needs a whole scope.

    `head` is one that an earlier run gave, in hexadecimal, `heads` are published ones by the numbers of their seals: a chain
    that was cut off or made anew no longer contains them.
    """
    walk = _Walk(session, head, dict(heads or {}))
    try:
        walk.seals()
        walk.check_heads()
        unsealed = walk.unsealed()
        walk.check_keys()
    except _Broken as error:
        return Verification(walk.sealed, 0, walk.before.hex(), str(error))
    return Verification(walk.sealed, unsealed, walk.before.hex(), None)


class _Walk:
    """Where a verification stands: the digest of the last seal, what has been counted, and what is still to be seen."""

    def __init__(self, session: PortalSession, head: str | None, heads: dict[int, str]) -> None:
        self.session = session
        self.configured = session.vault.audit_keys
        self.checker = Checker({**kept_keys(session), **self.configured})
        self.head, self.heads = head, heads
        self.before, self.sealed, self.number = b"", 0, 0
        self.old_style = False  # seals of a time before events had MACs have been met
        self.unproved = False  # and their key is not there: what they cover is proved by the seal that took them over
        self.taken_over = False
        self.used: dict[bytes, int] = {}  # keys by the last seal they made

    def seals(self) -> None:
        for number, seal in enumerate(seals(self.session), 1):
            self.number = number
            if seal.id != self.number:
                raise _Broken(f"seal {self.number} is missing")
            if seal.key_id is None:
                self._old_seal(seal)
            elif seal.taken_over:
                self._taken_over(seal)
            else:
                self._seal(seal)
            self.before = bytes(seal.digest)
            if self.before.hex() == self.head:
                self.head = None
            published = self.heads.pop(seal.id, self.before.hex())
            if published != self.before.hex():
                raise _Broken(f"seal {seal.id} is another than the one that was published")
        highest = self.session.scalar(sa.select(sa.func.max(AuditSealedRow.seal_id))) or 0
        if highest > self.number:
            raise _Broken(f"seal {self.number + 1} is missing")
        if self.unproved and not self.taken_over:
            raise _Broken("the first seals were made with a data key that is not there")

    def check_heads(self) -> None:
        if self.head:
            raise _Broken(f"the seal {self.head} is gone: the end of the chain has been cut off")
        if self.heads:
            raise _Broken(f"seal {min(self.heads)} was published and is gone: the end of the chain has been cut off")

    def check_keys(self) -> None:
        for key_id, number in self.used.items():
            if key_id not in self.configured and key_id not in self.checker.retired:
                raise _Broken(
                    f"seal {number} was made with the key {key_id.hex()}, which is neither in the settings nor retired"
                )

    def _check_seal(self, seal: AuditSeal) -> None:
        key_id = bytes(seal.key_id or b"")
        if key_id not in self.checker.keys:
            raise _Broken(f"seal {seal.id} was made with the key {key_id.hex()}, which is not known")
        if key_id in self.checker.retired:
            raise _Broken(f"seal {seal.id} was made with the key {key_id.hex()}, which is retired")
        if not fits(seal, self.checker.keys[key_id], self.before):
            raise _Broken(f"seal {seal.id} does not fit its events and the chain before it")
        self.used[key_id] = seal.id

    def _count(self, seal: AuditSeal, found: int) -> None:
        if found != seal.rows:
            raise _Broken(f"seal {seal.id} covers {seal.rows} events, {found} are left")
        self.sealed += found

    def _seal(self, seal: AuditSeal) -> None:
        if self.old_style and not self.taken_over:
            raise _Broken(f"seal {seal.id} begins anew, and does not take over what was there before")
        rows = list(self._rows(seal))
        self._count(seal, len(rows))
        retired = set()
        for event_id, digest, row in rows:
            if row is None:
                raise _Broken(f"event {event_id} has been removed")
            if row.mac is None or not hmac.compare_digest(digest, bytes(row.mac)):
                raise _Broken(f"event {event_id} has been altered")
            problem = self.checker.check(row)
            if problem is not None:
                raise _Broken(self._left_out(row) if problem.sound else problem.text)
            if (key := retired_by(row)) is not None:
                retired.add(key)
        self._check_seal(seal)
        if rows_hash((event_id, digest) for event_id, digest, _ in rows) != seal.covers:
            raise _Broken(f"seal {seal.id} does not fit its events and the chain before it")
        self.checker.retired |= retired

    def _left_out(self, row: Any) -> str:
        """Why the event before this one is not under a seal: it is gone, or was not sealed because something is wrong with it."""
        before = AuditEvent.writer == row.writer, AuditEvent.number == row.number - 1
        found = self.session.execute(events_with_anchors().where(*before)).first()
        if found is None:
            return f"the event that its writer wrote before event {row.id} has been removed"
        problem = Checker(self.configured, self.checker.retired).check(found)
        left = f"event {found.id} was left out when those after it were sealed"
        return left if problem is None or problem.sound else problem.text

    def _rows(self, seal: AuditSeal) -> Iterator[tuple[int, bytes, Any]]:
        """Of each event of a batch: its id, its digest, and its row or None when it is gone."""
        kept = self.session.execute(
            sa.select(AuditSealedRow.event_id, AuditSealedRow.digest)
            .where(AuditSealedRow.seal_id == seal.id)
            .order_by(AuditSealedRow.event_id)
        ).all()
        sealed_here = AuditEvent.id.in_(sa.select(AuditSealedRow.event_id).where(AuditSealedRow.seal_id == seal.id))
        found = {row.id: row for row in self.session.execute(events_with_anchors().where(sealed_here))}
        for event_id, digest in kept:
            yield event_id, bytes(digest), found.get(event_id)

    def _old_seal(self, seal: AuditSeal) -> None:
        """A seal of a time before events had MACs, with the key that hashed then."""
        if self.used:
            raise _Broken(f"seal {seal.id} has no key, and those before it have one")
        self.old_style = True
        kept, altered = [], None
        for event_id, digest, values in self._old_rows(seal):
            kept.append((event_id, digest))
            if values is None:
                raise _Broken(f"event {event_id} has been removed")
            if altered is None and not self._is_digest(digest, canonical(values).decode(), "audit row"):
                altered = event_id
        self._count(seal, len(kept))
        if not self._is_digest(bytes(seal.digest), batch_text(self.before, seal.id, kept), "audit batch"):
            self.unproved = True
        elif altered is not None:
            raise _Broken(f"event {altered} has been altered")

    def _old_rows(self, seal: AuditSeal) -> Iterator[tuple[int, bytes, tuple[Any, ...] | None]]:
        found = self.session.execute(
            sa.select(AuditSealedRow.event_id, AuditSealedRow.digest, *unmaced)
            .outerjoin(AuditEvent, AuditEvent.id == AuditSealedRow.event_id)
            .where(AuditSealedRow.seal_id == seal.id)
            .order_by(AuditSealedRow.event_id)
        )
        for row in found:
            event_id, digest, *values = row
            yield event_id, bytes(digest), tuple(values) if values[0] is not None else None

    def _is_digest(self, kept: bytes, text: str, purpose: str) -> bool:
        return any(hmac.compare_digest(kept, digest) for digest in self.session.vault.digests(text, purpose))

    def _taken_over(self, seal: AuditSeal) -> None:
        """The seal over everything that was written before events had MACs."""
        if self.used:
            raise _Broken(f"seal {seal.id} takes over what was there before, and is not the first to do so")
        self._check_seal(seal)
        key = self.checker.keys[bytes(seal.key_id or b"")]
        count = 0
        for event_id, digest, values in self._old_rows(seal):
            count += 1
            if values is None:
                raise _Broken(f"event {event_id} has been removed")
            if not hmac.compare_digest(taken_over_mac(key, values), digest):
                raise _Broken(f"event {event_id} has been altered")
        self._count(seal, count)
        if covered_by_takeover(self.session.execute, seal.id) != seal.covers:
            raise _Broken(f"events that seal {seal.id} took over have been altered or removed")
        self.taken_over = True

    def unsealed(self) -> int:
        """How many events wait for a seal; raises for the first that was not written by the portal, or not in its time."""
        # Keys of earlier times verify what is sealed, and nothing else.
        self.checker.keys = self.configured
        since, count = horizon(self.session), 0
        waits = events_with_anchors().where(waiting()).order_by(AuditEvent.id)
        with self.session.execute(waits, execution_options={"yield_per": 1000}) as rows:
            for row in rows:
                count += 1
                problem = self.checker.check(row)
                if problem is not None:
                    raise _Broken(problem.text)
                if since is not None and row.at <= since:
                    raise _Broken(f"event {row.id} was slipped in behind the chain")
        return count


def batch_text(before: bytes, seal_id: int, rows: list[tuple[int, bytes]]) -> str:
    """What the digest of a seal without a key id was made of."""
    return f"{seal_id}|{before.hex()}|" + "|".join(f"{event_id}:{digest.hex()}" for event_id, digest in rows)
