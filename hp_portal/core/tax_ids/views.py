"""The pages of Tax ID & NPI access."""

from __future__ import annotations

from flask import Blueprint, Response, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.organizations.models import PROOFS
from hp_portal.core.tax_ids.forms import AddPayeeForm
from hp_portal.core.tax_ids.grants import AlreadyLinked, NotForBilling, ProofRefused, add_by_payment, view_linked_payees
from hp_portal.core.web.render import db_session, page, redirect_to, settings

KEY = "tax-id-npi-access"
READ = f"{KEY}:grant:read"
REFUSED = (
    "This number does not match a payment to this Tax ID and NPI. Check all three: they stand on the same remittance advice. "
    "If you have no payment at hand, contact us."
)
blueprint = Blueprint(KEY, __name__)


@blueprint.get("/")
@access.requires(READ)
def index() -> ResponseReturnValue:
    db = db_session()
    rows = view_linked_payees(db)
    db.commit()
    return page("tax_ids/index.html", rows=rows, proofs=PROOFS, billing=the_actor().audience == "billing")


@blueprint.get("/add")
@access.requires(READ)
def add() -> ResponseReturnValue:
    return _add_page(AddPayeeForm(), 200)


def _add_page(form: AddPayeeForm, status: int) -> Response:
    return page("tax_ids/add.html", form=form, billing=the_actor().audience == "billing", status=status)


@blueprint.post("/add")
@access.requires(READ)
def add_post() -> ResponseReturnValue:
    form, db = AddPayeeForm(), db_session()
    if not form.validate_on_submit():
        return _add_page(form, 422)
    try:
        linked = add_by_payment(
            db,
            settings(),
            plugins(),
            the_actor(),
            tin=form.tin.data,
            npi=form.npi.data,
            number=form.number.data,
        )
    except ProofRefused:
        db.commit()
        form.form_errors = [REFUSED]
        return _add_page(form, 422)
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, _add_page, "Too many numbers that did not match. Wait {wait}, or contact us.")
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
    return redirect_to(url_for(f"{KEY}.index"))
