"""Home, help, contact, e-Services, policies, and the two health checks."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response, abort, current_app, make_response, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from hp_portal import clock, migrations
from hp_portal.audience import Audience
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import can, current_actor, to_factors
from hp_portal.core.account.forms import SignInForm
from hp_portal.core.account.own_factors import factor_offer
from hp_portal.core.account.views import how_ended
from hp_portal.core.applications.blank_menu import delegate_names, why_blank
from hp_portal.core.applications.home import home_of
from hp_portal.core.applications.menu import applications_menu, plugins
from hp_portal.core.billing_access.offers import count_for_office
from hp_portal.core.cases.reading import open_on_home
from hp_portal.core.delegates.requests import waiting_requests
from hp_portal.core.delegates.reviewing import review_due
from hp_portal.core.delegates.successors import needs_second
from hp_portal.core.delivery.returns import own_address_returned
from hp_portal.core.downloads.queue import unseen
from hp_portal.core.drafts.listing import drafts_on_home
from hp_portal.core.identity.actor import Actor
from hp_portal.core.pages.help_topics import find_topic, search_topics, topics
from hp_portal.core.registration.own import count_requests, has_links, waiting_registration
from hp_portal.core.tax_ids.billing_access import unanswered_endings
from hp_portal.core.tax_ids.notices import notices
from hp_portal.core.tax_ids.views import READ
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.render import db_session, page, redirect_to
from hp_portal.database import Database
from hp_portal.settings import ConfigurationError

log = structlog.get_logger(__name__)
blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
@access.public
def home() -> ResponseReturnValue:
    actor = current_actor()
    if actor is None:
        known = plugins().applications
        return page("pages/welcome.html", form=SignInForm(), applications=known, ended=how_ended())
    if not actor.terms_accepted:
        return redirect_to(url_for("account.terms"))
    if actor.factor_missing:
        return to_factors(url_for("pages.home"))
    if actor.is_staff:
        if can("staff:console:open"):
            return redirect_to(url_for("staff.console"))
        offer = factor_offer(db_session(), actor)
        return page("staff/console.html", actor=actor, offer=offer, links=[], waiting=[], proxies=[])
    if menu := applications_menu(actor):
        told = notices(db_session(), actor, unread=True) if can(READ) else []
        ended = unseen(db_session(), actor)
        home = home_of(db_session(), actor)
        returned = own_address_returned(db_session(), actor.person_id)
        return page(
            "pages/home.html",
            actor=actor,
            applications=menu,
            offer=factor_offer(db_session(), actor),
            home=home,
            told=told,
            documents=ended,
            returned=returned,
            **_registrations(actor),
            asked=waiting_requests(db_session(), actor),
            alone=needs_second(db_session(), actor),
            cases=open_on_home(db_session(), actor),
            drafts=drafts_on_home(db_session(), actor),
        )
    return _blank_home(actor)


def _blank_home(actor: Actor) -> Response:
    return page(
        "pages/home.html",
        offer=factor_offer(db_session(), actor),
        actor=actor,
        applications=[],
        told=[],
        documents=[],
        returned=own_address_returned(db_session(), actor.person_id),
        **_registrations(actor),
        asked=waiting_requests(db_session(), actor),
        alone=False,
        blank=why_blank(actor),
        delegates=delegate_names(db_session(), actor),
        audience_label=Audience(actor.audience).label.lower(),
    )


def _registrations(actor: Actor) -> dict[str, Any]:
    """Who asks a delegate to join, and how far one's own registration is while it is not done."""
    db = db_session()
    asking = count_requests(db, actor) if actor.is_delegate else 0
    alone = actor.audience == Audience.BILLING and not has_links(db, actor)
    waiting = {"asking": asking, "registering": waiting_registration(db, actor), "no_provider": alone}
    asked = {"review_due": review_due(db, actor), "endings": unanswered_endings(db, actor), "now": clock.now()}
    return {**waiting, **asked, "access_asked": count_for_office(db, actor)}


@blueprint.get("/go")
@access.signed_in
def go() -> ResponseReturnValue:
    """The Applications menu's *Go* button."""
    actor = current_actor()
    chosen = request.args.get("application", "")
    for item in applications_menu(actor) if actor else ():
        if item.key == chosen:
            return redirect_to(item.url)
    return abort(404)


@blueprint.get("/help/")
@blueprint.get("/help/<topic>")
@access.public
def help(topic: str = "") -> ResponseReturnValue:
    """A topic, or all of them; `q` searches."""
    actor = current_actor()
    for_staff = actor is not None and actor.is_staff
    found = find_topic(topic, for_staff=for_staff) if topic else None
    if topic and found is None:
        abort(404)
    query = (one_line(request.args.get("q", "")) or "")[:200]
    return page(
        "pages/help.html",
        "results",
        topic=found,
        topics=topics(for_staff=for_staff),
        query=query,
        hits=search_topics(query, for_staff=for_staff) if query else [],
    )


@blueprint.get("/contact")
@access.public
def contact() -> ResponseReturnValue:
    """`case` is the number of a registration that somebody calls about."""
    case = request.args.get("case", "")
    return page("pages/contact.html", case=case if case.isascii() and case.isdecimal() and len(case) <= 12 else "")


@blueprint.get("/e-services")
@access.public
def e_services() -> ResponseReturnValue:
    return page("pages/e_services.html")


@blueprint.get("/policies")
@access.public
def policies() -> ResponseReturnValue:
    return page("pages/policies.html")


@blueprint.get("/healthz")
@access.public
def healthz() -> Response:
    """The process answers."""
    return _plain("ok\n", 200)


@blueprint.get("/readyz")
@access.public
def readyz() -> Response:
    """The process can serve: the database answers and has the newest schema of the core and of every plugin in use."""
    try:
        reasons = migrations.unready(current_app) or _wrong_keys()
        warnings = migrations.weaknesses(current_app)
    except SQLAlchemyError:
        log.exception("database.unreachable")
        return _plain("the database does not answer\n", 503)
    if reasons:
        return _plain("\n".join([*reasons, ""]), 503)
    # Whoever may look here is not told more than that there is something to look at: `hp-portal db check` says what.
    return _plain("ready\nwarning: run `hp-portal db check`\n" if warnings else "ready\n", 200)


def _wrong_keys() -> list[str]:
    """Why this process may not go on with its data keys: another was put in force since it started."""
    database: Database = current_app.extensions["hp_portal.database"]
    try:
        database.check_keys()
    except ConfigurationError as error:
        log.error("keys.wrong", reason=str(error))
        return ["HP_PORTAL_DATA_KEY does not fit the database; the log says more"]
    return []


def _plain(text: str, status: int) -> Response:
    response = make_response(text, status)
    response.content_type = "text/plain; charset=utf-8"
    return response


@blueprint.get("/favicon.ico")
@access.public
def favicon() -> ResponseReturnValue:
    """Browsers ask here when a page, such as a PDF, names no icon."""
    return redirect_to(current_app.jinja_env.globals["asset"]("favicon.svg"), status=301)  # type: ignore[operator]


@blueprint.get("/robots.txt")
@access.public
def robots() -> Response:
    """Search engines may know the public pages that describe themselves; every other page says `noindex` as well."""
    return _plain("User-agent: *\nDisallow: /apps/\nDisallow: /staff/\nDisallow: /set-password\n", 200)
