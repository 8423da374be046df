"""The directory for everybody, where the payer has switched it on: a page to search, and rows for programs."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import TooManyAttempts, access, db_session, page, settings, settings_of

from ..blueprint import public_blueprint
from ..record.fields import ACCEPTING
from ..record.wording import hours_of_week
from .building import current_build
from .forms import SearchForm
from .pace import count_page
from .searching import Asked, choices_of, find_entries

ROWS_ON_A_PAGE = 25
ROWS_FOR_PROGRAMS = 500


def is_open(what: str) -> bool:
    """Is `directory_search` or `directory_json` switched on? In the demo both are."""
    return bool(getattr(settings_of("profiles"), what)) or settings().demo


def search_is_open() -> bool:
    """Can members search without an account?"""
    return is_open("directory_search")


def _read_too_much() -> TooManyAttempts | None:
    """Count this page; how long to wait where it is one too many."""
    try:
        count_page(db_session())
    except TooManyAttempts as error:
        return error
    return None


def _wait(response: Response, late: TooManyAttempts) -> Response:
    response.headers["Retry-After"] = str(late.seconds)
    return response


def _after() -> str:
    """Where the page before ended. PostgreSQL has no text with NUL."""
    return request.args.get("after", "").replace("\0", "")


@public_blueprint.get("/directory")
@access.public
def directory() -> ResponseReturnValue:
    if not search_is_open():
        abort(404)
    db, late = db_session(), _read_too_much()
    build = current_build(db)
    form = SearchForm(choices_of(db, build), formdata=request.args)
    context: dict[str, Any] = {"form": form, "build": build, "accepting": ACCEPTING, "found": None, "next_url": ""}
    context["hours_of_week"] = hours_of_week
    if late is not None:
        form.form_errors = [f"Many pages were read from your network. Wait {late.seconds} seconds, then search again."]
        return _wait(page("profiles/directory/search.html", status=429, **context), late)
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
    db, late = db_session(), _read_too_much()
    if late is not None:
        return _wait(_json({"error": f"Wait {late.seconds} seconds."}, 429), late)
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
