"""The staff's page of code lists."""

from __future__ import annotations

from flask import Response, flash, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from hp_portal.api import access, db_session, page, redirect_to, settings, takes_files, the_actor, today

from ..blueprint import MANAGE_CODES, staff_blueprint
from . import lists, loads


class CodesForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    list = SelectField("List", choices=[SelectChoice(value=name, label=label) for name, label in lists.LISTS.items()])
    file = FileField("File (CSV or XLSX)", [FileRequired("Choose the file that you downloaded.")])


def _codes_page(form: CodesForm, status: int = 200, errors: tuple[str, ...] = ()) -> Response:
    db = db_session()
    recent = loads.recent_loads(db)
    context = {
        "lists": lists.loaded_lists(db, today(settings().payer.zone)),
        "loads": [(load, lists.LISTS[load.list], loads.errors_of(load)) for load in recent],
        "busy": any(load.state in loads.ACTIVE for load in recent),
    }
    return page("remittance/staff/codes.html", "lists", form=form, errors=errors, status=status, **context)


@staff_blueprint.get("/codes")
@access.staff(MANAGE_CODES)
def codes() -> ResponseReturnValue:
    return _codes_page(CodesForm(formdata=None))


@staff_blueprint.get("/codes/progress")
@access.staff(MANAGE_CODES, passive=True)
def codes_progress() -> ResponseReturnValue:
    """Asked by the page itself while lists are on their way."""
    return _codes_page(CodesForm(formdata=None))


@staff_blueprint.post("/codes")
@access.staff(MANAGE_CODES)
@takes_files(lists.MOST_BYTES + (1 << 20))
def load_codes() -> ResponseReturnValue:
    form = CodesForm()
    if not form.validate_on_submit():
        return _codes_page(form, 422)
    db, file = db_session(), form.file.data
    try:
        loads.receive(db, file.stream, file.filename or "file", form.list.data, the_actor())
    except lists.UnusableList as error:
        return _codes_page(form, 422, error.errors)
    db.commit()
    flash("The file was uploaded. It is loaded in a moment; this page shows what comes of it.", "good")
    return redirect_to(url_for("remittance_staff.codes"))
