"""Loading plugins at the start: found by entry point, registered, asked for their application, checked."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Collection, Iterable
from pathlib import Path
from types import ModuleType

import pluggy
import structlog
from flask import Flask

from hp_portal import addresses, hookspecs
from hp_portal.hookspecs import (
    Application,
)
from hp_portal.plugins import KEY, Plugins, PluginState, confined
from hp_portal.settings import ConfigurationError

ENTRY_POINTS = "hp_portal"
log = structlog.get_logger(__name__)


def load_plugins(
    own: dict[str, ModuleType], extra: dict[str, object] | None = None, left_out: Collection[str] = ()
) -> Plugins:
    """Load the core's `own` applications, then what is installed; `extra` adds plugins by name, for tests.

    Of those `left_out` not even the module is imported.

    A plugin that cannot be imported or asked for its application is kept as a state with its error. Raises
    ConfigurationError when two plugins claim one key.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    for name, module in own.items():
        _register(plugins, name, module, importlib.metadata.version("hp-portal"))
        plugins.states[name].own = True
    for entry in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        version = entry.dist.version if entry.dist else ""
        if entry.name in left_out:
            _leave_out(plugins, entry.name, version, _find_folder(entry.module))
            continue
        try:
            with confined():
                module = entry.load()
        except Exception as error:
            if entry.name in plugins.states:
                raise _two_plugins(entry.name) from error
            folder = _find_folder(entry.module)
            state = PluginState(entry.name, version, loaded=False, folder=folder, package=entry.module)
            plugins.states[entry.name] = state
            plugins.failed(entry.name, "import", error)
        else:
            _register(plugins, entry.name, module, version)
    for name, plugin in (extra or {}).items():
        if name in left_out:
            _leave_out(plugins, name, "", _folder_of(plugin))
            continue
        _register(plugins, name, plugin, "")
    plugins.unknown = tuple(sorted(set(left_out) - plugins.states.keys()))
    if plugins.unknown:  # a slip of the pen, or a plugin that was uninstalled since: nothing to stop for
        log.warning("settings.plugins-left-out", not_installed=plugins.unknown)
    _ask_applications(plugins)
    return plugins


def _leave_out(plugins: Plugins, name: str, version: str, folder: Path | None) -> None:
    if name in plugins.states:
        raise _two_plugins(name)
    plugins.states[name] = PluginState(name, version, loaded=False, folder=folder, left_out=True)


def _two_plugins(name: str) -> ConfigurationError:
    return ConfigurationError(f"Two plugins are called {name!r}. Uninstall one of them.")


def _find_folder(module: str) -> Path | None:
    """Where a package is that could not be imported: its tables exist, so its migrations stay on the path."""
    try:
        spec = importlib.util.find_spec(module)
    except Exception:
        return None
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None


def _folder_of(plugin: object) -> Path | None:
    if isinstance(plugin, ModuleType) and plugin.__spec__ and plugin.__spec__.submodule_search_locations:
        return Path(next(iter(plugin.__spec__.submodule_search_locations)))
    return None


def _register(plugins: Plugins, name: str, plugin: object, version: str) -> None:
    if name in plugins.states:
        raise _two_plugins(name)
    state = plugins.states[name] = PluginState(name, version, package=getattr(plugin, "__name__", name))
    state.folder = _folder_of(plugin)
    try:
        plugins.manager.register(plugin, name=name)
        plugins.manager.check_pending()
        for caller in plugins.manager.get_hookcallers(plugin) or ():
            if any(found.plugin is plugin and (found.wrapper or found.hookwrapper) for found in caller.get_hookimpls()):
                raise TypeError(f"{caller.name} is a wrapper; the portal calls implementations one by one")
    except Exception as error:
        if plugins.manager.has_plugin(name):
            plugins.manager.unregister(name=name)
        state.loaded = False
        plugins.failed(name, "registration", error)


def _ask_applications(plugins: Plugins) -> None:
    taken: dict[str, str] = {}
    for name, application in plugins.collect("portal_application"):
        try:
            _try(application)
        except Exception as error:
            plugins.failed(name, "portal_application", error)
            continue
        if application.key in taken:
            raise ConfigurationError(
                f"Plugins {taken[application.key]!r} and {name!r} both claim the application {application.key!r}."
            )
        _check_keys(application, name)
        taken[application.key] = name
        plugins.states[name].application = application
    for name, state in plugins.states.items():
        # A plugin that failed here would miss from the menu but still answer other hooks: take all of it out.
        if state.loaded and state.error:
            state.loaded = False
            plugins.manager.unregister(name=name)


def _try(application: Application) -> None:
    """Raise where an application could not be mounted: on the app itself it would be half there by then."""
    if not isinstance(application, Application):
        raise TypeError(f"answered with {type(application).__name__} instead of an Application")
    spare = Flask("spare", static_folder=None)
    addresses.install(spare)
    for blueprint in (application.blueprint, application.staff_blueprint, application.public_blueprint):
        if blueprint is not None:
            spare.register_blueprint(blueprint, url_prefix=f"/{blueprint.name}")


def _check_keys(application: Application, name: str) -> None:
    """Permissions and audit events are named after their application, so that none can stand for another's."""
    if not KEY.fullmatch(application.key):
        raise ConfigurationError(f"Plugin {name!r}: {application.key!r} is no key; use lower-case words and hyphens.")
    keys: Iterable[str] = [
        *(permission.key for permission in (*application.permissions, *application.staff_permissions)),
        *(event.key.replace(".", ":") for event in application.audit_events),
    ]
    for key in keys:
        if not key.startswith(f"{application.key}:"):
            raise ConfigurationError(
                f"Plugin {name!r} declares {key!r}, which does not start with {application.key!r}."
            )
