"""The pages of Tax ID & NPI access."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import safe_next, the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.organizations.models import PROOFS
from hp_portal.core.tax_ids.forms import AddPayeeForm, ObjectionForm
from hp_portal.core.tax_ids.grants import (
    AlreadyLinked,
    NotForBilling,
    ProofRefused,
    add_by_payment,
    note_blocked,
    view_linked_payees,
)
from hp_portal.core.tax_ids.notices import ObjectedAlready, find_notice, notices, object_to, put_away
from hp_portal.core.tax_ids.proving import MoreAsked
from hp_portal.core.tax_ids.removing import paid_so_far
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.render import db_session, form_status, page, redirect_to, settings

KEY = "tax-id-npi-access"
READ = f"{KEY}:grant:read"
REFUSED = (
    "This does not match a payment to this Tax ID and NPI that can be used. Check every entry: all of them stand on the same "
    "remittance advice. A payment proves access only once, and only for {days} days. "
    "If you have no other payment at hand, contact us."
)
LOCKED = (
    "Too many numbers that did not match. You can try again in {wait}, from {at} on. See below what you can do now."
)
blueprint = Blueprint(KEY, __name__)


@blueprint.get("/")
@access.requires(READ)
def index() -> ResponseReturnValue:
    db, actor = db_session(), the_actor()
    rows, told = view_linked_payees(db), notices(db, actor)
    paid = paid_so_far(db, plugins(), [row.payee_id for row in rows])
    db.commit()
    return page(
        "tax_ids/index.html",
        rows=rows,
        paid=paid,
        proofs=PROOFS,
        told=told,
        billing=actor.audience == "billing",
    )


@blueprint.get("/add")
@access.requires(READ)
def add() -> ResponseReturnValue:
    return _add_page(AddPayeeForm(), 200)


def _add_page(form: AddPayeeForm, status: int) -> Response:
    return page(
        "tax_ids/add.html",
        form=form,
        billing=the_actor().audience == "billing",
        asks=settings().proof_asks_more,
        days=settings().proof_days,
        locked=status == 429,
        status=status,
    )


@blueprint.post("/add")
@access.requires(READ)
def add_post() -> ResponseReturnValue:
    """Add a Tax ID; with `start`, open the form with a number that nothing was found for, and where to go on afterwards."""
    if "start" in request.form:
        number, to = one_line(request.form.get("number")), request.form.get("next", "")
        return _add_page(AddPayeeForm(formdata=None, number=number, next=to), 200)
    form, db = AddPayeeForm(), db_session()
    if not form.validate_on_submit():
        return _add_page(form, 422)
    proof = form.proof()
    try:
        linked = add_by_payment(db, settings(), plugins(), the_actor(), proof)
    except MoreAsked as error:
        form.form_errors = [str(error)]
        return _add_page(form, 422)
    except ProofRefused:
        db.commit()
        form.form_errors = [REFUSED.format(days=settings().proof_days)]
        return _add_page(form, 422)
    except TooManyAttempts as error:
        db.rollback()
        note_blocked(db, proof)
        db.commit()
        return too_many(form, error, _add_page, LOCKED)
    except AlreadyLinked:
        db.rollback()
        flash("Your organization has this Tax ID and NPI already.", "info")
        return redirect_to(url_for(f"{KEY}.index"))
    except NotForBilling:
        db.rollback()
        form.form_errors = ["A billing organization gets access when the provider's office approves it. Contact us."]
        return _add_page(form, 403)
    db.commit()
    flash(f"{linked.name} has been added. Its payments can be seen from now on.", "good")
    return redirect_to(safe_next(form.next.data) if form.next.data else url_for(f"{KEY}.index"))


@blueprint.post("/notices/<id:notice_id>/read")
@access.requires(READ)
def read_notice(notice_id: int) -> ResponseReturnValue:
    """Take a notice off the home page; it stays on the page of the application."""
    db = db_session()
    if not put_away(db, the_actor(), notice_id) and find_notice(db, the_actor(), notice_id) is None:
        abort(404)
    db.commit()
    return redirect_to(url_for("pages.home"))


@blueprint.route("/notices/<id:notice_id>/object", methods=["GET", "POST"])
@access.requires(READ)
def object_to_link(notice_id: int) -> ResponseReturnValue:
    """Say that another organization should not be linked to one's Tax ID; staff decide."""
    db, form = db_session(), ObjectionForm()
    told = find_notice(db, the_actor(), notice_id) or abort(404)
    if not told.can_object:
        flash("There is nothing to object to any more: see what has become of it below.", "info")
        return redirect_to(url_for(f"{KEY}.index", _anchor="told"))
    if not form.validate_on_submit():
        return page("tax_ids/object.html", told=told, form=form, status=form_status(form))
    try:
        object_to(db, the_actor(), notice_id, form.reason.data)
    except ObjectedAlready:
        db.rollback()
        flash("Somebody at your office has objected already.", "info")
    else:
        db.commit()
        flash("Your objection has been sent. We look into it, and tell you here what comes of it.", "good")
    return redirect_to(url_for(f"{KEY}.index", _anchor="told"))
