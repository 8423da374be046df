"""A note with the files that are attached to it."""

from __future__ import annotations

from flask import Response, abort, flash, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from hp_portal.api import (
    AttachedTo,
    AttachmentsField,
    CannotRemove,
    PortalSession,
    access,
    attached_files,
    db_session,
    explains,
    hand_out_attached,
    keep_attached,
    page,
    redirect_to,
    remove_attached,
    takes_files,
    the_actor,
)

from .blueprints import blueprint
from .notes import Note, find_note, is_there, remove_note

READ = "sample:note:read"


class FilesForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    files = AttachmentsField("Files", required="Choose one file or more.")


def _note(note_id: int) -> tuple[Note, str]:
    """A note that one may see, and the word its files are attached to."""
    found = find_note(db_session(), note_id) or abort(404)
    return found, f"sample.note:{found.id}"


@explains("sample.note")
def _told(session: PortalSession, key: str) -> AttachedTo | None:
    """What the staff read who find a file of a note."""
    note = find_note(session, int(key)) if key.isdecimal() else None
    return AttachedTo(f"Sample note {note.id}") if note else None


def _page(note_id: int, form: FilesForm, status: int = 200) -> Response:
    found, about = _note(note_id)
    files = attached_files(db_session(), about)
    return page("sample/note.html", "files", note=found, files=files, form=form, status=status)


@blueprint.get("/notes/<id:note_id>")
@access.requires(READ)
def note(note_id: int) -> ResponseReturnValue:
    return _page(note_id, FilesForm(formdata=None))


@blueprint.get("/notes/<id:note_id>/files")
@access.requires(READ, passive=True)
def files(note_id: int) -> ResponseReturnValue:
    """Asked by the page itself while files are checked."""
    return _page(note_id, FilesForm(formdata=None))


@blueprint.post("/notes/<id:note_id>/attach")
@access.requires(READ)
@takes_files()
def attach(note_id: int) -> ResponseReturnValue:
    _, about = _note(note_id)
    form, db = FilesForm(), db_session()
    fine = form.validate_on_submit() and form.files.attach(
        db, owner=the_actor(), about=about, alive=lambda: is_there(db, note_id)
    )
    db.commit()
    if not fine:
        return _page(note_id, form, 422)
    flash("Attached. Each file is checked before anybody can open it.", "good")
    return redirect_to(url_for("sample.note", note_id=note_id))


@blueprint.get("/notes/<id:note_id>/files/<id:attached_id>")
@access.requires(READ)
def download(note_id: int, attached_id: int) -> ResponseReturnValue:
    _, about = _note(note_id)
    return hand_out_attached(attached_id, about)


@blueprint.post("/notes/<id:note_id>/files/<id:attached_id>/remove")
@access.requires(READ)
def remove_file(note_id: int, attached_id: int) -> ResponseReturnValue:
    _, about = _note(note_id)
    try:
        removed = remove_attached(db_session(), attached_id, about)
    except CannotRemove:
        flash("The note was sent with this file, which stays with it.", "warn")
        return redirect_to(url_for("sample.note", note_id=note_id))
    if not removed:
        abort(404)
    db_session().commit()
    return redirect_to(url_for("sample.note", note_id=note_id))


@blueprint.post("/notes/<id:note_id>/throw-away")
@access.requires(READ)
def throw_away(note_id: int) -> ResponseReturnValue:
    """The note goes, and its files with it."""
    found, about = _note(note_id)
    remove_note(db_session(), found, about)
    db_session().commit()
    return redirect_to(url_for("sample.index"))


@blueprint.post("/notes/<id:note_id>/send")
@access.requires(READ)
def send(note_id: int) -> ResponseReturnValue:
    """The note leaves: its files stay with it."""
    _, about = _note(note_id)
    keep_attached(db_session(), about)
    db_session().commit()
    return redirect_to(url_for("sample.note", note_id=note_id))
