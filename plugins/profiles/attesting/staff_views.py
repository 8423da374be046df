"""The staff's page of attestations."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page

from ..blueprint import WORK, staff_blueprint
from .acting import plugin_settings
from .figures import LIST, WORDS, answered_in_time, count_due, list_due


@staff_blueprint.get("/attestations")
@access.staff(WORK)
def attestations() -> ResponseReturnValue:
    db = db_session()
    listing = list_due(db, LIST.read(request.args)).at("profiles_staff.attestations")
    return page(
        "profiles/staff/attestations.html",
        "results",
        listing=listing,
        figures=count_due(db),
        answered=answered_in_time(db),
        words=WORDS,
        rules=plugin_settings(),
    )
