"""The kinds of cases that the installed applications declare, and who may see and decide them."""

from __future__ import annotations

from collections.abc import Iterator

from flask import current_app

from hp_portal.case_kinds import CaseKind, CaseStep
from hp_portal.core.access.enforce import can
from hp_portal.core.identity.actor import Actor
from hp_portal.plugins import Plugins


def kinds() -> Iterator[CaseKind]:
    """Every kind of an installed application, in the order of the menu."""
    plugins: Plugins = current_app.extensions["hp_portal.plugins"]
    for application in plugins.applications:
        yield from application.case_kinds


def find_kind(key: str) -> CaseKind | None:
    """The kind, or None for one of an application that is gone."""
    return next((kind for kind in kinds() if kind.key == key), None)


def kinds_for(actor: Actor) -> list[CaseKind]:
    """The kinds of which whoever is signed in may see cases: the gate's own answer."""
    return [kind for kind in kinds() if can(kind.staff_permission if actor.is_staff else kind.permission)]


def steps_for(actor: Actor | None, kind: CaseKind, state: str) -> list[CaseStep]:
    """The steps that whoever is signed in may take with a case in this state; None: who sent it in without an account."""
    if actor is None:
        return kind.steps_from(state, "provider")
    if actor.is_staff:
        return kind.steps_from(state, "staff") if can(kind.staff_permission) else []
    return kind.steps_from(state, "provider") if can(kind.permission) else []
