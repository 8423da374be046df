"""What start-up refuses: a route without a rule, a foreign prefix, an app-wide handler of a plugin, a duplicate key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask

from hp_portal.core.access.gate import Directory
from hp_portal.core.access.rules import rule_of
from hp_portal.hookspecs import Application
from hp_portal.settings import ConfigurationError


def _app_wide(app: Flask) -> dict[str, Any]:
    """Everything a blueprint could hang on the whole app, countable."""
    return {
        "before_request": list(app.before_request_funcs.get(None, ())),
        "after_request": list(app.after_request_funcs.get(None, ())),
        "teardown_request": list(app.teardown_request_funcs.get(None, ())),
        "teardown_appcontext": list(app.teardown_appcontext_funcs),
        "context_processor": list(app.template_context_processors.get(None, ())),
        "url_value_preprocessor": list(app.url_value_preprocessors.get(None, ())),
        "url_defaults": list(app.url_default_functions.get(None, ())),
        "errorhandler": {
            (code, error): handler
            for code, handlers in app.error_handler_spec.get(None, {}).items()
            for error, handler in handlers.items()
        },
        "template filter": dict(app.jinja_env.filters),
        "template global": dict(app.jinja_env.globals),
        "template test": dict(app.jinja_env.tests),
        "wsgi_app": app.wsgi_app,
    }


def mount(app: Flask, directory: Directory, application: Application, name: str) -> None:
    """Register an application's blueprints under its own prefixes.

    Raises ConfigurationError when plugin `name` reaches outside of its space.
    """
    before = _app_wide(app)
    known = {rule.endpoint for rule in app.url_map.iter_rules()}
    prefixes = []
    for blueprint, expected, prefix in (
        (application.blueprint, application.key, f"/apps/{application.key}"),
        (application.staff_blueprint, f"{application.key}_staff", f"/staff/{application.key}"),
        (application.public_blueprint, f"{application.key}_public", f"/{application.key}"),
    ):
        if blueprint is None:
            continue
        if blueprint.name != expected:
            raise ConfigurationError(
                f"Plugin {name!r}: a blueprint is called {blueprint.name!r} instead of {expected!r}."
            )
        if blueprint.url_prefix:
            raise ConfigurationError(f"Plugin {name!r}: blueprint {blueprint.name!r} must not set url_prefix.")
        _register(app, blueprint, prefix)
        prefixes.append((blueprint.name, prefix))
    _check_routes(app, known, prefixes, name)
    after = _app_wide(app)
    for kind, value in before.items():
        if after[kind] != value:
            raise ConfigurationError(f"Plugin {name!r} installs an app-wide {kind}; it may only serve its own pages.")
    _check_keys(application, name)
    directory.add(application)


def _register(app: Flask, blueprint: Blueprint, prefix: str) -> None:
    app.register_blueprint(blueprint, url_prefix=prefix)


def _check_routes(app: Flask, known: set[str], prefixes: list[tuple[str, str]], name: str) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in known and not any(
            rule.endpoint.startswith(f"{blueprint}.") and (rule.rule + "/").startswith(prefix + "/")
            for blueprint, prefix in prefixes
        ):
            raise ConfigurationError(f"Plugin {name!r} claims {rule.rule}, outside of its own addresses.")


def _check_keys(application: Application, name: str) -> None:
    keys: Iterable[str] = [
        *(permission.key for permission in (*application.permissions, *application.staff_permissions)),
        *(event.key.replace(".", ":") for event in application.audit_events),
    ]
    for key in keys:
        if not key.startswith(f"{application.key}:"):
            raise ConfigurationError(
                f"Plugin {name!r} declares {key!r}, which does not start with {application.key!r}."
            )


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
        if rule.kind == "staff" and rule.permission not in directory.staff_permissions:
            raise ConfigurationError(f"{route.rule} requires {rule.permission!r}, which nobody declares.")
        if application is not None and route.rule.startswith("/apps/") and rule.kind != "requires":
            raise ConfigurationError(f"{route.rule} is a page of an application; its rule must be access.requires(…).")
        if application is not None and route.rule.startswith("/staff/") and rule.kind != "staff":
            raise ConfigurationError(f"{route.rule} is a page of the staff console; its rule must be access.staff(…).")
