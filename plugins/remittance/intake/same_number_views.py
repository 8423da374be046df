"""The staff's pages about payments of one number: a queue, two side by side, what was decided."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from hp_portal.api import access, db_session, page, redirect_to, the_actor

from ..blueprint import DECIDE, READ_IMPORTS, staff_blueprint
from ..codes.plain_words import method_word, payment_word, status_word
from ..keys import plain
from .deciding import DECISIONS, MOST_CLAIMS_SHOWN, PAIRS, CannotDecide, SideBySide, decide, undo, view_pair, view_pairs
from .deciding_many import files_that_wait, latest_batches
from .in_parts import look_like_parts

_WORDS: dict[str, Any] = {
    "method_word": method_word,
    "payment_word": payment_word,
    "status_word": status_word,
    "decisions": DECISIONS,
}
_LENGTH = Length(3, 200, "Use 3 to 200 characters.")


class DecisionForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    decision = RadioField("What are they?", validators=[InputRequired("Choose what the two payments are.")])
    reason = StringField(
        "Reason",
        [DataRequired("Say why: it is kept with the record."), _LENGTH],
        filters=[plain],
        render_kw={"autocomplete": "off"},
    )


class UndoForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    reason = StringField(
        "Reason",
        [DataRequired("Say why: it is kept with the record."), _LENGTH],
        filters=[plain],
        render_kw={"autocomplete": "off"},
    )


@staff_blueprint.get("/same-number")
@access.staff(READ_IMPORTS)
def same_numbers() -> ResponseReturnValue:
    db, decided = db_session(), request.args.get("decided") == "1"
    listing = view_pairs(db, PAIRS.read(request.args), decided=decided)
    parts = set() if decided else look_like_parts(db, [row[:3] for row in listing.rows])
    files = [] if decided else files_that_wait(db)
    batches = latest_batches(db) if decided else [one for one in latest_batches(db) if one.under_way]
    db.commit()
    values = {"decided": "1"} if decided else {}
    listing = listing.at("remittance_staff.same_numbers", **values)
    return page(
        "remittance/staff/same_numbers.html",
        "pairs",
        listing=listing,
        decided=decided,
        files=files,
        batches=batches,
        parts=parts,
        **_WORDS,
    )


@staff_blueprint.get("/same-number/<id:pair_id>")
@access.staff(READ_IMPORTS)
def same_number(pair_id: int) -> ResponseReturnValue:
    db = db_session()
    found = view_pair(db, pair_id) or abort(404)
    db.commit()
    return _side_by_side(found)


@staff_blueprint.post("/same-number/<id:pair_id>/decide")
@access.staff(DECIDE)
def decide_same_number(pair_id: int) -> ResponseReturnValue:
    db, form = db_session(), DecisionForm()
    found = view_pair(db, pair_id) or abort(404)
    db.commit()
    form.decision.choices = found.choices
    if not found.choices:
        return _changed_meanwhile(pair_id)
    if not form.validate_on_submit():
        return _side_by_side(found, form=form, status=422)
    try:
        decide(db, pair_id, form.decision.data, form.reason.data, person_id=the_actor().person_id)
    except CannotDecide:
        db.rollback()
        return _changed_meanwhile(pair_id)
    db.commit()
    flash(f"{DECISIONS[form.decision.data]}. You can undo it under Decided.", "good")
    return redirect_to(url_for("remittance_staff.same_numbers"))


@staff_blueprint.post("/same-number/<id:pair_id>/undo")
@access.staff(DECIDE)
def undo_same_number(pair_id: int) -> ResponseReturnValue:
    db, form = db_session(), UndoForm()
    if not form.validate_on_submit():
        found = view_pair(db, pair_id) or abort(404)
        db.commit()
        return _side_by_side(found, undo_form=form, status=422)
    try:
        undo(db, pair_id, form.reason.data)
    except CannotDecide:
        db.rollback()
        return _changed_meanwhile(pair_id)
    db.commit()
    flash("The decision is undone. Both payments wait to be decided again.", "good")
    return redirect_to(url_for("remittance_staff.same_number", pair_id=pair_id))


def _side_by_side(
    found: SideBySide, *, form: DecisionForm | None = None, undo_form: UndoForm | None = None, status: int = 200
) -> Response:
    if form is None:
        form = DecisionForm(formdata=None)
        form.decision.choices = found.choices
    return page(
        "remittance/staff/same_number.html",
        found=found,
        form=form,
        undo_form=undo_form or UndoForm(formdata=None),
        claims=found.claims[:MOST_CLAIMS_SHOWN],
        status=status,
        **_WORDS,
    )


def _changed_meanwhile(pair_id: int) -> ResponseReturnValue:
    flash("Somebody has decided about these payments meanwhile. Nothing was changed: look at them again.", "warn")
    return redirect_to(url_for("remittance_staff.same_number", pair_id=pair_id))
