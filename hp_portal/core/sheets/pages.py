"""Pages of a table that was sent, for an application to mount: which column is which, and the file given back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, abort, flash, request

from hp_portal.core.documents.limited import DocumentError
from hp_portal.core.documents.sheets import CSV_TYPE, XLSX_TYPE
from hp_portal.core.kept.keeping import KeptGone, Owner
from hp_portal.core.sheets.grids import UnreadableSheet
from hp_portal.core.sheets.keeping import (
    OtherSheetForm,
    SentSheet,
    columns_form,
    find_sheet,
    give_sheet_back,
    other_sheet,
)
from hp_portal.core.sheets.layouts import SheetLayout, layout_csv, layout_xlsx
from hp_portal.core.web.attachments import attachment, file_name_part
from hp_portal.core.web.render import page, redirect_to
from hp_portal.database import PortalSession

GONE = "Your table is no longer kept here: that is for 12 hours, and for whoever has sent it. Send it again."
SHEET_BUTTON = "read_sheet"
_NOT_MADE = "The file cannot be made now. Try again in a while."


def sent_sheet(session: PortalSession, owner: Owner, layout: SheetLayout, start: str) -> SentSheet:
    """The table that the request names as `table`. When there is none, the answer leads to `start`, in words."""
    try:
        return find_sheet(session, owner, layout, request.values.get("table", ""))
    except KeptGone:
        flash(GONE, "warn")
        abort(redirect_to(start))


def columns_page(
    sent: SentSheet, *, use: str, back: str, trail: Sequence[tuple[str, str]] = (), form: Any = None, status: int = 200
) -> Response:
    """Asks what the columns are. `use` is the address that the choice is posted to, `back` where one gives up, `trail` the
    breadcrumbs. `form` is the one that was sent and cannot be used. A workbook with other sheets lets choose one of them, which
    `chosen_sheet` finds at `use`."""
    form = columns_form(sent, bound=False) if form is None else form
    other = OtherSheetForm.of(sent, bound=False) if sent.read.others else None
    values = {"sent": sent, "form": form, "other": other, "use": use, "back": back, "trail": list(trail)}
    return page("sheets/columns.html", **values, status=status)


def chosen_sheet(sent: SentSheet) -> str:
    """The name of the other sheet that the page of the columns asks for; empty where it says what the columns are."""
    if SHEET_BUTTON not in request.form:
        return ""
    form = OtherSheetForm.of(sent)
    return str(form.sheet.data) if form.validate_on_submit() else abort(400)


def turn_to_sheet(session: PortalSession, owner: Owner, sent: SentSheet, columns: str) -> None:
    """Where another sheet is asked for, read it, and lead to the page of its columns, whose address without the table is
    `columns`. Commits then."""
    name = chosen_sheet(sent)
    if not name:
        return
    try:
        token = other_sheet(session, owner, sent, name).token
        session.commit()
    except UnreadableSheet as error:
        session.rollback()
        flash(str(error), "warn")
        token = sent.token
    abort(redirect_to(f"{columns}?table={token}"))


def sheet_file(session: PortalSession, owner: Owner, layout: SheetLayout, start: str) -> Response:
    """The file that was sent, with what became of each row; with `again` in the address, the rows alone that were not taken."""
    try:
        name, made = give_sheet_back(
            session, owner, layout, request.args.get("table", ""), only_again="again" in request.args
        )
    except KeptGone:
        flash(GONE, "warn")
        return redirect_to(start)
    except DocumentError:
        flash(_NOT_MADE, "warn")
        return redirect_to(start)
    return attachment(made.body, name, made.content_type)


def empty_sheet(layout: SheetLayout, kind: str) -> Response:
    """An empty table to fill in, `csv` or `xlsx`."""
    name = f"{file_name_part(layout.title)}.{kind}"
    if kind == "csv":
        return attachment(layout_csv(layout), name, CSV_TYPE)
    return attachment(layout_xlsx(layout), name, XLSX_TYPE)
