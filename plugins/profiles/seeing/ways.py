"""Lists as cards or as a table: what is asked for, what this browser was shown last, and the links to both.

It works by the address alone; a cookie remembers what was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, request, url_for

from hp_portal.api import settings

CARDS, TABLE = "cards", "table"
WAYS = {TABLE: "Table", CARDS: "Cards"}
COOKIE = "profiles_list_as"
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Ways:
    """How a list is shown, and the ways there are: each with its words and its address. `asked` is what the address says, for
    links and forms that keep it."""

    current: str
    asked: str
    links: tuple[tuple[str, str, str], ...]


def ways() -> Ways:
    """How this request's list is to be shown."""
    asked = _asked()
    kept = request.cookies.get(COOKIE, "")
    others: dict[str, Any] = {name: value for name, value in request.args.items() if value and name != "as"}
    links = tuple(
        (way, words, url_for(str(request.endpoint), **(request.view_args or {}), **{**others, "as": way}))
        for way, words in WAYS.items()
    )
    return Ways(asked or (kept if kept in WAYS else TABLE), asked, links)


def _asked() -> str:
    asked = request.args.get("as", "")
    return asked if asked in WAYS else ""


def remember_way(response: Response) -> Response:
    """With a cookie that says how lists are shown from now on, where the address has said so."""
    if way := _asked():
        secure = settings().https
        response.set_cookie(COOKIE, way, max_age=_YEAR, secure=secure, httponly=True, samesite="Lax", path="/")
    return response
