"""The chain of seals: what digests are made of, with which keys, and what is wrong with an event.

A seal covers a batch of events: its digest is keyed from the data key and made over the seal before it and the MACs of its events
in order of their ids. Its key id says which key it was.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent, AuditKey, AuditSeal, AuditSealedRow
from hp_portal.core.audit.writers import MACED, canonical
from hp_portal.database import PortalSession
from hp_portal.seals import seat
from hp_portal.vault import SealBroken, Vault

RETIRED = "audit.key.retired"  # the event that ends a key
KEPT_KEY = seat(AuditKey.sealed)
"""Where keys are kept sealed, each in a row for its id."""
# What the digest of an event without a MAC covers, in this order for ever.
UNMACED = (
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
unmaced = tuple(getattr(AuditEvent, name) for name in UNMACED)
_anchored = aliased(AuditSeal)


def rows_hash(rows: Iterable[tuple[int, bytes]]) -> bytes:
    """What a seal covers: a hash over ids and MACs, in order of the ids."""
    found = hashlib.sha256()
    for event_id, digest in rows:
        found.update(f"{event_id}:{digest.hex()}|".encode())
    return found.digest()


def seal_digest(
    key: bytes,
    *,
    number: int,
    sealed_at: dt.datetime,
    rows: int,
    before: bytes,
    covers: bytes,
    key_id: bytes,
    taken_over: bool,
) -> bytes:
    """The digest of a seal, 32 bytes."""
    text = canonical(("seal", number, sealed_at, rows, before, covers, key_id, taken_over))
    return hmac.digest(key, text, "sha256")


def taken_over_mac(key: bytes, values: Iterable[Any]) -> bytes:
    """The MAC of an event that was written without one, over UNMACED."""
    return hmac.digest(key, canonical(("taken over", *values)), "sha256")[:16]


def fits(seal: Any, key: bytes | None, before: bytes) -> bool:
    """Was this seal made with the key, over this seal before it? Whether it fits its events is told by `covers`."""
    if key is None or seal.covers is None:
        return False
    digest = seal_digest(
        key,
        number=seal.id,
        sealed_at=seal.sealed_at,
        rows=seal.rows,
        before=before,
        covers=bytes(seal.covers),
        key_id=bytes(seal.key_id),
        taken_over=bool(seal.taken_over),
    )
    return hmac.compare_digest(digest, bytes(seal.digest))


def events_with_anchors() -> sa.Select[Any]:
    """Events as `Checker` takes them: columns, MAC, and the digest of the seal they name."""
    columns = (getattr(AuditEvent, name) for name in MACED)
    return sa.select(AuditEvent.id, *columns, AuditEvent.mac, _anchored.digest.label("anchor_digest")).outerjoin(
        _anchored, _anchored.id == AuditEvent.anchor
    )


def waiting() -> sa.ColumnElement[bool]:
    """Events that no seal covers."""
    return ~sa.exists().where(AuditSealedRow.event_id == AuditEvent.id)


def kept_keys(session: PortalSession) -> dict[bytes, bytes]:
    """The keys of earlier times that the record keeps, by id: those that today's data keys open."""
    found = {}
    for key_id, sealed in session.execute(sa.select(AuditKey.key_id, AuditKey.sealed).order_by(AuditKey.id)):
        try:
            found[bytes(key_id)] = session.vault.open(bytes(sealed), KEPT_KEY(bytes(key_id)))
        except SealBroken:
            continue
    return found


@dataclass(frozen=True)
class Problem:
    """What is wrong with an event. `sound`: the event itself is as it was written, so that it can be sealed."""

    text: str
    sound: bool = False


