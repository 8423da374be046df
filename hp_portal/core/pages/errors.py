"""Errors as pages and as fragments: what happened, what to do, the request's number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
import structlog
from flask import Flask, Response, current_app, g, make_response, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from hp_portal.core.access.enforce import (
    NoOrganization,
    NotGiven,
    NotValidated,
    OtherOrganization,
    current_actor,
    the_actor,
)
from hp_portal.core.access.rules import rule_of
from hp_portal.core.access.unsent import page_before, typed_fields
from hp_portal.core.applications.blank_menu import delegate_names
from hp_portal.core.attachments.handing import FileDamaged
from hp_portal.core.downloads.queue import QueueFull
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.web.bodies import megabytes, most_of
from hp_portal.core.web.listing import PastTheEnd
from hp_portal.core.web.prefixes import asked_organization, below, here
from hp_portal.core.web.render import db_session, settings, wants_fragment
from hp_portal.core.web.whole_words import keep_whole
from hp_portal.file_store import StoreAway

log = structlog.get_logger(__name__)


# The database does not answer, refuses, or all connections stay busy.
DATABASE_GONE = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


def error_response(
    code: int,
    detail: str | None = None,
    retry_after: int | None = None,
    actions: Sequence[tuple[str, str]] = (),
    fields: Sequence[tuple[str, str]] = (),
    send: Sequence[tuple[str, str]] = (),
) -> Response:
    """The error page, or the fragment where htmx asked for a part of a page.

    `actions`: where to go instead, as pairs of label and address; `send`: where `fields`, names and values of a form, are sent.
    """
    context = {"code": code, "detail": detail, "retry_after": retry_after, "actions": actions}
    context |= {"fields": fields, "send": send}
    if wants_fragment():
        body = render_template("errors/fragment.html", **context)
    else:
        body = render_template("errors/error.html", **context)
    response = make_response(keep_whole(body), code)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    response.vary.update(("HX-Request", "HX-Request-Type"))
    return response


def _bare(code: int) -> Response:
    """When even the page around an error may fail."""
    template = "errors/fragment.html" if wants_fragment() else "errors/bare.html"
    context = {"code": code, "detail": None, "retry_after": None, "actions": (), "request_id": g.get("request_id", "")}
    context["home"] = f"{request.script_root}/"
    response = make_response(current_app.jinja_env.get_template(template).render(**context), code)
    response.vary.update(("HX-Request", "HX-Request-Type"))
    return response


def unavailable(error: Exception) -> Response:
    """503, and when to come back."""
    log.error("database.unavailable", request_id=g.get("request_id", ""), exc_info=error)
    response = _bare(503)
    response.headers["Retry-After"] = "10"
    return response


def _how_to_get_it() -> str:
    """What somebody can do who lacks an application."""
    names = delegate_names(db_session(), the_actor())
    confirm = f" Your delegate can confirm it: {', '.join(names)}." if names else ""
    return f"You have not been given this application. Contact us if your work needs it.{confirm}"


def _how_large() -> str:
    """How much this page takes, how much it was sent, and what to do about it."""
    view = current_app.view_functions.get(request.endpoint or "")
    most = most_of(view, current_app.extensions["hp_portal.settings"])
    what, instead = "What you sent", "Choose a smaller file, or send several one after another."
    if not hasattr(view, "takes_files"):
        what, instead = "The form you sent", "Go back, shorten what you entered, and send it again."
    sent = f"{what} has {megabytes(request.content_length)}, and this" if request.content_length else "This"
    return f"{sent} page takes at most {megabytes(most)} at a time. {instead}"


def _own_organizations(path: str) -> list[tuple[str, str]]:
    """Where somebody with several organizations goes on: the path below each."""
    actor = current_actor()
    return [(name, below(organization_id, path)) for organization_id, name in (actor.organizations if actor else ())]


def _in_other_organizations(code: int) -> list[tuple[str, str]]:
    """A link in a message names no organization: what is not in this one may be in another of the person's."""
    own = asked_organization()
    if own is None or code != 404 or request.method != "GET":
        return []
    path = here()
    actor = current_actor()
    others = [(key, name) for key, name in (actor.organizations if actor else ()) if key != own]
    return [(f"Look in {name}", below(key, path)) for key, name in others]


def other_organization(error: OtherOrganization) -> Response:
    """403: the same words for an organization that there is not."""
    nothing = " Nothing that you sent was saved." if request.method == "POST" else ""
    if error.left:
        return error_response(
            403,
            f"You do not work for {error.left} in this portal anymore, so its pages are closed to you.{nothing}",
            actions=_own_organizations("/"),
        )
    return error_response(
        403, f"This page belongs to an organization that you do not work for.{nothing}", actions=_own_organizations("/")
    )


