"""What start-up refuses, one test each: a plugin that steps outside of its space, a route without a rule, wrong settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Blueprint

from hp_portal.core.access import rules as access
from hp_portal.hookspecs import Application, EventSpec, HomeSearch, Permission, PublicLink, StaffLink, hookimpl
from hp_portal.settings import ConfigurationError
from tests.conftest import MakeApp
from tests.support.databases import Databases

READ = "trial:thing:read"
NOTHING_DECLARED: dict[str, Any] = {"permissions": (), "staff_permissions": (), "staff_links": (), "audit_events": ()}
Change = Callable[[Blueprint, Blueprint], dict[str, Any] | None]


def view() -> str:
    return ""


def ruled(rule: Callable[[Any], Any]) -> Callable[[], str]:
    def answer() -> str:
        return ""

    marked: Callable[[], str] = rule(answer)
    return marked


def trial(change: Change) -> ModuleType:
    """A plugin that is fine but for one change."""
    blueprint, staff = Blueprint("trial", "trial"), Blueprint("trial_staff", "trial")
    blueprint.add_url_rule("/", "index", ruled(access.requires(READ)))
    staff.add_url_rule("/list", "list", ruled(access.staff("trial:thing:manage")))
    application = Application(
        key="trial",
        label="Trial",
        summary="",
        weight=1,
        blueprint=blueprint,
        index="trial.index",
        staff_blueprint=staff,
        permissions=(Permission(READ, "Read"),),
        staff_permissions=(Permission("trial:thing:manage", "Manage"),),
        staff_links=(StaffLink("Trial", "trial_staff.list", "trial:thing:manage"),),
        audit_events=(EventSpec("trial.thing.read", "Read"),),
    )
    application = replace(application, **(change(blueprint, staff) or {}))
    module = ModuleType("trial")
    module.portal_application = hookimpl(lambda: application, specname="portal_application")  # type: ignore[attr-defined]
    return module


@pytest.fixture
def start(make_app: MakeApp, databases: Databases, tmp_path: Path) -> Callable[[Change], Any]:
    url = f"sqlite:///{tmp_path / 'none.sqlite'}"
    return lambda change: make_app(url, extra_plugins={"trial": trial(change)})


def test_the_trial_itself_is_let_in(start: Callable[[Change], Any]) -> None:
    app = start(lambda blueprint, staff: None)
    assert app.extensions["hp_portal.plugins"].states["trial"].application.key == "trial"
    assert {"/apps/trial/", "/staff/trial/list"} <= {rule.rule for rule in app.url_map.iter_rules()}


def adds(rule: str, rule_of_view: Callable[[Any], Any] | None) -> Change:
    def change(blueprint: Blueprint, staff: Blueprint) -> None:
        blueprint.add_url_rule(rule, "more", ruled(rule_of_view) if rule_of_view else view)

    return change


def staff_adds(rule_of_view: Callable[[Any], Any]) -> Change:
    def change(blueprint: Blueprint, staff: Blueprint) -> None:
        staff.add_url_rule("/more", "more", ruled(rule_of_view))

    return change


def app_wide(deed: Callable[[Blueprint], Any]) -> Change:
    def change(blueprint: Blueprint, staff: Blueprint) -> None:
        deed(blueprint)

    return change


def answers(**values: Any) -> Change:
    return lambda blueprint, staff: values


def renamed(name: str) -> Change:
    return lambda blueprint, staff: {"blueprint": Blueprint(name, "trial")}


def on_app(deed: Callable[[Any], Any]) -> Change:
    """Through Flask's way to the app itself: `Blueprint.record`."""
    return app_wide(lambda blueprint: blueprint.record(lambda state: deed(state.app)))


