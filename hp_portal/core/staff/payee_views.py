"""Payees of the payer's record, added and changed by hand."""

from __future__ import annotations

from flask import abort, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.payees.by_hand import PayeeExists, add_payee, change_payee, facts_of
from hp_portal.core.payees.finding import payee_by_id
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.record_forms import NewPayeeForm, PayeeForm
from hp_portal.core.staff.viewing import view_payee
from hp_portal.core.web.render import db_session, form_status, page, redirect_to


@blueprint.route("/payees/new", methods=["GET", "POST"])
@access.staff("staff:payees:manage")
def payees_new() -> ResponseReturnValue:
    db, form = db_session(), NewPayeeForm()
    if not form.validate_on_submit():
        return page("staff/payee_new.html", form=form, known=None, status=form_status(form))
    try:
        payee = add_payee(db, form.tin.data, form.npi.data, form.facts())
    except PayeeExists as exists:
        db.rollback()
        return page("staff/payee_new.html", form=form, known=exists.payee_id, status=422)
    db.commit()
    flash(f"{payee.name} is on record now.", "good")
    return redirect_to(url_for("staff.payees_one", payee_id=payee.id))


@blueprint.route("/payees/<id:payee_id>", methods=["GET", "POST"])
@access.staff("staff:payees:manage")
def payees_one(payee_id: int) -> ResponseReturnValue:
    db = db_session()
    payee = payee_by_id(db, payee_id) or abort(404)
    form = PayeeForm(obj=facts_of(payee))
    if not form.validate_on_submit():
        found = view_payee(db, payee)
        db.commit()
        return page("staff/payee.html", found=found, form=form, status=form_status(form))
    changed = change_payee(db, payee, form.facts())
    db.commit()
    flash(f"{payee.name} is saved." if changed else "Nothing was changed.", "good" if changed else "info")
    return redirect_to(url_for("staff.payees_one", payee_id=payee.id))
