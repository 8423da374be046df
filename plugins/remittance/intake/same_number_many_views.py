"""The staff's pages about many payments of one number at once: choosing, one decision, how far it is, undoing it."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page, redirect_to, the_actor

from ..blueprint import DECIDE, READ_IMPORTS, staff_blueprint
from ..codes.plain_words import payment_word
from .deciding import DECISIONS, VERBS, CannotDecide
from .deciding_many import (
    MOST_CHOSEN,
    Chosen,
    Which,
    decide_many,
    in_words,
    pairs_of,
    undo_many,
    view_batch,
    view_chosen,
)
from .same_number_views import DecisionForm, UndoForm

_DIGITS = 18
_WORDS: dict[str, Any] = {"payment_word": payment_word, "decisions": DECISIONS}


def _which(values: Any) -> Which:
    """Pairs that were ticked, or all of a file; 404 for what is no number of one."""
    file = values.get("file", "")
    ids = [int(text) for text in values.getlist("pair") if text.isdecimal() and len(text) <= _DIGITS]
    if file:
        return Which(int(file)) if file.isdecimal() and len(file) <= _DIGITS else abort(404)
    return Which(ids=tuple(dict.fromkeys(ids)))


@staff_blueprint.get("/same-number/together")
@access.staff(DECIDE)
def choose_same_numbers() -> ResponseReturnValue:
    """Pairs that were ticked in the queue (`pair`), or all that wait of a file (`file`)."""
    return _chosen(_which(request.args))


@staff_blueprint.post("/same-number/together")
@access.staff(DECIDE)
def decide_same_numbers() -> ResponseReturnValue:
    db, form, which = db_session(), DecisionForm(), _which(request.form)
    form.decision.choices = list(VERBS.items())
    if len(which.ids) > MOST_CHOSEN or not form.validate_on_submit():
        return _chosen(which, form, 422)
    batch = decide_many(db, which, form.decision.data, form.reason.data, person_id=the_actor().person_id)
    if batch is None:
        db.rollback()
        return _chosen(which)
    db.commit()
    return redirect_to(url_for("remittance_staff.same_number_batch", batch_id=batch.id))


def _chosen(which: Which, form: DecisionForm | None = None, status: int = 200) -> Response:
    if len(which.ids) > MOST_CHOSEN:
        return page("remittance/staff/same_numbers_none.html", most=MOST_CHOSEN, why="too many", status=422)
    db = db_session()
    chosen: Chosen | None = view_chosen(db, which) if which.ids or which.file_id is not None else None
    db.commit()
    if chosen is None:
        none = not which.ids and which.file_id is None
        why, code = ("none", 422) if none else ("decided", 404)
        return page("remittance/staff/same_numbers_none.html", most=MOST_CHOSEN, why=why, status=code)
    if form is None:
        form = DecisionForm(formdata=None)
        form.decision.choices = list(VERBS.items())
    return page(
        "remittance/staff/same_numbers_together.html", chosen=chosen, which=which, form=form, status=status, **_WORDS
    )


@staff_blueprint.get("/same-number/together/<id:batch_id>")
@access.staff(READ_IMPORTS)
def same_number_batch(batch_id: int) -> ResponseReturnValue:
    return _batch(batch_id)


@staff_blueprint.get("/same-number/together/<id:batch_id>/progress")
@access.staff(READ_IMPORTS, passive=True)
def same_number_batch_progress(batch_id: int) -> ResponseReturnValue:
    """Asked by the page itself while a decision is carried out."""
    return _batch(batch_id)


@staff_blueprint.post("/same-number/together/<id:batch_id>/undo")
@access.staff(DECIDE)
def undo_same_number_batch(batch_id: int) -> ResponseReturnValue:
    db, form = db_session(), UndoForm()
    if not form.validate_on_submit():
        return _batch(batch_id, form, 422)
    view_batch(db, batch_id) or abort(404)
    try:
        undo_many(db, batch_id, form.reason.data, person_id=the_actor().person_id)
    except CannotDecide:
        db.rollback()
        flash("This decision is being carried out or was undone already. Nothing was changed.", "warn")
    else:
        db.commit()
    return redirect_to(url_for("remittance_staff.same_number_batch", batch_id=batch_id))


def _batch(batch_id: int, form: UndoForm | None = None, status: int = 200) -> Response:
    db = db_session()
    shown = view_batch(db, batch_id) or abort(404)
    db.commit()
    return page(
        "remittance/staff/same_number_batch.html",
        "batch",
        shown=shown,
        said=in_words(shown.batch),
        pairs=pairs_of(db, shown.batch),
        undo_form=form or UndoForm(formdata=None),
        status=status,
        **_WORDS,
    )
