"""Apps that were made for one test and serve a later one, on its own database: making one takes longer than most tests."""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from flask import Flask

from hp_portal.app import create_app
from hp_portal.database import Database
from hp_portal.plugins import Plugins, _Outcomes
from hp_portal.settings import Settings

_INSTALLED = importlib.metadata.entry_points
KEPT = 12
_LEARNED = ("hp_portal.rules_for_files", "hp_portal.rows_of_addresses")
"""What an app finds out when it is first asked: it does no harm to find it out again."""
_CHANGING = frozenset(
    ("_got_first_request", "engine", "_keys_fit", "_outcomes", "cache", "bound_alone", "_retired", "_subkeys")
)
"""What is set anew with the database, when an app is taken or first compares its keys; the pages it has compiled; the keys
that its vault has derived."""

_Origin = tuple[Settings, str, dict[str, object]]
"""What an app was made with: the settings but for the database, the kind of database, the plugins beside the installed ones."""


class Refillable:
    """A plugin of a test's own that is nothing but what it holds: an app that has one serves a later test with another."""

    def refill(self, other: Refillable) -> None:
        """Hold exactly what the other one holds, from now on together with it."""
        self.__dict__ = other.__dict__


class Pool:
    """The apps that no test uses at the moment.

    An app is taken back only if it is as it was when it was made: one to which a test has added a page, a plugin, a template's
    global, or anything else that shows in its parts, is not used again. Neither is one that is still patched by then.
    """

    def __init__(self) -> None:
        self._free: list[Flask] = []
        self._made: dict[Flask, tuple[_Origin, dict[str, Any]]] = {}

    def take(self, settings: Settings, extra_plugins: Mapping[str, object] | None = None) -> Flask:
        """An app with these settings and plugins: one that is free, or a new one."""
        extra = dict(extra_plugins or {})
        if importlib.metadata.entry_points is not _INSTALLED:  # a test plays that other plugins are installed
            return create_app(settings, extra_plugins=extra)
        kind = sa.make_url(settings.database_url).get_backend_name()
        origin = settings.model_copy(update={"database_url": ""}), kind, {key: _sort(one) for key, one in extra.items()}
        for app in self._free:
            if self._made[app][0] == origin:
                self._free.remove(app)
                _start_anew(app, settings)
                _fill(app, extra)
                return app
        app = create_app(settings, extra_plugins={name: _of_app(plugin) for name, plugin in extra.items()})
        _fill(app, extra)
        if all(isinstance(plugin, ModuleType | Refillable) for plugin in extra.values()):  # others belong to their test
            self._made[app] = origin, _parts(app)
        return app

    def give_back(self, app: Flask) -> None:
        """Keep an app that no test uses any more, unless it has changed."""
        database: Database = app.extensions["hp_portal.database"]
        database.engine.dispose()
        if app not in self._made:
            return
        for learned in _LEARNED:
            app.extensions.pop(learned, None)
        if self._made[app][1] != _parts(app):
            del self._made[app]
            return
        self._free.append(app)
        for forgotten in self._free[:-KEPT]:  # those that nobody has asked for the longest
            del self._made[forgotten]
        del self._free[:-KEPT]


def _sort(plugin: object) -> object:
    """What two tests' plugins have in common for which one app can serve both."""
    return type(plugin) if isinstance(plugin, Refillable) else plugin


def _of_app(plugin: object) -> object:
    """What an app gets in place of a test's plugin, so that a later test changes nothing of an earlier one's."""
    return copy.copy(plugin) if isinstance(plugin, Refillable) else plugin


def _fill(app: Flask, extra: Mapping[str, object]) -> None:
    """Have the app's plugins hold what those of the test do."""
    for name, plugin in extra.items():
        if isinstance(plugin, Refillable):
            app.extensions["hp_portal.plugins"].manager.get_plugin(name).refill(plugin)


def _start_anew(app: Flask, settings: Settings) -> None:
    """Have an app serve another database."""
    object.__setattr__(app.extensions["hp_portal.settings"], "database_url", settings.database_url)
    database: Database = app.extensions["hp_portal.database"]
    database.engine = Database(settings).engine
    database._keys_fit = False
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    plugins._outcomes = _Outcomes()
    app._got_first_request = False


def _parts(app: Flask) -> dict[str, Any]:
    """What an app is made of, as far as a test could change it."""
    database: Database = app.extensions["hp_portal.database"]
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    things = {
        "app": vars(app),
        "served": vars(app.wsgi_app),
        "pages": vars(app.jinja_env),
        "sign-in": vars(vars(app)["login_manager"]),
        "database": vars(database),
        "vault": vars(database.vault),
        "plugins": vars(plugins),
        "directory": vars(app.extensions["hp_portal.directory"]),
        **{f"plugin {name}": vars(state) for name, state in plugins.states.items()},
        **{f"chain {name}": vars(chain) for name, chain in app.extensions["hp_portal.chains"].items()},
    }
    seen = {name: _copied({key: one for key, one in of.items() if key not in _CHANGING}) for name, of in things.items()}
    return seen | {"rules": len(app.url_map._rules), "known": plugins.manager.list_name_plugin()}


def _copied(found: Any) -> Any:
    """Containers copied all the way down, without what is empty in them; anything else as it is."""
    if isinstance(found, dict):
        copies = {key: _copied(one) for key, one in found.items()}
        return {key: one for key, one in copies.items() if one not in ({}, [])}
    if isinstance(found, list):
        return [_copied(one) for one in found]
    return found
