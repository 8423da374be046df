"""The staff's pages about a payment that a provider reports: read only, with a reason."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from hp_portal.api import (
    PortalSession,
    access,
    db_session,
    masked_tin,
    page,
    redirect_to,
    settings,
    show_amounts_in,
    the_actor,
)

from ..blueprint import INSPECT, staff_blueprint
from ..codes import glossary
from ..codes.plain_words import method_word, payment_word, status_word
from ..intake.standing import standing_of
from ..keys import plain
from ..models import PAYEE_TIN, Payment
from ..verdict import claim_marks, judge
from . import claims
from .inspection import inspect_claims, inspect_one, reason_of, seek
from .payment import contacts, find_payment

WORDS: dict[str, Any] = {
    "method_word": method_word,
    "payment_word": payment_word,
    "status_word": status_word,
    "claim_marks": claim_marks,
}


class InspectForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    number = StringField(
        "Check, EFT or non-payment notice number",
        [DataRequired("Enter the number of the payment."), Length(max=60)],
        filters=[plain],
        render_kw={"autocomplete": "off"},
    )
    reason = StringField(
        "Reason",
        [DataRequired("Say why: it is kept with the record."), Length(3, 200, "Use 3 to 200 characters.")],
        filters=[plain],
        render_kw={"autocomplete": "off"},
    )


@staff_blueprint.route("/inspect", methods=["GET", "POST"])
@access.staff(INSPECT)
def inspect() -> ResponseReturnValue:
    """Find a reported payment by its number, which a link may bring."""
    form, db = InspectForm(number=request.args.get("number", "")), db_session()
    if not form.validate_on_submit():
        status = 422 if form.is_submitted() else 200
        return page("remittance/staff/inspect.html", form=form, found=None, status=status, **WORDS)
    found = seek(db, the_actor(), form.number.data, form.reason.data)
    db.commit()
    if len(found.payments) == 1:
        return redirect_to(url_for("remittance_staff.inspect_payment", payment_id=found.payments[0].id, why=found.word))
    return page("remittance/staff/inspect.html", form=form, found=found, **WORDS)


def _reason_first() -> ResponseReturnValue:
    flash("Say why you open a payment. A reason holds for an hour.", "info")
    return redirect_to(url_for("remittance_staff.inspect"))


def _payment_or_404(db: PortalSession, payment_id: int) -> Payment:
    found = find_payment(db, payment_id) or abort(404)
    show_amounts_in(found.currency)
    return found


@staff_blueprint.get("/inspect/<id:payment_id>")
@access.staff(INSPECT)
def inspect_payment(payment_id: int) -> ResponseReturnValue:
    db, why = db_session(), request.args.get("why", "")
    found = _payment_or_404(db, payment_id)
    reason = reason_of(db, the_actor(), why, payment_id)
    if reason is None:
        return _reason_first()
    rows = inspect_claims(db, found, claims.CLAIMS.read(request.args), reason)
    db.commit()
    return page(
        "remittance/staff/inspect_payment.html",
        payment=found,
        rows=rows.at("remittance_staff.inspect_payment", payment_id=payment_id, why=why, _anchor="claims"),
        why=why,
        reason=reason,
        tin=masked_tin(db, found.payee_tin_sealed, PAYEE_TIN(found.id)),
        standing=standing_of(db, found),
        proof=judge(db, found),
        contacts=contacts(found, settings().payer),
        **WORDS,
    )


@staff_blueprint.get("/inspect/<id:payment_id>/claims/<id(32):number>")
@access.staff(INSPECT)
def inspect_claim(payment_id: int, number: int) -> ResponseReturnValue:
    db, why = db_session(), request.args.get("why", "")
    found = _payment_or_404(db, payment_id)
    reason = reason_of(db, the_actor(), why, payment_id)
    if reason is None:
        return _reason_first()
    opened = inspect_one(db, payment_id, number, reason) or abort(404)
    db.commit()
    used = glossary.codes_of(db, found.id, opened.claim.claim)
    return page(
        "remittance/staff/inspect_claim.html",
        payment=found,
        claim=opened.claim,
        opened=opened,
        why=why,
        reason=reason,
        standing=standing_of(db, found),
        meaning=glossary.look_up(db, used, found.effective_on),
        **WORDS,
    )
