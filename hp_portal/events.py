"""What happens, by name: kinds of audit events, and events that plugins are told of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Any


class UndeclaredEvent(Exception):
    """An audit event that nobody declared, or whose fields differ from its declaration."""


@dataclass(frozen=True)
class Reference:
    """What an event is about, as people call it, and the address where one may look at it; None: nowhere."""

    text: str
    url: str | None = None


# Asked for many events of a kind at once, with their fields: what each is about, None for what is gone or not for these eyes.
# Called with a PortalSession in the reader's scope, the events' fields, and whether the payer's staff read.
Names = Callable[[Any, Sequence[Mapping[str, Any]], bool], Sequence[Reference | None]]


# Asked for many events of a kind at once, with their fields, in a whole scope: whose payments each has shown, by payee ids.
Shown = Callable[[Any, Sequence[Mapping[str, Any]]], Sequence[Collection[int]]]


@dataclass(frozen=True)
class EventSpec:
    """A kind of audit event: its key `<application>.<thing>.<deed>`, what people read, and exactly the fields it has.

    `sentence` says more where activity is read, such as `Viewed {payment}`. What stands in braces is a field that people
    understand as it is, or is found by `names`. Where one of them cannot be found, people read the label. Keys of rows
    are named, never shown. `member_data`: it tells that somebody saw what belongs to patients, so the reason that the person
    gave for the session is recorded with it. `refusal`: somebody asked for what they may not have; staff find all such events
    together. `staff_only`: it does not show in *My activity*, as it tells what the person may not know. `told`: it happened to an
    organization and nobody of it did it; everybody there finds it in *My activity*. `payees_shown`: whose payments it has opened,
    so that a provider can be told how much others have seen of theirs.
    """

    key: str
    label: str
    fields: tuple[str, ...] = ()
    sentence: str = ""
    names: Mapping[str, Names] = field(default_factory=dict)
    member_data: bool = False
    refusal: bool = False
    staff_only: bool = False
    told: bool = False
    payees_shown: Shown | None = None

    @property
    def placeholders(self) -> list[str]:
        """What stands in braces."""
        return [name for _, name, _, _ in Formatter().parse(self.sentence) if name is not None]


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

    def owner_of(self, module: str) -> str:
        """The key of the plugin that a module belongs to; empty: none."""
        owner = self._owners.get(module)
        if owner is None:
            found = [key for package, key in self._packages.items() if f"{module}.".startswith(f"{package}.")]
            owner = self._owners[module] = found[0] if found else ""
        return owner

    def check_own(self, module: str, event: str) -> None:
        """Raise UndeclaredEvent when a plugin's module speaks of an event that is not the plugin's own."""
        owner = self.owner_of(module)
        if owner and not event.startswith(f"{owner}."):
            raise UndeclaredEvent(
                f"{module} belongs to the plugin {owner}: its events are called {owner}.…, not {event}"
            )

    def declare(self, specs: Iterable[EventSpec]) -> None:
        """Add kinds; raises UndeclaredEvent for a key declared twice, or a sentence with words that nothing fills."""
        for spec in specs:
            unknown = [name for name in spec.placeholders if name not in spec.fields and name not in spec.names]
            if unknown:
                raise UndeclaredEvent(
                    f"the sentence of {spec.key} speaks of {', '.join(unknown)}, which it does not have"
                )
            if self._specs.setdefault(spec.key, spec) != spec:
                raise UndeclaredEvent(f"audit event {spec.key} is declared twice")

    def __getitem__(self, key: str) -> EventSpec:
        try:
            return self._specs[key]
        except KeyError:
            raise UndeclaredEvent(f"audit event {key} is not declared") from None

    def get(self, key: str) -> EventSpec | None:
        """The kind, or None for one of a plugin that is gone."""
        return self._specs.get(key)

    def label(self, key: str) -> str:
        """What people read; an event of a plugin that is gone shows as its key."""
        spec = self._specs.get(key)
        return spec.label if spec else key

    def all(self) -> list[EventSpec]:
        return sorted(self._specs.values(), key=lambda spec: spec.key)
