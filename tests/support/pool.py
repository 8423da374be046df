"""Apps that were made for one test and serve a later one, on its own database: making one takes longer than most tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from flask import Flask

from hp_portal import passes
from hp_portal.database import Database, make_engine
from hp_portal.plugins import Plugins, _Outcomes
from hp_portal.settings import Settings

_KEPT = 12
_LEARNED = frozenset(("hp_portal.rules_for_files", "hp_portal.rows_of_addresses"))
"""What an app finds out when it is first asked: it does no harm to find it out again."""
_CHANGING = frozenset(("_got_first_request", "engine", "_keys_fit", "_outcomes", "cache", "bound_alone", "_retired"))


class Pool:
    """The apps that are free, by what they were made with.

    An app is taken back only as it was when it was made: one to which a test has added a page, a plugin, a template, or
    anything else that shows in its parts, is not used again. What a test changes by monkeypatch is as it was before that.
    """

    def __init__(self, make: Callable[..., Flask]) -> None:
        self._make = make
        self._free: dict[object, list[Flask]] = {}
        self._parts: dict[int, tuple[object, dict[str, Any]]] = {}

    def take(self, settings: Settings, extra_plugins: Mapping[str, object] | None = None) -> Flask:
        """An app with these settings: one that is free, or a new one."""
        extra = dict(extra_plugins or {})
        if not all(isinstance(plugin, ModuleType) for plugin in extra.values()):
            return self._make(settings, extra_plugins=extra)
        key: tuple[object, ...] = (_written(settings), settings.database_url[:6])
        key += tuple((name, id(plugin)) for name, plugin in extra.items())
        if not self._free.get(key):
            made = self._make(settings, extra_plugins=extra)
            self._parts[id(made)] = key, _parts(made)
            return made
        app = self._free[key].pop()
        _start_anew(app, settings)
        return app

    def give_back(self, app: Flask) -> None:
        """Keep an app that no test uses any more, unless it has changed."""
        database: Database = app.extensions["hp_portal.database"]
        database.engine.dispose()
        key, parts = self._parts.get(id(app), (None, {}))
        if key is None:
            return
        free = self._free.setdefault(key, [])
        if parts == _parts(app) and sum(map(len, self._free.values())) < _KEPT:
            free.append(app)
        else:
            del self._parts[id(app)]


def _written(settings: Settings) -> str:
    """All settings but where the database is; the secrets among them as they are."""
    values = [(name, value) for name, value in settings if name != "database_url"]
    return repr(
        [(name, value.get_secret_value() if hasattr(value, "get_secret_value") else value) for name, value in values]
    )


def _start_anew(app: Flask, settings: Settings) -> None:
    """Have an app serve another database, and forget what it has learned from the one before."""
    object.__setattr__(app.extensions["hp_portal.settings"], "database_url", settings.database_url)
    database: Database = app.extensions["hp_portal.database"]
    database.engine = make_engine(settings.database_url, settings.database_pool)
    passes.install(database.engine, database.vault.wall_keys)
    database._keys_fit = False
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    plugins._outcomes = _Outcomes()
    for learned in _LEARNED:
        app.extensions.pop(learned, None)
    app._got_first_request = False


def _parts(app: Flask) -> dict[str, Any]:
    """What an app is made of, as far as a test could change it."""
    database: Database = app.extensions["hp_portal.database"]
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    things = {
        "app": vars(app),
        "served": vars(app.wsgi_app),
        "pages": vars(app.jinja_env),
        "sign-in": vars(app.login_manager),  # type: ignore[attr-defined]
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
        return {key: _copied(one) for key, one in found.items() if one not in ({}, []) and key not in _LEARNED}
    if isinstance(found, list):
        return [_copied(one) for one in found]
    return found
