"""What each plugin tells the tests of access: `tests/plugins/<key>/scene.py`, found by the application's key.

Such a module has `providers` (what stands in a URL for each name of a parameter, or for `<endpoint>:<name>` of a route), `owned`
(the names that only the owning organization may use) and `build(world, organization)`, which makes a row of every scoped model of
the plugin.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from flask import Flask

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization

from .world import World

FOLDER = Path(__file__).parents[1] / "plugins"


@dataclass(frozen=True)
class Part:
    """What `build` made for one organization: values by name, and words of it that no other organization may see."""

    values: Mapping[str, Any]
    secrets: tuple[str, ...] = ()


Provider = Callable[[Part, Person | None], Any]
"""What stands in a URL, given what was built for the organization and the person who asks."""


class PluginScene(Protocol):
    """What a plugin's scene.py has."""

    providers: Mapping[str, Provider]
    owned: Collection[str]

    def build(self, world: World, organization: Organization) -> Part: ...


def scene_of(key: str) -> PluginScene | None:
    """The scene of an application; None where it brings none, as those of the core."""
    folder = key.replace("-", "_")
    if not (FOLDER / folder / "scene.py").exists():
        return None
    return cast(PluginScene, importlib.import_module(f"tests.plugins.{folder}.scene"))


def scenes_of(app: Flask) -> dict[str, PluginScene]:
    """The scenes of all applications of the app, by key."""
    keys = [application.key for application in app.extensions["hp_portal.plugins"].applications]
    return {key: scene for key in keys if (scene := scene_of(key)) is not None}