@dataclass
class Checker:
    """Looks at events one after the other, in order of their ids.

    `keys` are by id; `retired` are those whose events are no longer taken; `writers` is where each stands: number and MAC.
    """

    keys: Mapping[bytes, bytes]
    retired: set[bytes] = field(default_factory=set)
    writers: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    def check(self, row: Any) -> Problem | None:
        """What is wrong with this event; None when nothing is."""
        if row.mac is None or row.key_id is None or row.writer is None or row.number is None:
            return Problem(f"event {row.id} has no MAC: it was not written by the portal")
        key = self.keys.get(bytes(row.key_id))
        if key is None:
            return Problem(f"event {row.id} was made with the key {row.key_id.hex()}, which is not known")
        if row.anchor and row.anchor_digest is None:
            return Problem(f"event {row.id} was written after seal {row.anchor}, which is gone")
        text = canonical([*(getattr(row, name) for name in MACED), row.anchor_digest or b""])
        if not hmac.compare_digest(hmac.digest(key, text, "sha256")[:16], bytes(row.mac)):
            return Problem(f"event {row.id} has been altered")
        if bytes(row.key_id) in self.retired:
            return Problem(f"event {row.id} was made with the key {row.key_id.hex()}, which is retired")
        return self._follow(row)

    def _follow(self, row: Any) -> Problem | None:
        number, mac = self.writers.get(row.writer, (0, b""))
        if row.number <= number:
            return Problem(f"event {row.id} is there a second time")
        self.writers[row.writer] = row.number, bytes(row.mac)
        if row.number > number + 1:
            return Problem(f"the event that its writer wrote before event {row.id} has been removed", sound=True)
        if not hmac.compare_digest(bytes(row.before), mac):
            return Problem(f"the event that its writer wrote before event {row.id} is another one now", sound=True)
        return None


def retired_by(row: Any) -> bytes | None:
    """Which key this event retires, if it is such an event."""
    if row.event != RETIRED:
        return None
    return bytes.fromhex(json.loads(row.fields)["key"])


def seals(session: PortalSession) -> Iterator[AuditSeal]:
    """Every seal in order, a hundred at a time."""
    last = 0
    while found := session.scalars(
        sa.select(AuditSeal).where(AuditSeal.id > last).order_by(AuditSeal.id).limit(100)
    ).all():
        yield from found
        last = found[-1].id


def covered_by_takeover(execute: Callable[[sa.Select[Any]], sa.Result[Any]], number: int) -> bytes:
    """What the seal covers that takes over events without MACs: a hash over all that seals up to it name."""
    sealed = sa.select(AuditSealedRow.event_id).where(AuditSealedRow.seal_id <= number)
    return hash_of(execute(sa.select(*unmaced).where(AuditEvent.id.in_(sealed)).order_by(AuditEvent.id)))


def hash_of(rows: Iterable[Any]) -> bytes:
    found = hashlib.sha256()
    for row in rows:
        found.update(canonical(row) + b"\n")
    return found.digest()


def take_over(connection: sa.Connection, vault: Vault) -> None:
    """Seal everything that was written before events had MACs, once: for the migration that brings them.

    Nothing to take over, no seal: such a record begins with its first seal.
    """
    waiting_rows = connection.execute(sa.select(*unmaced).where(waiting()).order_by(AuditEvent.id)).all()
    last = connection.execute(sa.select(AuditSeal.id, AuditSeal.digest).order_by(AuditSeal.id.desc()).limit(1)).first()
    if not waiting_rows and last is None:
        return
    number, before = (last.id + 1, bytes(last.digest)) if last else (1, b"")
    key = vault.audit_keys[vault.key_id]
    macs = [{"event_id": row.id, "seal_id": number, "digest": taken_over_mac(key, row)} for row in waiting_rows]
    seal: dict[str, Any] = {
        "id": number,
        "sealed_at": clock.now(),
        "rows": len(macs),
        "digest": b"",
        "key_id": vault.key_id,
    }
    seal |= {"covers": hash_of(connection.execute(sa.select(*unmaced).order_by(AuditEvent.id))), "taken_over": True}
    seal["digest"] = seal_digest(
        key,
        number=number,
        sealed_at=seal["sealed_at"],
        rows=len(macs),
        before=before,
        covers=seal["covers"],
        key_id=vault.key_id,
        taken_over=True,
    )
    connection.execute(sa.insert(AuditSeal), seal)
    if macs:
        connection.execute(sa.insert(AuditSealedRow), macs)
