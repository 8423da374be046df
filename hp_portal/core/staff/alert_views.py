"""Objections to links, and Tax IDs at which somebody is guessing."""

from __future__ import annotations

from flask import abort, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.organizations.models import PROOFS
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.tax_ids import objections
from hp_portal.core.web.render import db_session, form_status, page, redirect_to


@blueprint.get("/tax-id-alerts")
@access.staff("staff:tax-ids:manage")
def tax_id_alerts() -> ResponseReturnValue:
    db = db_session()
    objected, warned = objections.view_alerts(db)
    db.commit()
    return page("staff/tax_id_alerts.html", objections=objected, warned=warned)


@blueprint.route("/tax-id-alerts/objections/<id:notice_id>", methods=["GET", "POST"])
@access.staff("staff:tax-ids:manage")
def tax_id_objection(notice_id: int) -> ResponseReturnValue:
    """Keep the link, with a reason; ending it has a page of its own."""
    db, form = db_session(), ReasonForm()
    objection = objections.find_objection(db, notice_id) or abort(404)
    if not form.validate_on_submit():
        return page("staff/objection.html", objection=objection, form=form, proofs=PROOFS, status=form_status(form))
    if objections.keep_link(db, the_actor(), objection, form.reason.data):
        flash(f"The link stays. {objection.organization} is told so.", "good")
    db.commit()
    return redirect_to(url_for("staff.tax_id_alerts"))


@blueprint.post("/tax-id-alerts/warnings/<id:warning_id>/settle")
@access.staff("staff:tax-ids:manage")
def tax_id_warning_settle(warning_id: int) -> ResponseReturnValue:
    db = db_session()
    if not objections.settle_warning(db, the_actor(), warning_id):
        abort(404)
    db.commit()
    flash("The warning is closed. Another wrong payment brings a new one.", "good")
    return redirect_to(url_for("staff.tax_id_alerts"))
