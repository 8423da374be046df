"""My activity."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.audit.reading import own_activity
from hp_portal.core.audit.record import record
from hp_portal.core.web.paging import page_number
from hp_portal.core.web.render import db_session, page

blueprint = Blueprint("audit", __name__)


@blueprint.get("/my-activity")
@access.signed_in
def my_activity() -> ResponseReturnValue:
    db = db_session()
    number = page_number(request.args)
    listing = own_activity(db, the_actor(), number)
    record(db, "audit.own.viewed", page=number)
    db.commit()
    return page("audit/my_activity.html", "activity", listing=listing)
