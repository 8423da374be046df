"""The directory for everybody, where the payer has switched it on: a page to search, and rows for programs."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page, settings, settings_of

from ..blueprint import public_blueprint
from ..record.fields import ACCEPTING
from .building import current_build
from .forms import SearchForm
from .pace import Pace
from .searching import Asked, choices_of, find_entries

ROWS_ON_A_PAGE = 25
ROWS_FOR_PROGRAMS = 500
_pace = Pace()


def is_open(what: str) -> bool:
    """Is `directory_search` or `directory_json` switched on? In the demo both are."""
    return bool(getattr(settings_of("profiles"), what)) or settings().demo


def _wait() -> int:
    return _pace.wait(request.remote_addr or "", settings_of("profiles").directory_pages_per_minute)


def _after() -> str:
    """Where the page before ended. PostgreSQL has no text with NUL."""
    return request.args.get("after", "").replace("\0", "")


@public_blueprint.get("/directory")
@access.public
def directory() -> ResponseReturnValue:
    if not is_open("directory_search"):
        abort(404)
    db = db_session()
    build = current_build(db)
    form = SearchForm(choices_of(db, build), formdata=request.args)
    context: dict[str, Any] = {"form": form, "build": build, "accepting": ACCEPTING, "found": None, "next_url": ""}
    if wait := _wait():
        form.form_errors = [f"Many pages were read from your network. Wait {wait} seconds, then search again."]
        response = page("profiles/directory/search.html", status=429, **context)
        response.headers["Retry-After"] = str(wait)
        return response
    if not form.validate():
        return page("profiles/directory/search.html", "results", status=422, **context)
    asked = form.asked(_after())
    found = find_entries(db, build, asked, ROWS_ON_A_PAGE)
    if found.after:
        context["next_url"] = _search_url({**asked.values(), "after": found.after})
    context |= {"found": found, "first_url": _search_url(asked.values()), "asked": asked}
    return page("profiles/directory/search.html", "results", **context)


def _search_url(values: dict[str, Any]) -> str:
    return url_for("profiles_public.directory", **values)


@public_blueprint.get("/directory/entries")
@access.public
def directory_entries() -> ResponseReturnValue:
    if not is_open("directory_json"):
        abort(404)
    if wait := _wait():
        response = _json({"error": f"Wait {wait} seconds."}, 429)
        response.headers["Retry-After"] = str(wait)
        return response
    db = db_session()
    build = current_build(db)
    found = find_entries(db, build, Asked(after=_after()), ROWS_FOR_PROGRAMS)
    return _json(
        {
            "as_of": build.as_of.isoformat() if build else None,
            "digest": build.digest if build else None,
            "rows": build.rows if build else 0,
            "entries": found.rows,
            "next": url_for("profiles_public.directory_entries", after=found.after, _external=True)
            if found.after
            else None,
        }
    )


def _json(body: dict[str, Any], status: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True)
    return current_app.response_class(text, status, content_type="application/json")
