"""The pages of the sample."""

from __future__ import annotations

import click
from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page, redirect_to, the_actor

from . import file_views as file_views
from . import table_views as table_views
from . import wizard_views as wizard_views
from .blueprints import blueprint as blueprint
from .blueprints import public_blueprint as public_blueprint
from .blueprints import staff_blueprint as staff_blueprint
from .notes import LIST, list_notes, write_note


@blueprint.get("/")
@access.requires("sample:note:read")
def index() -> ResponseReturnValue:
    listing = list_notes(db_session(), LIST.read(request.args)).at("sample.index")
    return page("sample/index.html", "notes", listing=listing)


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
