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
    """Something that is about to be committed: `grant.added`, `<plugin>.…`, with its ids."""

    key: str
    ids: Mapping[str, int | str] = field(default_factory=dict)


class EventRegistry:
    """Every declared kind of audit event, by key."""

    def __init__(self) -> None:
        self._specs: dict[str, EventSpec] = {}
        self._packages: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    def add_plugin(self, package: str, key: str) -> None:
        """Say that the modules of a package are a plugin's, whose events are called `<key>.…`."""
        self._packages[package] = key

    def check_own(self, module: str, event: str) -> None:
        """Raise UndeclaredEvent when a plugin's module speaks of an event that is not the plugin's own."""
        owner = self._owners.get(module)
        if owner is None:
            found = [key for package, key in self._packages.items() if f"{module}.".startswith(f"{package}.")]
            owner = self._owners[module] = found[0] if found else ""
        if owner and not event.startswith(f"{owner}."):
            raise UndeclaredEvent(
                f"{module} belongs to the plugin {owner}: its events are called {owner}.…, not {event}"
            )

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
