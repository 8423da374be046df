"""The pages of the sample."""

from __future__ import annotations

import click
from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page, redirect_to, the_actor

from .notes import LIST, find_note, list_notes, write_note

blueprint = Blueprint("sample", __name__)
staff_blueprint = Blueprint("sample_staff", __name__)
public_blueprint = Blueprint("sample_public", __name__)


@blueprint.get("/")
@access.requires("sample:note:read")
def index() -> ResponseReturnValue:
    listing = list_notes(db_session(), LIST.read(request.args)).at("sample.index")
    return page("sample/index.html", "notes", listing=listing)


@blueprint.get("/notes/<id:note_id>")
@access.requires("sample:note:read")
def note(note_id: int) -> ResponseReturnValue:
    found = find_note(db_session(), note_id)
    if found is None:
        abort(404)
    return page("sample/note.html", note=found)


@blueprint.post("/")
@access.requires("sample:note:read")
def write() -> ResponseReturnValue:
    db, organization_id = db_session(), the_actor().organization_id
    if organization_id is None:
        abort(403)
    write_note(db, organization_id, request.form["text"])
    db.commit()
    return redirect_to(url_for("sample.index"))


@staff_blueprint.get("/count")
@access.staff("sample:note:count")
def count() -> ResponseReturnValue:
    return page("sample/count.html", notes=list_notes(db_session(), LIST.read({})).total)


@public_blueprint.get("/about")
@access.public
def about() -> ResponseReturnValue:
    return page("sample/about.html")


@blueprint.cli.command("hello")
def hello() -> None:
    """Say hello."""
    click.echo("Hello from the sample.")
