"""The demo's telephones: what each authenticator app shows now. No other portal has this page."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.web.render import db_session, page

blueprint = Blueprint("demo_codes", __name__)


@blueprint.get("/demo/codes")
@access.public
def index() -> ResponseReturnValue:
    from hp_portal.core.factors.demo import shown_now  # the demo alone needs it

    return page("pages/demo_codes.html", shown=shown_now(db_session()))
