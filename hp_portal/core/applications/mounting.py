"""What start-up refuses: a route without a rule, a foreign prefix, an app-wide handler of a plugin, a duplicate key."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

from flask import Blueprint, Flask

from hp_portal.core.access.gate import Directory
from hp_portal.core.access.rules import rule_of
from hp_portal.hookspecs import Application
from hp_portal.plugins import PluginState
from hp_portal.settings import ConfigurationError


def _app_wide(app: Flask, own: Collection[str]) -> dict[str, Any]:
    """Everything a blueprint could hang on the whole app or on pages of others; `own` are the blueprint's names."""

    def of_others(by_scope: dict[Any, Any]) -> dict[Any, Any]:
        return {
            scope: copy.copy(value)
            for scope, value in by_scope.items()
            if value and (scope is None or scope.partition(".")[0] not in own)
        }

    return {
        "before_request": {scope: list(found) for scope, found in of_others(app.before_request_funcs).items()},
        "after_request": {scope: list(found) for scope, found in of_others(app.after_request_funcs).items()},
        "teardown_request": {scope: list(found) for scope, found in of_others(app.teardown_request_funcs).items()},
        "teardown_appcontext": list(app.teardown_appcontext_funcs),
        "context_processor": of_others(app.template_context_processors),
        "url_value_preprocessor": of_others(app.url_value_preprocessors),
        "url_defaults": of_others(app.url_default_functions),
        "errorhandler": {
            (scope, code, error): handler
            for scope, codes in of_others(app.error_handler_spec).items()
            for code, handlers in codes.items()
            for error, handler in handlers.items()
        },
        "view": {name: view for name, view in app.view_functions.items() if name.partition(".")[0] not in own},
        "template filter": dict(app.jinja_env.filters),
        "template global": dict(app.jinja_env.globals),
        "template test": dict(app.jinja_env.tests),
        "URL converter": dict(app.url_map.converters),
        "setting": dict(app.config),
        "wsgi_app": app.wsgi_app,
    }


def mount(app: Flask, directory: Directory, application: Application, name: str) -> None:
    """Register an application's blueprints under its own prefixes.

    Raises ConfigurationError when plugin `name` reaches outside of its space.
    """
    wanted = (
        (application.blueprint, application.key, f"/apps/{application.key}"),
        (application.staff_blueprint, f"{application.key}_staff", f"/staff/{application.key}"),
        (application.public_blueprint, f"{application.key}_public", f"/{application.key}"),
    )
    own = {expected for _, expected, _ in wanted}
    before = _app_wide(app, own)
    known = {(rule.rule, rule.endpoint) for rule in app.url_map.iter_rules()}
    prefixes = []
    for blueprint, expected, prefix in wanted:
        if blueprint is not None:
            _register(app, blueprint, expected, prefix, name)
            prefixes.append((blueprint.name, prefix))
    _check_routes(app, known, prefixes, name)
    after = _app_wide(app, own)
    for kind, value in before.items():
        if after[kind] != value:
            raise ConfigurationError(f"Plugin {name!r} installs an app-wide {kind}; it may only serve its own pages.")
    _check_links(app, application, name)
    directory.add(application)
    check_cases(directory, application, name)
    check_drafts(app, directory, application, name)


def _register(app: Flask, blueprint: Blueprint, expected: str, prefix: str, name: str) -> None:
    if blueprint.name != expected:
        raise ConfigurationError(f"Plugin {name!r}: a blueprint is called {blueprint.name!r} instead of {expected!r}.")
    if blueprint.url_prefix:
        raise ConfigurationError(f"Plugin {name!r}: blueprint {blueprint.name!r} must not set url_prefix.")
    if blueprint.name in app.blueprints:
        raise ConfigurationError(f"Plugin {name!r}: {blueprint.name!r} is the name of pages of the portal itself.")
    taken = [rule.rule for rule in app.url_map.iter_rules() if (rule.rule.rstrip("/") + "/").startswith(prefix + "/")]
    if taken:
        raise ConfigurationError(f"Plugin {name!r} wants {prefix}, where the portal already has {taken[0]}.")
    app.register_blueprint(blueprint, url_prefix=prefix)


def _check_routes(app: Flask, known: set[tuple[str, str]], prefixes: list[tuple[str, str]], name: str) -> None:
    for rule in app.url_map.iter_rules():
        if (rule.rule, rule.endpoint) not in known and not any(
            rule.endpoint.startswith(f"{blueprint}.") and (rule.rule + "/").startswith(prefix + "/")
            for blueprint, prefix in prefixes
        ):
            raise ConfigurationError(f"Plugin {name!r} claims {rule.rule}, outside of its own addresses.")


