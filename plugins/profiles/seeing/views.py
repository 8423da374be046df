"""The first page: *Has my change been processed?*"""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from hp_portal.api import APPLICATION_CASES, access, application_cases, db_session, page, the_actor

from ..blueprint import READ, blueprint
from ..specialists import own_specialist


@blueprint.get("/")
@access.requires(READ)
def index() -> ResponseReturnValue:
    db = db_session()
    listing = application_cases(db, the_actor(), "profiles", APPLICATION_CASES.read(request.args)).at("profiles.index")
    return page("profiles/index.html", "changes", listing=listing, specialist=own_specialist(db))
