"""For which organization somebody works just now who has several: the page to choose one."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import safe_next, the_actor
from hp_portal.core.web.prefixes import below
from hp_portal.core.web.render import page, redirect_to

blueprint = Blueprint("organizations", __name__)


@blueprint.get("/organizations")
@access.before_terms
def choose() -> ResponseReturnValue:
    """Each of the person's organizations leads to the page that was asked for, or the home page."""
    actor, following = the_actor(), safe_next(request.args.get("next"))
    if not actor.organizations:
        return redirect_to(following)
    links = [(name, below(organization_id, following)) for organization_id, name in actor.organizations]
    return page("account/organizations.html", links=links)
