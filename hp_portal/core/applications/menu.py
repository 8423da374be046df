"""The Applications menu: what the signed-in person may open, and why it is blank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app, g, request, url_for

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.access.enforce import can, current_actor, directory, limits
from hp_portal.core.access.gate import Verdict, decide
from hp_portal.core.access.rules import Rule
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.applications import ApplicationDefault, ApplicationSetting
from hp_portal.core.web.prefixes import asked_organization, below
from hp_portal.database import PortalSession
from hp_portal.hookspecs import Application, PublicLink, StaffLink
from hp_portal.plugins import Plugins, confined


@dataclass(frozen=True)
class MenuItem:
    """An entry of a menu; `current` when the page shown belongs to it."""

    key: str
    label: str
    url: str
    summary: str = ""
    current: bool = False


@dataclass(frozen=True)
class MenuGroup:
    """Entries of the console's menu under one heading; `current` when the page shown belongs to one of them."""

    label: str
    items: list[MenuItem]
    current: bool


def plugins() -> Plugins:
    """The plugins of the running app."""
    found: Plugins = current_app.extensions["hp_portal.plugins"]
    return found


def open_applications(actor: Actor) -> list[Application]:
    """What this person may open, in the order of the menu: the gate's own answer."""
    known = directory()
    return [
        application
        for application in plugins().applications
        if application.permissions
        and decide(Rule("requires", application.permissions[0].key), actor, known) is Verdict.ALLOW
    ]


def applications_menu(actor: Actor) -> list[MenuItem]:
    here = directory().application_of_blueprint.get(request.blueprint or "")
    return [
        MenuItem(
            application.key,
            application.label,
            url_for(application.index),
            application.summary,
            here is not None and here.key == application.key,
        )
        for application in open_applications(actor)
    ]


def staff_menu() -> list[MenuGroup]:
    """What the signed-in member of staff may open, by group: providers first, then plugins', then the rest of the core's."""
    own = [(link.group, link) for link in directory().staff_links]
    brought = [
        (link.group or application.label, link)
        for application in plugins().applications
        for link in application.staff_links
    ]
    here = directory().application_of_blueprint.get(request.blueprint or "")
    groups: dict[str, list[MenuItem]] = {}
    for group, link in (*own[:1], *brought, *own[1:]):
        if can(link.permission):
            groups.setdefault(group, []).append(_staff_item(link))
    return [
        MenuGroup(label, items, any(item.current for item in items) or (here is not None and here.label == label))
        for label, items in groups.items()
    ]


def _staff_item(link: StaffLink) -> MenuItem:
    here = request.endpoint or ""
    return MenuItem(
        link.endpoint,
        link.label,
        url_for(link.endpoint),
        link.summary or directory().staff_permissions[link.permission],
        here == link.endpoint or here.startswith(link.endpoint + "_"),
    )


def start_settings(session: PortalSession, applications: list[Application]) -> None:
    """Give every application its starting cells in the matrix and what new people get; what staff have set stays."""
    defaults = set(session.scalars(sa.select(ApplicationDefault.application)))
    cells = session.execute(sa.select(ApplicationSetting.application, ApplicationSetting.audience))
    existing = {(application, audience) for application, audience in cells}
    for application in applications:
        if application.key not in defaults:
            session.add(
                ApplicationDefault(
                    application=application.key, new_people=application.starts_given, changed_at=clock.now()
                )
            )
        for audience in Audience:
            if (application.key, audience.value) not in existing:
                session.add(
                    ApplicationSetting(
                        application=application.key,
                        audience=audience.value,
                        enabled=audience in application.starts_enabled_for,
                        changed_at=clock.now(),
                    )
                )


def public_forms() -> list[MenuItem]:
    """The forms that people without an account can fill in, in the order of the menu."""
    return [
        MenuItem(kind.key, kind.public.link, url_for(kind.public.start))
        for application in plugins().applications
        for kind in application.case_kinds
        if kind.public is not None
    ]


def public_links() -> list[MenuItem]:
    """The pages for everybody that applications want to be found. One that cannot say whether it is to be
    shown is its plugin's failure, and left out."""
    return [
        MenuItem(application.key, link.label, url_for(link.endpoint), link.summary)
        for name, state in plugins().states.items()
        if state.loaded and (application := state.application) is not None
        for link in application.public_links
        if _is_shown(name, link)
    ]


def _is_shown(name: str, link: PublicLink) -> bool:
    place = f"public_links: {link.label}"
    try:
        with confined():
            shown = bool(link.shown())
    except Exception as error:
        plugins().failed(name, place, error)
        return False
    plugins().succeeded(name, place)
    return shown


def install(app: Flask) -> None:
    """Give every full page its menus; a fragment has none."""
    app.jinja_env.globals["public_forms"] = public_forms
    app.jinja_env.globals["public_links"] = public_links
    app.jinja_env.globals["home_below"] = lambda organization_id: below(organization_id, "/")

    @app.context_processor
    def menus() -> dict[str, Any]:
        actor = current_actor()
        if actor is None or g.get("is_fragment"):
            return {"menu": [], "staff_menu": [], "session_limits": None, "between": False}
        # With several organizations and none before the address, the page is of none of them.
        between = bool(actor.organizations) and asked_organization() is None
        return {
            "between": between,
            "menu": []
            if between or actor.is_staff or not actor.terms_accepted or actor.factor_missing
            else applications_menu(actor),
            "staff_menu": staff_menu() if actor.is_staff and actor.terms_accepted and not actor.factor_missing else [],
            "session_limits": int(limits().idle.total_seconds()),
        }
