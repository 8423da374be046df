"""The cookie of a browser in which somebody has signed in before: read from the request, set on an answer."""

from __future__ import annotations

from flask import Response, request

from hp_portal.core.identity.known_browsers import KnownBrowser, read_known, write_known
from hp_portal.core.identity.models import Person
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

_DAY = 24 * 60 * 60


def cookie_name() -> str:
    """`__Host-`: set by this very host over TLS, for nobody else's pages."""
    return "__Host-hp_portal_browser" if settings().https else "hp_portal_browser"


def known_browser() -> KnownBrowser:
    """What this request's browser is known for."""
    return read_known(settings(), request.cookies.get(cookie_name()))


def remember_browser(response: Response, session: PortalSession, person: Person) -> Response:
    """The person has just proved their password in this browser: it keeps tries of its own for them from now on."""
    response.set_cookie(
        cookie_name(),
        write_known(settings(), known_browser().with_person(session, person)),
        max_age=int(settings().known_browser_days * _DAY),
        secure=settings().https,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return response
