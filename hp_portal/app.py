"""The application, put together: settings → database → plugins → access gate → pages."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Flask
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined

from hp_portal import addresses, migrations
from hp_portal.core.access import enforce, reasons
from hp_portal.core.access.gate import Directory
from hp_portal.core.account import (
    confirming_views,
    email_views,
    factor_views,
    organization_views,
    passkey_views,
    reason_views,
    second_step_views,
)
from hp_portal.core.account import views as account_views
from hp_portal.core.activity import our_views
from hp_portal.core.activity import views as activity_views
from hp_portal.core.activity.events import CORE_EVENTS
from hp_portal.core.activity.ours import DOCUMENTS as ACTIVITY_DOCUMENTS
from hp_portal.core.applications import menu, mounting
from hp_portal.core.billing_access import answer_views
from hp_portal.core.billing_access import many_views as many_views
from hp_portal.core.billing_access.events import BILLING_EVENTS
from hp_portal.core.cases import public_views as case_status
from hp_portal.core.cases import views as case_views
from hp_portal.core.cases.events import CASE_EVENTS
from hp_portal.core.cases.printing import DOCUMENTS as CASE_DOCUMENTS
from hp_portal.core.delegates import accept_views, review_views, seeing_views
from hp_portal.core.delegates import account_views as delegates_accounts
from hp_portal.core.delegates import edit_views as edit_views
from hp_portal.core.delegates import invitation_views as invitation_views
from hp_portal.core.delegates import table_views as table_views
from hp_portal.core.delegates import views as delegate_views
from hp_portal.core.delegates.events import DELEGATE_EVENTS
from hp_portal.core.delegates.review_documents import DOCUMENTS as REVIEW_DOCUMENTS
from hp_portal.core.downloads import views as download_views
from hp_portal.core.drafts import views as draft_views
from hp_portal.core.drafts.events import DRAFT_EVENTS
from hp_portal.core.identity.actor import Limits
from hp_portal.core.jobs import failures
from hp_portal.core.keys import checking
from hp_portal.core.openid import views as openid_views
from hp_portal.core.openid.events import OPENID_EVENTS
from hp_portal.core.pages import digest_views, errors, help_topics, mailbox_views, telephone_views
from hp_portal.core.pages import views as pages_views
from hp_portal.core.people import change_views
from hp_portal.core.people import views as people_views
from hp_portal.core.recovery import views as recovery_views
from hp_portal.core.refusals import noting
from hp_portal.core.registration import again_views as again_views
from hp_portal.core.registration import confirm_views as confirm_views
from hp_portal.core.registration import own_views as own_views
from hp_portal.core.registration import views as registration_views
from hp_portal.core.registration.events import REGISTRATION_EVENTS
from hp_portal.core.signing.events import SIGNING_EVENTS
from hp_portal.core.staff import views as staff_views
from hp_portal.core.staff.fax_views import DOCUMENTS as FAX_DOCUMENTS
from hp_portal.core.staff.letter_views import DOCUMENTS as LETTER_DOCUMENTS
from hp_portal.core.staff.permissions import CORE_STAFF_LINKS, CORE_STAFF_PERMISSIONS
from hp_portal.core.tax_ids import application as tax_id_npi_access
from hp_portal.core.tax_ids import more_views as more_views
from hp_portal.core.web import assets, logs, security, templating, where_from
from hp_portal.database import Database, sqlite_files
from hp_portal.events import EventRegistry
from hp_portal.plugin_loading import load_plugins
from hp_portal.plugin_settings import load_plugin_settings
from hp_portal.plugins import Plugins
from hp_portal.private_files import make_private_folder, warn_of_open_files
from hp_portal.settings import ConfigurationError, Settings, load_settings


def create_app(settings: Settings | None = None, *, extra_plugins: dict[str, object] | None = None) -> Flask:
    """Build the portal. `extra_plugins` adds plugins by name beside the installed ones, for tests.

    Raises ConfigurationError when settings are missing or a plugin steps outside of its space.
    """
    settings = settings or load_settings()
    app = Flask(
        "hp_portal",
        template_folder=str(files("hp_portal.templates")),
        static_folder=None,
        instance_path=str(settings.instance_path.resolve()),
    )
    app.extensions["hp_portal.settings"] = settings
    app.extensions["hp_portal.limits"] = Limits(
        dt.timedelta(minutes=settings.idle_minutes), dt.timedelta(hours=settings.absolute_hours)
    )
    app.jinja_env.undefined = StrictUndefined
    addresses.install(app)
    logs.configure(settings)
    make_private_folder(Path(app.instance_path))

    database = Database(settings)
    database.compare_keys = checking.keys_fit
    # Runs after the request's session is closed: what is called last at the end is registered first.
    app.teardown_appcontext(lambda _error: failures.write_outcomes(app))
    database.install(app)
    warn_of_open_files([Path(app.instance_path), *sqlite_files(database.engine)])

    plugins = load_plugins({"tax_ids": tax_id_npi_access}, extra_plugins, settings.plugins_left_out)
    app.extensions["hp_portal.plugins"] = plugins
    migrations.install(app, database, plugins)
    app.extensions["hp_portal.plugin_settings"] = load_plugin_settings(
        plugins.applications, {name for state in plugins.states.values() for name in (state.name, state.key)}
    )
    database.events = declare_events(plugins)
    database.dispatch = plugins.tell

    # The order of the before_request functions: id and clock, the portal's name, gate, the reason, CSRF, whatever pages add.
    logs.install(app)
    where_from.install(app, settings)
    enforce.install(app)
    reasons.install(app)
    noting.install(app)
    security.install(app, settings)
    security.protect_forms(app, digest_views.ONE_CLICK)

    install_assets(app, plugins, settings)
    templating.install(app, settings, version=importlib.metadata.version("hp-portal"))
    menu.install(app)
    errors.install(app)

    directory = Directory(staff_permissions=dict(CORE_STAFF_PERMISSIONS), staff_links=CORE_STAFF_LINKS)
    app.extensions["hp_portal.directory"] = directory
    app.extensions["hp_portal.core_documents"] = CORE_DOCUMENTS
    for blueprint in core_blueprints(settings):
        app.register_blueprint(blueprint)
    mount_applications(app, plugins, directory)
    help_topics.install(app, plugins)
    mounting.check_rules(app, directory)
    return app


CORE_DOCUMENTS = (*LETTER_DOCUMENTS, *FAX_DOCUMENTS, *ACTIVITY_DOCUMENTS, *REVIEW_DOCUMENTS, *CASE_DOCUMENTS)
# What the core's audit events and jobs are called after: a plugin of such a key could stand for them.
OWN_EVENTS = (
    *CORE_EVENTS,
    *REGISTRATION_EVENTS,
    *DELEGATE_EVENTS,
    *BILLING_EVENTS,
    *CASE_EVENTS,
    *DRAFT_EVENTS,
    *SIGNING_EVENTS,
    *OPENID_EVENTS,
)
RESERVED = {event.key.partition(".")[0] for event in OWN_EVENTS} | {
    "core",
    "drafts",
    "kept",
    "portal",
    "recovery",
    "refusals",
}


def declare_events(plugins: Plugins) -> EventRegistry:
    """The audit events of the core and of every application."""
    registry = EventRegistry()
    registry.declare(OWN_EVENTS)
    for application in plugins.applications:
        registry.declare(application.audit_events)
    for state in plugins.states.values():
        if state.loaded and not state.own:
            registry.add_plugin(state.package, state.key)
    return registry


def core_blueprints(settings: Settings) -> list[Blueprint]:
    """The pages that are there whatever is installed; with a directory of the staff, and in a demo, some more."""
    return [
        pages_views.blueprint,
        account_views.blueprint,
        second_step_views.blueprint,
        factor_views.blueprint,
        passkey_views.blueprint,
        confirming_views.blueprint,
        email_views.blueprint,
        reason_views.blueprint,
        organization_views.blueprint,
        activity_views.blueprint,
        our_views.blueprint,
        people_views.blueprint,
        change_views.blueprint,
        recovery_views.blueprint,
        registration_views.blueprint,
        answer_views.blueprint,
        delegate_views.blueprint,
        delegates_accounts.blueprint,
        seeing_views.blueprint,
        review_views.blueprint,
        accept_views.blueprint,
        case_views.blueprint,
        draft_views.blueprint,
        case_status.blueprint,
        download_views.blueprint,
        digest_views.blueprint,
        staff_views.blueprint,
        *([openid_views.blueprint] if settings.staff_sign_in != "local" else []),
        *([mailbox_views.blueprint, telephone_views.blueprint] if settings.demo else []),
    ]


def mount_applications(app: Flask, plugins: Plugins, directory: Directory) -> None:
    """Give every application its addresses and templates."""
    folders = []
    for name, state in plugins.states.items():
        if not (state.loaded and state.application):
            continue
        if state.key in RESERVED:
            raise ConfigurationError(f"Plugin {name!r}: the portal's own records and jobs begin with {state.key!r}.")
        mounting.mount(app, directory, state.application, name)
        if state.key != name and not state.own:
            # Left out or broken, a plugin is known by its name alone, and its tables and settings go by its key.
            raise ConfigurationError(
                f"Plugin {name!r} has the key {state.key!r}: call its entry point {state.key!r}, too."
            )
        mounting.check_files(state)
        if state.folder and (state.folder / "templates").is_dir():
            folders.append(FileSystemLoader(state.folder / "templates"))
    # The core's templates come first: a plugin adds pages, it does not replace them.
    own = app.jinja_loader
    if own is None:
        raise RuntimeError("the core has no templates")
    app.jinja_env.loader = ChoiceLoader([own, *folders])


def install_assets(app: Flask, plugins: Plugins, settings: Settings) -> None:
    """Build the static files of the core and of every plugin, and serve them."""
    sources = [("", Path(str(files("hp_portal") / "static")))]
    for state in plugins.states.values():
        if state.loaded and state.application and state.folder and (state.folder / "static").is_dir():
            sources.append((f"plugins/{state.application.key}", state.folder / "static"))
    manifest = assets.build_static(sources, Path(app.instance_path) / "static")
    assets.install(app, manifest, security.fixed_headers(settings))