def no_organization(_error: NoOrganization) -> Response:
    """409: before the form is looked at. What was typed is sent on where its person says, if that is safe."""
    fields = [] if wants_fragment() else typed_fields(rule_of(current_app.view_functions[str(request.endpoint)]))
    if fields:
        return error_response(
            409,
            "You work for several organizations, and this form does not say which of them it is for: it was opened when you had "
            "only one. Nothing was changed, and what you entered is kept on this page. Choose for which organization it is sent.",
            actions=[(f"Open {name}", address) for name, address in _own_organizations(page_before() or "/")],
            fields=fields,
            send=[(f"Send it for {name}", address) for name, address in _own_organizations(here())],
        )
    return error_response(
        409,
        "You work for several organizations, and this form does not say which of them it is for: it was opened when you had only "
        "one. Nothing was changed. Go back to see what you entered, open the page again for the right organization, and enter "
        "it there.",
        actions=_own_organizations(page_before() or "/"),
    )


def file_damaged(_error: FileDamaged) -> Response:
    """An attached file that was altered where it is stored: nothing of it leaves."""
    return error_response(
        410,
        "What is stored of this file is damaged, so it cannot be downloaded. The health plan’s staff see that and look into it; "
        "whoever sent it can attach it anew.",
    )


def store_away(error: StoreAway) -> Response:
    """503: the store of files does not answer, so that no file is taken or given out."""
    log.error("files.store-away", said=str(error))
    return error_response(
        503,
        "Files can neither be stored nor opened at the moment. Nothing was changed. Try again in a few minutes.",
        retry_after=60,
    )


def queue_full(error: QueueFull) -> Response:
    """503: who asks for a document has to wait, and loses nothing."""
    own = "You already have as many documents waiting as we make for one person."
    all_of_them = "So many documents are being made at the moment that no more can wait in line."
    kept = f"The documents that are kept for you take {settings().documents_kept_mb:,} MB, which is as much as there is room for."
    again = "Remove some, and download it again." if error.kept else "Download it again when some are finished."
    return error_response(
        503,
        f"{kept if error.kept else own if error.own else all_of_them} Nothing is lost. {again}",
        retry_after=error.seconds,
        actions=[("Your documents", url_for("documents.own"))],
    )


HANDLERS: dict[type[Exception], Callable[[Any], Response]] = {
    OtherOrganization: other_organization,
    NoOrganization: no_organization,
    FileDamaged: file_damaged,
    StoreAway: store_away,
    QueueFull: queue_full,
    **dict.fromkeys(DATABASE_GONE, unavailable),
}


def _why_without_token() -> str:
    """Why a form came without its token, and what to do."""
    # Of a form whose end is missing, nothing can be read.
    if request.mimetype == "multipart/form-data" and request.content_length and not (request.form or request.files):
        return (
            "What you sent did not arrive whole: the connection was cut off. Nothing of it was taken. Go back: what you typed "
            "should still be there. Choose the files once more, and send it again."
        )
    return (
        "The form was too old to be accepted, probably because you signed in again since it was opened. "
        "Go back: what you typed should still be there. Reload the page if sending it again does not work."
    )


def install(app: Flask) -> None:
    """Register the handlers."""

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if isinstance(error, InternalServerError):
            # Either a view aborted, or answering an earlier error failed: the page around it cannot be relied upon.
            cause = error.original_exception
            return unavailable(cause) if isinstance(cause, DATABASE_GONE) else _bare(500)
        if error.response is not None or error.code is None or error.code < 400:
            return make_response(error.get_response())
        wait = getattr(error, "retry_after", None)
        detail = _how_large() if error.code == 413 else None
        elsewhere = _in_other_organizations(error.code)
        response = error_response(error.code, detail, wait if isinstance(wait, int) else None, elsewhere)
        for name, value in error.get_headers():
            # Allow of a 405, Retry-After of a 429
            if name not in ("Content-Type", "Content-Length"):
                response.headers[name] = value
        return response

    @app.errorhandler(CSRFError)
    def csrf_error(error: CSRFError) -> Response:
        log.info("csrf.refused", request_id=g.get("request_id", ""), reason=error.description)
        return error_response(400, _why_without_token())

    @app.errorhandler(TooManyAttempts)
    def too_many_attempts(error: TooManyAttempts) -> Response:
        return error_response(429, retry_after=error.seconds)

    @app.errorhandler(PastTheEnd)
    def past_the_end(error: PastTheEnd) -> Response:
        kept = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
        first = here(query=False) + (f"?{urlencode(kept)}" if kept else "")
        pages = "1 page" if error.pages == 1 else f"{error.pages:,} pages"
        return error_response(404, f"There is no such page: the list has {pages}.", actions=[("First page", first)])

    @app.errorhandler(NotGiven)
    def not_given(_error: NotGiven) -> Response:
        return error_response(403, _how_to_get_it())

    @app.errorhandler(NotValidated)
    def not_validated(_error: NotValidated) -> Response:
        return error_response(
            403,
            "Your organization's account is not validated yet, so its applications cannot be opened. "
            "The home page says what is missing.",
        )

    for kind, handler in HANDLERS.items():
        app.register_error_handler(kind, handler)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("request.failed", request_id=g.get("request_id", ""), endpoint=request.endpoint or "", exc_info=error)
        return _bare(500)