REFUSED: dict[str, tuple[Change, str]] = {
    "a route without a rule": (adds("/more", None), "/apps/trial/more .* has no access rule"),
    "a public page among an application's": (adds("/more", access.public), "must be access.requires"),
    "a page for everybody signed in among an application's": (
        adds("/more", access.signed_in),
        "must be access.requires",
    ),
    "a staff page that is none": (staff_adds(access.requires(READ)), "must be access.staff"),
    "a permission nobody declares": (adds("/more", access.requires("trial:thing:eat")), "does not declare"),
    "a permission of another application": (
        adds("/more", access.requires("remittance:payment:read")),
        "does not declare",
    ),
    "a staff permission nobody declares": (staff_adds(access.staff("trial:thing:eat")), "nobody declares"),
    "a declared permission with a foreign name": (
        answers(permissions=(Permission(READ, "Read"), Permission("remittance:payment:read", "x"))),
        "does not start with 'trial'",
    ),
    "a declared staff permission with a foreign name": (
        answers(staff_permissions=(Permission("staff:console:open", "x"),)),
        "nobody declares|does not start with 'trial'",
    ),
    "a declared audit event with a foreign name": (
        answers(audit_events=(EventSpec("identity.sign-in.succeeded", "x"),)),
        "does not start with 'trial'",
    ),
    "a blueprint with another name": (renamed("elsewhere"), "is called 'elsewhere' instead of 'trial'"),
    "a blueprint with a prefix of its own": (
        answers(blueprint=Blueprint("trial", "trial", url_prefix="/admin")),
        "must not set url_prefix",
    ),
    "the name of pages of the portal": (
        lambda blueprint, staff: {
            "key": "account",
            "blueprint": Blueprint("account", "trial"),
            "staff_blueprint": None,
            **NOTHING_DECLARED,
        },
        "is the name of pages of the portal itself",
    ),
    "a key that the portal's own records begin with": (
        lambda blueprint, staff: {
            "key": "payees",
            "blueprint": Blueprint("payees", "trial"),
            "staff_blueprint": None,
            **NOTHING_DECLARED,
        },
        "the portal's own records and jobs begin with 'payees'",
    ),
    "public addresses that the portal has": (
        lambda blueprint, staff: {
            "key": "help",
            "blueprint": Blueprint("help", "trial"),
            "staff_blueprint": None,
            "public_blueprint": Blueprint("help_public", "trial"),
            **NOTHING_DECLARED,
        },
        "wants /help, where the portal already has",
    ),
    "a key that is no word": (answers(key="Trial/../x"), "is no key"),
    "an address outside": (
        on_app(lambda app: app.add_url_rule("/elsewhere", "trial.a", ruled(access.public))),
        "claims /elsewhere",
    ),
    "a view of somebody else": (on_app(lambda app: app.view_functions.update({"pages.home": view})), "app-wide view"),
    "before every request": (app_wide(lambda blueprint: blueprint.before_app_request(lambda: None)), "before_request"),
    "after every request": (app_wide(lambda blueprint: blueprint.after_app_request(lambda r: r)), "after_request"),
    "the end of every request": (
        app_wide(lambda blueprint: blueprint.teardown_app_request(lambda e: None)),
        "teardown_request",
    ),
    "before another's requests": (
        on_app(lambda app: app.before_request_funcs.setdefault("account", []).append(lambda: None)),
        "before_request",
    ),
    "every error": (app_wide(lambda blueprint: blueprint.app_errorhandler(404)(lambda e: "")), "errorhandler"),
    "every template's values": (app_wide(lambda blueprint: blueprint.app_context_processor(dict)), "context_processor"),
    "every URL's values": (app_wide(lambda blueprint: blueprint.app_url_defaults(lambda e, v: None)), "url_defaults"),
    "a filter for every template": (
        app_wide(lambda blueprint: blueprint.app_template_filter("trial")(str)),
        "template filter",
    ),
    "a global for every template": (
        app_wide(lambda blueprint: blueprint.app_template_global("trial")(str)),
        "template global",
    ),
    "a setting of the app": (on_app(lambda app: app.config.update(SESSION_COOKIE_HTTPONLY=False)), "app-wide setting"),
    "the application around the app": (
        on_app(lambda app: setattr(app, "wsgi_app", lambda environ, start: [])),
        "app-wide wsgi_app",
    ),
    "a menu entry that leads nowhere": (answers(index="trial.nowhere"), "points at 'trial.nowhere'"),
    "a menu entry to somebody else's page": (answers(index="pages.home"), "points at 'pages.home'"),
    "a menu entry that needs values": (
        lambda blueprint, staff: (
            blueprint.add_url_rule("/<int:n>", "one", ruled(access.requires(READ))) or {"index": "trial.one"}
        ),
        "its address needs values",
    ),
    "a page below the box that is nowhere": (
        answers(home_search=HomeSearch("Number", "trial.index", "number", links=(("Things", "trial.things"),))),
        "points at 'trial.things'",
    ),
    "a link for everybody to a page that is not": (
        answers(public_links=(PublicLink("Things", "trial.index"),)),
        "points at 'trial.index'",
    ),
    "a staff link that leads nowhere": (
        answers(staff_links=(StaffLink("x", "trial_staff.nowhere", "trial:thing:manage"),)),
        "points at 'trial_staff.nowhere'",
    ),
    "the key of another application": (answers(key="remittance"), "both claim the application 'remittance'"),
}


def test_an_entry_point_has_the_name_of_its_key(make_app: MakeApp, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Plugin 'probe' has the key 'trial': call its entry point 'trial'"):
        make_app(f"sqlite:///{tmp_path / 'none.sqlite'}", extra_plugins={"probe": trial(lambda *_: None)})


@pytest.mark.parametrize("case", REFUSED)
def test_start_up_refuses(start: Callable[[Change], Any], case: str) -> None:
    change, text = REFUSED[case]
    with pytest.raises(ConfigurationError, match=text):
        start(change)


def test_two_plugins_of_one_name(make_app: MakeApp, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Two plugins are called 'remittance'"):
        make_app(f"sqlite:///{tmp_path / 'none.sqlite'}", extra_plugins={"remittance": ModuleType("x")})


def test_a_view_has_one_rule() -> None:
    with pytest.raises(TypeError, match="two access rules"):
        access.public(access.signed_in(ruled(lambda answer: answer)))
