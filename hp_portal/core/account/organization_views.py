"""For which organization somebody works just now who has several: one page to choose, and what keeps their tabs apart."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, request, session
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import safe_next, the_actor
from hp_portal.core.web.prefixes import asked_organization, below
from hp_portal.core.web.render import page, redirect_to

blueprint = Blueprint("organizations", __name__)
_FLASHES = "_flashes"


@blueprint.get("/organizations")
@access.before_terms
def choose() -> ResponseReturnValue:
    """Each of the person's organizations leads to the page that was asked for, or the home page."""
    actor, following = the_actor(), safe_next(request.args.get("next"))
    if not actor.organizations:
        return redirect_to(following)
    links = [(name, below(organization_id, following)) for organization_id, name in actor.organizations]
    return page("account/organizations.html", links=links)


def _kept_for(organization_id: int) -> str:
    return f"{_FLASHES} {organization_id}"


def _take_own() -> None:
    """What is to be said on the next page is said on the next page of the same organization."""
    asked = asked_organization()
    if asked is not None and _kept_for(asked) in session:
        session[_FLASHES] = [*session.get(_FLASHES, []), *session.pop(_kept_for(asked))]


def _leave_own(response: Response) -> Response:
    asked = asked_organization()
    if asked is not None and _FLASHES in session:
        session[_kept_for(asked)] = session.pop(_FLASHES)
    return response


def install(app: Flask) -> None:
    """Keep the notices of one organization's pages from those of another. Call before anything is asked."""
    app.before_request(_take_own)
    app.after_request(_leave_own)
