"""How large a request may be: a megabyte, and more where a view takes files.

    @staff_blueprint.post("/")
    @access.staff(RUN_IMPORTS)
    @takes_files()
    def upload(): …

The web server asks `largest_body` when the headers of a request are there, before it reads more; the view is held to the same
limit under any other server. A larger body is received from somebody who may use the view. The server cannot ask the database who
that is: every connection would wait with it. So the gate keeps in the signed cookie which of these views are open to whoever is
signed in (`MAY_SEND`), and decides anew, as ever, when the request is there.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, request
from flask import session as kept
from werkzeug.exceptions import HTTPException

from hp_portal import clock
from hp_portal.core.web.prefixes import split
from hp_portal.settings import Settings

View = TypeVar("View", bound=Callable[..., Any])

SMALL = 1024 * 1024
"""Bytes of a request that is no upload."""
MAY_SEND = "may_send"
"""Where the cookie says to which endpoints whoever is signed in may send more."""
SEND_UNTIL = "may_send_until"
"""Where it says until when somebody without an account may, who has opened a link that was mailed to them."""


def takes_files(most: int | None = None, *, without_account: bool = False) -> Callable[[View], View]:
    """The view's requests may have up to `most` bytes, forms and files together; as many as MAX_UPLOAD_MB says without it.

    Bodies of more than a megabyte are received from somebody whom the view's rule lets in. They wait on disk, not in memory.
    `without_account`: from a browser whose cookie says that it may send some until a moment that has not passed (`let_send`).
    """

    def decorate(view: View) -> View:
        view.takes_files = most or _AS_SET  # type: ignore[attr-defined] # a view carries it to the gate, and functions have no such type
        view.without_account = without_account  # type: ignore[attr-defined] # the same
        return view

    return decorate


_AS_SET = -1


def let_send(until: dt.datetime | None) -> None:
    """Let this browser send files without an account until then; None: no longer."""
    kept.pop(SEND_UNTIL, None)
    if until is not None:
        kept[SEND_UNTIL] = int(until.timestamp())


def _may_send(cookie: Any, view: Callable[..., Any] | None, endpoint: str) -> bool:
    if not cookie:
        return False
    if getattr(view, "without_account", False):
        until = cookie.get(SEND_UNTIL, 0)
        return isinstance(until, int) and until > clock.now().timestamp()
    return "_user_id" in cookie and endpoint in cookie.get(MAY_SEND, ())


def most_of(view: Callable[..., Any] | None, settings: Settings) -> int:
    """How many bytes a request to this view may have."""
    marked: int = getattr(view, "takes_files", SMALL)
    return settings.max_upload_mb * 1024 * 1024 if marked == _AS_SET else marked


def megabytes(size: int) -> str:
    """A number of bytes in MB of 1024 × 1024 bytes, rounded up to a tenth, as the settings count them."""
    tenths = math.ceil(size * 10 / SMALL)
    return f"{tenths // 10:,} MB" if tenths % 10 == 0 else f"{tenths / 10:,.1f} MB"


def largest_body(app: Flask, environ: dict[str, Any]) -> int:
    """How many bytes the body of the request may have that `environ` tells of, as far as headers say."""
    settings: Settings = app.extensions["hp_portal.settings"]
    asked = app.request_class(environ)
    try:
        endpoint, _ = app.url_map.bind("localhost", url_scheme=asked.scheme).match(split(asked.path)[1], asked.method)
    except HTTPException:
        return SMALL
    most = most_of(app.view_functions.get(endpoint), settings)
    if most > SMALL:
        cookie = app.session_interface.open_session(app, asked)
        if not _may_send(cookie, app.view_functions.get(endpoint), endpoint):
            return SMALL
    return most


def views_for_files(app: Flask) -> dict[str, Callable[..., Any]]:
    """The views that take more than a megabyte from somebody who has signed in, by endpoint."""
    settings: Settings = app.extensions["hp_portal.settings"]
    return {
        endpoint: view
        for endpoint, view in app.view_functions.items()
        if most_of(view, settings) > SMALL and not getattr(view, "without_account", False)
    }


FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def install(app: Flask) -> None:
    """Hold views to their limits, and take nothing but forms: what reads forms would read JSON as well, however deep."""

    @app.before_request
    def forms_alone() -> None:
        if request.content_length and request.mimetype not in FORMS:
            abort(415)

    @app.before_request
    def allow_files() -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        if hasattr(view, "takes_files"):
            request.max_content_length = most_of(view, current_app.extensions["hp_portal.settings"])
