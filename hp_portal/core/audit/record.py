"""Writing audit events: declared kinds only, in the transaction of what they record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.database import PortalSession
from hp_portal.hookspecs import EventSpec


class UndeclaredEvent(Exception):
    """An audit event that nobody declared, or whose fields differ from its declaration."""


@dataclass(frozen=True)
class Who:
    """Who acts, from where, in which request. Commands and the worker have neither person nor address."""

    person_id: int | None = None
    organization_id: int | None = None
    sign_in_id: int | None = None
    request_id: str = ""
    address: str = ""


class EventRegistry:
    """Every declared kind of event, by key."""

    def __init__(self) -> None:
        self._specs: dict[str, EventSpec] = {}

    def declare(self, specs: Iterable[EventSpec]) -> None:
        """Add kinds; raises UndeclaredEvent when a key is declared twice with different fields."""
        for spec in specs:
            if self._specs.setdefault(spec.key, spec) != spec:
                raise UndeclaredEvent(f"audit event {spec.key} is declared twice")

    def __getitem__(self, key: str) -> EventSpec:
        try:
            return self._specs[key]
        except KeyError:
            raise UndeclaredEvent(f"audit event {key} is not declared") from None

    def label(self, key: str) -> str:
        """What people read; an event of a plugin that is gone shows as its key."""
        spec = self._specs.get(key)
        return spec.label if spec else key

    def all(self) -> list[EventSpec]:
        return sorted(self._specs.values(), key=lambda spec: spec.key)


def set_who(session: PortalSession, who: Who) -> None:
    """Say who acts in this session."""
    session.info["who"] = who


def get_who(session: PortalSession) -> Who:
    return cast(Who, session.info.get("who") or Who())


# A Core insert: a tenth of the cost of an entity's, on a path that every page takes.
_insert = sa.insert(AuditEvent.__table__)  # type: ignore[arg-type]


def record(session: PortalSession, event: str, *, reason: str = "", who: Who | None = None, **fields: object) -> None:
    """Add an event to the session's transaction.

    `fields` must be exactly those declared, of JSON's types, without PHI in the clear. Raises UndeclaredEvent.
    """
    spec: EventSpec = session.info["events"][event]
    if fields.keys() != set(spec.fields):
        raise UndeclaredEvent(f"{event} has fields {sorted(spec.fields)}, not {sorted(fields)}")
    who = who or get_who(session)
    session.execute(
        _insert,
        {
            "at": clock.now(),
            "event": event,
            "person_id": who.person_id,
            "organization_id": who.organization_id,
            "sign_in_id": who.sign_in_id,
            "request_id": who.request_id,
            "address": who.address,
            "reason": reason,
            "fields": json.dumps(fields, separators=(",", ":"), sort_keys=True, default=str),
        },
    )
