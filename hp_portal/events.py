"""What happens, by name: kinds of audit events, and events that plugins are told of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


class UndeclaredEvent(Exception):
    """An audit event that nobody declared, or whose fields differ from its declaration."""


@dataclass(frozen=True)
class EventSpec:
    """A kind of audit event: its key `<application>.<thing>.<deed>`, what people read, and exactly the fields it has."""

    key: str
    label: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class PortalEvent:
    """Something that has been committed: `grant.added`, `payment.imported`, … with its ids."""

    key: str
    ids: Mapping[str, int | str] = field(default_factory=dict)


class EventRegistry:
    """Every declared kind of audit event, by key."""

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
