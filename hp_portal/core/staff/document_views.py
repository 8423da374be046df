"""Documents that wait for the worker, and those that failed."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.downloads.overview import view_overview
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.web.render import db_session, page


@blueprint.get("/documents")
@access.staff("staff:documents:read")
def documents() -> ResponseReturnValue:
    db = db_session()
    overview = view_overview(db)
    db.commit()
    return page("staff/documents.html", overview=overview)
