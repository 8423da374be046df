"""The staff's page of code lists."""

from __future__ import annotations

from flask import Response, flash, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from hp_portal.api import access, db_session, page, redirect_to, settings, show_count, takes_files, today

from ..blueprint import MANAGE_CODES, staff_blueprint
from . import lists


class CodesForm(FlaskForm):  # type: ignore[misc]
    list = SelectField("List", choices=[SelectChoice(value=name, label=label) for name, label in lists.LISTS.items()])
    file = FileField("File (CSV or XLSX)", [FileRequired("Choose the file that you downloaded.")])


def _codes_page(form: CodesForm, status: int = 200, errors: tuple[str, ...] = ()) -> Response:
    loaded = lists.loaded_lists(db_session(), today(settings().payer.zone))
    return page("remittance/staff/codes.html", form=form, lists=loaded, errors=errors, status=status)


@staff_blueprint.get("/codes")
@access.staff(MANAGE_CODES)
def codes() -> ResponseReturnValue:
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
        rows = lists.read_list(file.stream, file.filename)
    except lists.UnusableList as error:
        return _codes_page(form, 422, error.errors)
    report = lists.load_list(db, form.list.data, rows, file.filename)
    db.commit()
    flash(
        f"{report.list}: {show_count(report.rows, 'row')} loaded ({report.added:,} new, {report.changed:,} changed, "
        f"{report.removed:,} no longer there).",
        "good",
    )
    return redirect_to(url_for("remittance_staff.codes"))