def _check_links(app: Flask, application: Application, name: str) -> None:
    """What menus point at must exist: a broken link would break the menu of every application."""
    blueprint, staff = application.blueprint.name, f"{application.key}_staff"
    search = application.home_search
    links = [
        (application.index, blueprint, "GET"),
        *((link.endpoint, staff, "GET") for link in application.staff_links),
        *((queue.endpoint, staff, "GET") for queue in application.staff_queues),
        *((link.endpoint, f"{application.key}_public", "GET") for link in application.public_links),
        *([(search.endpoint, blueprint, search.method.upper())] if search else []),
        *((endpoint, blueprint, "GET") for _, endpoint in (search.links if search else ())),
    ]
    for endpoint, owner, method in links:
        routes = list(app.url_map.iter_rules(endpoint)) if endpoint in app.view_functions else []
        if not endpoint.startswith(f"{owner}.") or not any(method in (route.methods or ()) for route in routes):
            raise ConfigurationError(
                f"Plugin {name!r}: its menu points at {endpoint!r}, which is no page of {owner!r}."
            )
        if all(route.arguments for route in routes):
            raise ConfigurationError(f"Plugin {name!r}: {endpoint!r} cannot stand in a menu, its address needs values.")


def check_cases(directory: Directory, application: Application, name: str) -> None:
    """The kinds of cases are named after their application, and what they declare can be. Raises ConfigurationError."""
    for kind in application.case_kinds:
        mistakes = list(kind.mistakes())
        if not kind.key.startswith(f"{application.key}.") or len(kind.key) > 80:
            mistakes.append(f"its key must start with {application.key!r} and a period, and have at most 80 letters")
        if directory.application_of_permission.get(kind.permission) is not application:
            mistakes.append(f"its application does not declare {kind.permission!r}")
        if kind.staff_permission not in directory.staff_permissions:
            mistakes.append(f"nobody declares {kind.staff_permission!r}")
        public = f"{application.key}_public"
        if kind.public is not None and not (
            kind.public.start.startswith(f"{public}.") and application.public_blueprint
        ):
            mistakes.append(f"its public form starts at {kind.public.start!r}, which is no page of {public!r}")
        if mistakes:
            raise ConfigurationError(f"Plugin {name!r}: the kind of cases {kind.key!r}: {'; '.join(mistakes)}.")


def check_drafts(app: Flask, directory: Directory, application: Application, name: str) -> None:
    """The kinds of drafts are named after their application, and lead to a page of it. Raises ConfigurationError."""
    keys = [kind.key for kind in application.draft_kinds]
    for kind in application.draft_kinds:
        mistakes = ["there are two of it"] if keys.count(kind.key) > 1 else []
        if not kind.key.startswith(f"{application.key}.") or len(kind.key) > 80:
            mistakes.append(f"its key must start with {application.key!r} and a period, and have at most 80 letters")
        if directory.application_of_permission.get(kind.permission) is not application:
            mistakes.append(f"its application does not declare {kind.permission!r}")
        routes = list(app.url_map.iter_rules(kind.endpoint)) if kind.endpoint in app.view_functions else []
        own = kind.endpoint.startswith(f"{application.blueprint.name}.")
        if not own or not any(route.arguments == {"draft_id"} for route in routes):
            mistakes.append(f"{kind.endpoint!r} is no page of the application that takes draft_id")
        if mistakes:
            raise ConfigurationError(f"Plugin {name!r}: the kind of drafts {kind.key!r}: {'; '.join(mistakes)}.")


def check_files(state: PluginState) -> None:
    """Templates stand under templates/<key>/ and help topics are called <key>….md, so that no plugin's hides another's.

    Raises ConfigurationError.
    """
    if state.folder is None:
        return
    templates = state.folder / "templates"
    for path in templates.rglob("*"):
        inside = path.relative_to(templates)
        if path.is_file() and inside.parts[0] != state.key:
            raise ConfigurationError(f"Plugin {state.name!r}: templates/{inside} must stand in templates/{state.key}/.")
    topics = state.folder / "help"
    for path in topics.rglob("*.md"):
        if path.stem != state.key and not path.stem.startswith(f"{state.key}-"):
            inside = path.relative_to(topics)
            raise ConfigurationError(f"Plugin {state.name!r}: help/{inside} must be called {state.key}-{path.name}.")


def check_rules(app: Flask, directory: Directory) -> None:
    """Every route has a rule, and every permission it names is declared by the application that serves it.

    Raises ConfigurationError.
    """
    for route in app.url_map.iter_rules():
        rule = rule_of(app.view_functions[route.endpoint])
        if rule is None:
            raise ConfigurationError(f"{route.rule} ({route.endpoint}) has no access rule; add one of access.*.")
        application = directory.application_of_blueprint.get(route.endpoint.rpartition(".")[0])
        if rule.kind == "requires":
            owner = directory.application_of_permission.get(rule.permission)
            if owner is None or owner is not application:
                raise ConfigurationError(
                    f"{route.rule} requires {rule.permission!r}, which its application does not declare."
                )
            if rule.member_data:
                directory.with_member_data.add(owner.key)
        if rule.kind == "staff" and rule.permission not in directory.staff_permissions:
            raise ConfigurationError(f"{route.rule} requires {rule.permission!r}, which nobody declares.")
        if application is not None and route.rule.startswith("/apps/") and rule.kind != "requires":
            raise ConfigurationError(f"{route.rule} is a page of an application; its rule must be access.requires(…).")
        if application is not None and route.rule.startswith("/staff/") and rule.kind != "staff":
            raise ConfigurationError(f"{route.rule} is a page of the staff console; its rule must be access.staff(…).")
