"""Answers: a page, or one block of it for htmx."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, flash, g, make_response, render_template, request
from flask_wtf import FlaskForm
from jinja2_fragments.flask import render_block

from hp_portal.core.web.whole_words import keep_whole
from hp_portal.database import Database, PortalSession
from hp_portal.settings import Settings


def settings() -> Settings:
    """The settings of the running app."""
    found: Settings = current_app.extensions["hp_portal.settings"]
    return found


def settings_of(key: str) -> Any:
    """A plugin's settings: what `Application.settings` names, as read and checked at the start. KeyError: it has none."""
    return current_app.extensions["hp_portal.plugin_settings"][key]


def db_session() -> PortalSession:
    """This request's database session, scoped by the gate."""
    database: Database = current_app.extensions["hp_portal.database"]
    return database.session


def wants_fragment() -> bool:
    """Does htmx ask for a part of the page? A boosted link or a restored history asks for all of it."""
    return request.headers.get("HX-Request-Type") == "partial"


def page(template: str, fragment: str | None = None, *, status: int = 200, **context: Any) -> Response:
    """Render a page, or only its block `fragment` when htmx asks for a part."""
    part = fragment if wants_fragment() else None
    g.is_fragment = part is not None
    body = render_block(template, part, **context) if part else render_template(template, **context)
    response = make_response(keep_whole(body), status)
    response.vary.update(("HX-Request", "HX-Request-Type"))
    return response


def after_post(
    location: str, template: str, fragment: str, *, message: str = "", tone: str = "good", **context: Any
) -> Response:
    """The answer to a form that htmx may have sent from within a page: the block that shows the new state, or a redirect to
    `location` with `message` as a notice on top of that page (`tone`: good, info, warn or bad)."""
    if wants_fragment():
        return page(template, fragment, **context)
    if message:
        flash(message, tone)
    return redirect_to(location)


def form_status(form: FlaskForm) -> int:
    """The status of a page with a form on it: 422 when it was sent and is not right, 200 when it was just opened."""
    return 422 if form.is_submitted() else 200


def redirect_to(location: str, *, status: int = 303) -> Response:
    """Redirect a form or link; htmx is told by header to go there as the browser would."""
    if wants_fragment():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = location
    else:
        response = make_response("", status)
        response.headers["Location"] = location
    response.vary.update(("HX-Request", "HX-Request-Type"))
    return response
