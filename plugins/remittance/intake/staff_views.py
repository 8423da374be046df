"""The staff's pages about imports: upload, progress, reports, payees not on record."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import (
    Listing,
    Person,
    access,
    db_session,
    now,
    page,
    page_number,
    page_of,
    record,
    redirect_to,
    show_count,
    the_actor,
)

from ..blueprint import READ_IMPORTS, RUN_IMPORTS, staff_blueprint
from ..models import RemittanceFile, Upload
from . import reports, uploads
from .forms import UploadForm
from .matching import match_unknown
from .unknown_payees import unknown_payees

_PAGE = 25


def _imports_page(form: UploadForm, status: int = 200) -> Response:
    number = page_number(request.args)
    listing = _imports(number)
    active = _active_uploads()
    busy = any(row.Upload.state in uploads.ACTIVE for row in active)
    context = {"listing": listing, "uploads": active, "busy": busy, "number": number}
    return page("remittance/staff/imports.html", "imports", form=form, status=status, **context)


def _imports(number: int) -> Listing[Any]:
    """Files, newest first, with who imported them."""
    db = db_session()
    rows = (
        sa.select(RemittanceFile, Person.name)
        .outerjoin(Person, Person.id == RemittanceFile.imported_by_id)
        .order_by(RemittanceFile.id.desc())
    )
    listing: Listing[Any] = page_of(db, rows, number, size=_PAGE)
    return listing.at("remittance_staff.imports")


def _active_uploads() -> list[Any]:
    """Uploads that are not imported yet, and those that failed lately."""
    lately = sa.and_(Upload.state == uploads.FAILED, Upload.uploaded_at > now() - uploads.FAILED_SHOWN)
    rows = db_session().execute(
        sa.select(Upload, Person.name)
        .join(Person, Person.id == Upload.uploaded_by_id)
        .where(sa.or_(Upload.state.in_(uploads.ACTIVE), lately))
        .order_by(Upload.id)
    )
    return list(rows)


@staff_blueprint.get("/")
@access.staff(READ_IMPORTS)
def imports() -> ResponseReturnValue:
    return _imports_page(UploadForm(formdata=None))


@staff_blueprint.get("/progress")
@access.staff(READ_IMPORTS, passive=True)
def progress() -> ResponseReturnValue:
    """Asked by the page itself while uploads are on their way."""
    return _imports_page(UploadForm(formdata=None))


@staff_blueprint.post("/")
@access.staff(RUN_IMPORTS)
def upload() -> ResponseReturnValue:
    form = UploadForm()
    if not form.validate_on_submit():
        return _imports_page(form, 422)
    db = db_session()
    for file in form.files.data:
        uploads.receive(db, file.stream, file.filename or "file", the_actor().person_id)
    db.commit()
    flash(f"{show_count(len(form.files.data), 'file')} uploaded. Files are imported one after another.", "good")
    return redirect_to(url_for("remittance_staff.imports"))


@staff_blueprint.get("/files/<id:file_id>")
@access.staff(READ_IMPORTS)
def file_report(file_id: int) -> ResponseReturnValue:
    db = db_session()
    found = db.execute(
        sa.select(RemittanceFile, Person.name)
        .outerjoin(Person, Person.id == RemittanceFile.imported_by_id)
        .where(RemittanceFile.id == file_id)
    ).one_or_none()
    if found is None:
        abort(404)
    file, person = found
    record(db, "remittance.report.viewed", file=file.id)
    db.commit()
    return page("remittance/staff/report.html", file=file, person=person, report=reports.from_json(file.report))


@staff_blueprint.get("/payees-not-on-record")
@access.staff(READ_IMPORTS)
def payees_not_on_record() -> ResponseReturnValue:
    db, number = db_session(), page_number(request.args)
    rows, total = unknown_payees(db, _PAGE, (number - 1) * _PAGE)
    listing = Listing(rows, number, _PAGE, total).at("remittance_staff.payees_not_on_record")
    record(db, "remittance.unknown-payees.viewed", page=number, shown=len(rows))
    db.commit()
    return page("remittance/staff/unknown_payees.html", "payees", listing=listing)


@staff_blueprint.post("/payees-not-on-record")
@access.staff(RUN_IMPORTS)
def match_again() -> ResponseReturnValue:
    """Look again whether the payer's record has them by now."""
    db = db_session()
    matched = match_unknown(db)
    record(db, "remittance.unknown-payees.matched", payments=matched)
    db.commit()
    flash(f"{show_count(matched, 'payment')} matched to the payer's record.", "good")
    return redirect_to(url_for("remittance_staff.payees_not_on_record"))
