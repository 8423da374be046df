"""Who was refused what lately."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.activity.about import ANY_REFUSAL
from hp_portal.core.refusals.reading import view_refused
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.web.render import db_session, page, settings


@blueprint.get("/refusals")
@access.staff("staff:refusals:read")
def refusals() -> ResponseReturnValue:
    db = db_session()
    rows = view_refused(db, settings())
    db.commit()
    return page("staff/refusals.html", rows=rows, any_refusal=ANY_REFUSAL, hours=settings().refusals_hours)
