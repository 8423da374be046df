"""Writers: what makes an event that is forged, altered or missing show before it is sealed.

A writer is one pooled database connection, under a random number of its own. It numbers its events from 1 without a gap and
gives each a MAC, keyed from the data key, over every column, its number, the MAC of its event before (`before`), and the
newest seal it knew (`anchor`, with that seal's digest). So

- an event cannot be altered, or written anew, without the key;
- one that is taken away leaves a gap, unless it was its writer's last and no seal covers it yet;
- seals cannot be taken away and made anew: the events that were written after them name them.

Writers never wait for each other. The numbers follow the transaction: a rollback, also one to a savepoint, takes them back. When
it is not known whether something was committed, the writer ends and another begins; a process that dies leaves a writer
that has ended.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from typing import Any, cast

import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent, AuditSeal
from hp_portal.session import CORE
from hp_portal.transactions import FOLLOWER
from hp_portal.vault import Vault

ANCHOR_EVERY = dt.timedelta(seconds=30)  # how long a writer goes on with the newest seal it knows

# What a MAC covers, in this order for ever: another order or column would fit no event that exists already. The anchor's digest
# comes last. An event's id is given by the database, and covered by its seal.
MACED = (
    "at",
    "event",
    "person_id",
    "organization_id",
    "sign_in_id",
    "request_id",
    "address",
    "reason",
    "fields",
    "writer",
    "number",
    "before",
    "anchor",
    "key_id",
)
columns = tuple(getattr(AuditEvent, name) for name in MACED)
_seals = cast(sa.Table, AuditSeal.__table__)
_newest_seal = sa.select(_seals.c.id, _seals.c.digest).order_by(_seals.c.id.desc()).limit(1)
State = tuple[
    int, bytes, int, bytes, dt.datetime | None
]  # number and MAC of the last event; anchor, its digest, when asked


def canonical(values: Iterable[Any]) -> bytes:
    """One byte string for some values, the same on both databases: each one's length and text, in order."""
    parts = []
    for value in values:
        if isinstance(value, dt.datetime):
            value = value.astimezone(dt.UTC).isoformat(timespec="microseconds")
        elif isinstance(value, bytes | memoryview):
            value = bytes(value).hex()
        data = b"" if value is None else str(value).encode()
        parts.append(b"%d:%s" % (-1 if value is None else len(data), data))
    return b"|".join(parts)


class Writer:
    """Where one connection stands in its numbers. It is told of the connection's transactions (`database.Follower`)."""

    def __init__(self) -> None:
        self.id = secrets.randbits(63)
        self.state: State = (0, b"", 0, b"", None)
        self.start: State | None = None
        self.marks: list[tuple[str, State]] = []

    def committed(self) -> None:
        self.start = None
        self.marks.clear()

    def rolled_back(self) -> None:
        if self.start is not None:
            self.state, self.start = self.start, None
        self.marks.clear()

    def savepoint(self, name: str) -> None:
        self.marks.append((name, self.state))

    def rolled_back_to(self, name: str) -> None:
        for place, (mark, state) in enumerate(self.marks):
            if mark == name:
                self.state = state
                del self.marks[place:]
                return
        # The savepoint is older than the writer.
        self.rolled_back()

    def stamp(self, connection: sa.Connection, vault: Vault, values: dict[str, Any]) -> None:
        """Give an event its place and its MAC: `values` has the columns that people read."""
        if self.start is None:
            self.start = self.state
        number, before, anchor, digest, asked = self.state
        now: dt.datetime = values["at"]
        if asked is None or not asked <= now < asked + ANCHOR_EVERY:
            found = connection.execute(_newest_seal, execution_options=CORE).first()
            # Never back: a seal that was there and is gone is what the anchor is to tell.
            if found is not None and found.id > anchor:
                anchor, digest = found.id, bytes(found.digest)
            asked = now
        values.update(writer=self.id, number=number + 1, before=before, anchor=anchor, key_id=vault.key_id)
        values["mac"] = mac = vault.mac(canonical([*map(values.__getitem__, MACED), digest]))
        self.state = (number + 1, mac, anchor, digest, asked)


def stamp(connection: sa.Connection, vault: Vault, values: dict[str, Any]) -> None:
    """Give an event the columns that its connection's writer answers for. To be inserted by the next statement."""
    info = connection.info
    writer = cast("Writer | None", info.get(FOLLOWER))
    if writer is None:
        info[FOLLOWER] = writer = Writer()
    writer.stamp(connection, vault, values)


def end_writer(connection: sa.Connection) -> None:
    """Begin a new writer with the next event: after a failure, when it is not known what was written."""
    connection.info.pop(FOLLOWER, None)
