"""Notes of an office about payments and claims: written, changed and removed on the page of what they are about."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, redirect_to, the_actor

from ..blueprint import POST, blueprint
from ..models import Payment
from ..office import notes
from ..office.models import Note
from .forms import NoteForm, NoteForms, note_form_of
from .payment_views import claim_page, payment_or_404, payment_page


@blueprint.post("/payments/<id:payment_id>/notes")
@access.requires(POST, member_data=True)
def write_note(payment_id: int) -> ResponseReturnValue:
    """A note about a payment."""
    return _write(payment_or_404(db_session(), payment_id), None)


@blueprint.post("/payments/<id:payment_id>/claims/<id(32):number>/notes")
@access.requires(POST, member_data=True)
def write_claim_note(payment_id: int, number: int) -> ResponseReturnValue:
    """A note about one claim of a payment."""
    return _write(payment_or_404(db_session(), payment_id), number)


@blueprint.post("/notes/<id:note_id>")
@access.requires(POST, member_data=True)
def change_note(note_id: int) -> ResponseReturnValue:
    """Give a note another text."""
    db, note, form = db_session(), _note_or_404(note_id), note_form_of(note_id)
    found = payment_or_404(db, note.payment_id)
    if not form.validate_on_submit():
        return _again(found, note.claim, note_id, form)
    return _done(note, lambda: notes.change_note(db, the_actor(), note, form.text.data), "The note is changed.")


@blueprint.post("/notes/<id:note_id>/remove")
@access.requires(POST, member_data=True)
def remove_note(note_id: int) -> ResponseReturnValue:
    """Remove a note."""
    db, note = db_session(), _note_or_404(note_id)
    return _done(note, lambda: notes.remove_note(db, the_actor(), note), "The note is removed.")


def _write(found: Payment, claim: int | None) -> ResponseReturnValue:
    db, form = db_session(), note_form_of(None)
    if not form.validate_on_submit():
        return _again(found, claim, None, form)
    try:
        notes.write_note(db, the_actor(), found.id, claim, form.text.data)
    except LookupError:
        abort(404)
    except notes.TooManyNotes:
        form.text.errors = [f"This payment has {notes.MOST} notes, as many as it can have. Remove one first."]
        return _again(found, claim, None, form)
    db.commit()
    flash("The note is saved.", "good")
    return redirect_to(_page_of(found.id, claim))


def _note_or_404(note_id: int) -> Note:
    return notes.find_note(db_session(), note_id) or abort(404)


def _done(note: Note, verb: Callable[[], None], said: str) -> ResponseReturnValue:
    to = _page_of(note.payment_id, note.claim)
    try:
        verb()
    except notes.NotYours:
        abort(403)
    db_session().commit()
    flash(said, "good")
    return redirect_to(to)


def _page_of(payment_id: int, claim: int | None) -> str:
    if claim is None:
        return url_for("remittance.payment", payment_id=payment_id, _anchor="notes")
    return url_for("remittance.claim", payment_id=payment_id, number=claim, _anchor="notes")


def _again(found: Payment, claim: int | None, note_id: int | None, refused: NoteForm) -> Response:
    """The page with what was typed, and what is wrong with it."""
    forms = NoteForms(refused, note_id)
    if claim is None:
        return payment_page(db_session(), found, "", "", note_forms=forms, status=422)
    return claim_page(db_session(), found, claim, note_forms=forms, status=422)
