"""Attached files that are held back: what was found, and having them checked again."""

from __future__ import annotations

from flask import abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.attachments.overview import HELD_LIST, ScannerNeeded, check_again, remove_held, view_held
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.web.render import db_session, page, redirect_to, settings

NO_SCANNER = (
    "A virus was found in this file, and no virus scanner is set up that could look at it again. It stays locked away."
)


@blueprint.get("/attachments")
@access.staff("staff:attachments:check")
def attachments() -> ResponseReturnValue:
    db = db_session()
    listing = view_held(db, HELD_LIST.read(request.args)).at("staff.attachments")
    db.commit()
    return page("staff/attachments.html", "results", listing=listing, scanner=bool(settings().clamd))


@blueprint.post("/attachments/<id:attached_id>/again")
@access.staff("staff:attachments:check")
def attachments_again(attached_id: int) -> ResponseReturnValue:
    db = db_session()
    try:
        if not check_again(db, attached_id):
            abort(404)
    except ScannerNeeded:
        flash(NO_SCANNER, "warn")
        return redirect_to(url_for("staff.attachments"))
    db.commit()
    flash("The file is checked again.", "good")
    return redirect_to(url_for("staff.attachments"))


@blueprint.post("/attachments/<id:attached_id>/remove")
@access.staff("staff:attachments:check")
def attachments_remove(attached_id: int) -> ResponseReturnValue:
    """A file with a virus: nobody ever gets it."""
    db = db_session()
    if not remove_held(db, attached_id):
        abort(404)
    db.commit()
    flash("The file was removed, with all that was stored of it.", "good")
    return redirect_to(url_for("staff.attachments"))
