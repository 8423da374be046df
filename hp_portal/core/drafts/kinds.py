"""The kinds of drafts that the installed applications declare, and which of them somebody may see."""

from __future__ import annotations

from collections.abc import Iterator

from flask import current_app

from hp_portal.core.access.enforce import can
from hp_portal.draft_kinds import DraftKind
from hp_portal.plugins import Plugins


def kinds() -> Iterator[DraftKind]:
    """Every kind of an installed application, in the order of the menu."""
    plugins: Plugins = current_app.extensions["hp_portal.plugins"]
    for application in plugins.applications:
        yield from application.draft_kinds


def find_kind(key: str) -> DraftKind | None:
    """The kind, or None for one of an application that is gone."""
    return next((kind for kind in kinds() if kind.key == key), None)


def kinds_for_me() -> dict[str, DraftKind]:
    """The kinds of which whoever is signed in may see drafts, by key: the gate's own answer."""
    return {kind.key: kind for kind in kinds() if can(kind.permission)}
