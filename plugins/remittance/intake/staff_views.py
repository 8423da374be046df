"""The staff's pages about imports: upload, progress, reports, payees not on record."""

from __future__ import annotations

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page, redirect_to, settings, show_count, takes_files, the_actor

from ..blueprint import READ_IMPORTS, RUN_IMPORTS, staff_blueprint
from . import reading_again, uploads
from .files import FILES, active_uploads, list_files, view_report
from .forms import UploadForm
from .reports import OUTCOMES
from .steps import being_imported, percent_of
from .unknown_payees import UNKNOWN_PAYEES, match_again_now, view_unknown_payees


def _imports_page(form: UploadForm, status: int = 200) -> Response:
    db = db_session()
    listing = list_files(db, FILES.read(request.args))
    active = active_uploads(db)
    running = being_imported(db)
    again = reading_again.last_shown(db)
    context = {
        "listing": listing.at("remittance_staff.imports"),
        "again": listing.at("remittance_staff.progress").url_for_page(listing.number),
        "uploads": active,
        "busy": running is not None or any(row.Upload.state in uploads.ACTIVE for row in active),
        "before": f"{running.name} ({percent_of(running)}%)" if running is not None else "",
        "most_mb": settings().max_upload_mb,
        "reading_again": again,
        "unread": reading_again.named(again) if again is not None else [],
        "outcomes": OUTCOMES,
    }
    return page("remittance/staff/imports.html", "imports", form=form, status=status, **context)


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
@takes_files()
def upload() -> ResponseReturnValue:
    form = UploadForm()
    if not form.validate_on_submit():
        return _imports_page(form, 422)
    db = db_session()
    for file in form.files.data:
        uploads.receive(db, file.stream, file.filename or "file", the_actor())
    db.commit()
    flash(f"{show_count(len(form.files.data), 'file')} uploaded. Files are imported one after another.", "good")
    return redirect_to(url_for("remittance_staff.imports"))


@staff_blueprint.get("/files/<id:file_id>")
@access.staff(READ_IMPORTS)
def file_report(file_id: int) -> ResponseReturnValue:
    db = db_session()
    found = view_report(db, file_id) or abort(404)
    db.commit()
    return page("remittance/staff/report.html", "report", found=found)


@staff_blueprint.get("/files/<id:file_id>/progress")
@access.staff(READ_IMPORTS, passive=True)
def file_progress(file_id: int) -> ResponseReturnValue:
    """Asked by the report itself while the file is imported."""
    return file_report(file_id)


@staff_blueprint.get("/payees-not-on-record")
@access.staff(READ_IMPORTS)
def payees_not_on_record() -> ResponseReturnValue:
    db = db_session()
    listing = view_unknown_payees(db, UNKNOWN_PAYEES.read(request.args)).at("remittance_staff.payees_not_on_record")
    db.commit()
    return page("remittance/staff/unknown_payees.html", "payees", listing=listing)


@staff_blueprint.post("/payees-not-on-record")
@access.staff(RUN_IMPORTS)
def match_again() -> ResponseReturnValue:
    """Look again whether the payer's record has them by now."""
    db = db_session()
    matched = match_again_now(db)
    db.commit()
    flash(f"{show_count(matched.payments, 'payment')} matched to the payer's record.", "good")
    if matched.unopened:
        flash(f"{show_count(len(matched.unopened), 'Tax ID')} cannot be opened; see the list.", "warn")
    return redirect_to(url_for("remittance_staff.payees_not_on_record"))
