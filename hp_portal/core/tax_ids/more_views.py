"""Tax ID & NPI access: many at once, removing one, and a case for staff when there is no payment at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.sheets.checking import CheckedRow
from hp_portal.core.sheets.grids import UnreadableSheet
from hp_portal.core.sheets.keeping import SentSheet, columns_form, keep_outcomes, take_sheet
from hp_portal.core.sheets.mapping import ColumnMapping
from hp_portal.core.sheets.memory import remember_columns
from hp_portal.core.sheets.pages import columns_page, empty_sheet, sent_sheet, sheet_file, turn_to_sheet
from hp_portal.core.tax_ids.cases import TooManyCases, WaitsAlready, ask_staff
from hp_portal.core.tax_ids.forms import CaseForm, TableForm
from hp_portal.core.tax_ids.grants import NotForBilling
from hp_portal.core.tax_ids.leaning import MORE, MoreLose, read_shown
from hp_portal.core.tax_ids.removing import Loss, OnlyDelegates, find_loss, remove
from hp_portal.core.tax_ids.several import (
    ADDED,
    COLUMNS,
    LAYOUT,
    MOST,
    WRONG,
    RowResult,
    add_checked,
    add_many,
    as_table,
)
from hp_portal.core.tax_ids.tables import UnreadableTable
from hp_portal.core.tax_ids.views import KEY, READ, blueprint
from hp_portal.core.web.formats import show_day
from hp_portal.core.web.render import db_session, page, redirect_to, settings


@blueprint.get("/add-several")
@access.requires(READ)
def add_several() -> ResponseReturnValue:
    return _several_page(TableForm(formdata=None))


def _several_page(form: TableForm, status: int = 200) -> Response:
    if the_actor().audience == "billing":
        return redirect_to(url_for(f"{KEY}.add"))
    asks, days = settings().proof_asks_more, settings().proof_days
    return page(
        "tax_ids/several.html", form=form, most=MOST, layout=LAYOUT, asks=asks, days=days, results=[], status=status
    )


@blueprint.post("/add-several/send")
@access.requires(READ)
def add_several_send() -> ResponseReturnValue:
    """Add row by row, and say of each what became of it; what was not added can be corrected and sent again."""
    form, db, actor = TableForm(), db_session(), the_actor()
    if not form.validate_on_submit():
        return _several_page(form, 422)
    try:
        if not form.file.data:
            return _added_page(add_many(db, settings(), plugins(), actor, form.rows(COLUMNS, MOST)))
        sent = take_sheet(db, actor, LAYOUT, form.file.data)
        rows = sent.rows(most=MOST)
        if sent.certain:
            return _added_from_file(sent, sent.found.mapping, rows)
    except (UnreadableTable, UnreadableSheet) as error:
        db.rollback()
        form.form_errors = [str(error)]
        return _several_page(form, 422)
    except NotForBilling:
        db.rollback()
        return redirect_to(url_for(f"{KEY}.add"))
    db.commit()
    return redirect_to(url_for(f"{KEY}.add_several_columns", table=sent.token))


def _added_from_file(sent: SentSheet, mapping: ColumnMapping, rows: Sequence[CheckedRow]) -> Response:
    db, actor = db_session(), the_actor()
    results = add_checked(db, settings(), plugins(), actor, rows)
    again = [one.number for one in results if one.outcome == WRONG]
    words = {one.number: one.said for one in results}
    table = keep_outcomes(db, actor, sent, words, again=again, mapping=mapping)
    other = url_for(f"{KEY}.add_several_columns", table=sent.token) if sent.read.others else ""
    return _added_page(results, table, sent.notes(mapping), other)


def _added_page(results: list[RowResult], table: str = "", notes: Sequence[str] = (), other: str = "") -> Response:
    db_session().commit()
    wrong = [one for one in results if one.outcome == WRONG]
    added = sum(1 for one in results if one.outcome == ADDED)
    again = TableForm(formdata=None, table=as_table(wrong)) if wrong else None
    return page(
        "tax_ids/several_done.html",
        results=results,
        added=added,
        wrong=len(wrong),
        form=again,
        table=table,
        notes=notes,
        other=other,
        status=422 if wrong else 200,
    )


def _start() -> str:
    return url_for(f"{KEY}.add_several")


def _columns_page(sent: SentSheet, form: Any = None, status: int = 200) -> Response:
    trail = (("Tax ID & NPI access", url_for(f"{KEY}.index")), ("Add several", _start()))
    use = url_for(f"{KEY}.add_several_columns_use")
    return columns_page(sent, use=use, back=_start(), trail=trail, form=form, status=status)


@blueprint.get("/add-several/columns")
@access.requires(READ)
def add_several_columns() -> ResponseReturnValue:
    """Asks what the columns of a table are that was sent."""
    return _columns_page(sent_sheet(db_session(), the_actor(), LAYOUT, _start()))


@blueprint.post("/add-several/columns/use")
@access.requires(READ)
def add_several_columns_use() -> ResponseReturnValue:
    db, actor = db_session(), the_actor()
    sent = sent_sheet(db, actor, LAYOUT, _start())
    turn_to_sheet(db, actor, sent, url_for(f"{KEY}.add_several_columns"))
    form = columns_form(sent)
    if not form.validate_on_submit():
        return _columns_page(sent, form, 422)
    mapping = form.mapping()
    try:
        remember_columns(db, actor.organization_id, LAYOUT, mapping)
        return _added_from_file(sent, mapping, sent.rows(mapping, MOST))
    except NotForBilling:
        db.rollback()
        return redirect_to(url_for(f"{KEY}.add"))


@blueprint.get("/add-several/file")
@access.requires(READ)
def add_several_file() -> ResponseReturnValue:
    """The file that was sent, with what became of each row."""
    return sheet_file(db_session(), the_actor(), LAYOUT, _start())


@blueprint.get("/add-several/empty/csv")
@access.requires(READ)
def add_several_empty_csv() -> ResponseReturnValue:
    return empty_sheet(LAYOUT, "csv")


@blueprint.get("/add-several/empty/xlsx")
@access.requires(READ)
def add_several_empty_xlsx() -> ResponseReturnValue:
    return empty_sheet(LAYOUT, "xlsx")


def _loss(grant_id: int) -> Loss:
    return find_loss(db_session(), plugins(), the_actor(), grant_id) or abort(404)


@blueprint.get("/linked/<id:grant_id>")
@access.requires(READ)
def linked_remove(grant_id: int) -> ResponseReturnValue:
    """What will no longer be seen, before it is removed."""
    return _remove_page(_loss(grant_id), ReasonForm(formdata=None))


def _remove_page(loss: Loss, form: ReasonForm, status: int = 200) -> Response:
    return page("tax_ids/remove.html", loss=loss, form=form, delegate=the_actor().is_delegate, status=status)


@blueprint.post("/linked/<id:grant_id>/remove")
@access.requires(READ)
def linked_remove_post(grant_id: int) -> ResponseReturnValue:
    db, form, loss = db_session(), ReasonForm(), _loss(grant_id)
    try:
        if the_actor().is_delegate and not form.validate_on_submit():
            return _remove_page(loss, form, 422)
        done = remove(db, the_actor(), grant_id, form.reason.data or "", read_shown(request.form.get("shown", "")))
    except OnlyDelegates:
        return _remove_page(loss, ReasonForm(formdata=None), 422)
    except MoreLose:
        db.rollback()
        form.form_errors = [MORE]
        return _remove_page(_loss(grant_id), form, 409)
    db.commit()
    also = (
        f" by you, nor by {', '.join(dict.fromkeys(one.organization for one in loss.billing))}" if loss.billing else ""
    )
    words = (
        f"{loss.name} is removed. Its payments can no longer be seen{also}."
        if done
        else "Somebody has removed it already."
    )
    flash(words, "good" if done else "info")
    return redirect_to(url_for(f"{KEY}.index"))


@blueprint.get("/case")
@access.requires(READ)
def case() -> ResponseReturnValue:
    return _case_page(CaseForm(formdata=None))


def _case_page(form: CaseForm, status: int = 200) -> Response:
    return page("tax_ids/case.html", form=form, status=status)


@blueprint.post("/case/start")
@access.requires(READ)
def case_start() -> ResponseReturnValue:
    """The form with what was typed where a payment was asked for."""
    return _case_page(
        CaseForm(formdata=None, tin=request.form.get("tin", "")[:20], npi=request.form.get("npi", "")[:20])
    )


@blueprint.post("/case/send")
@access.requires(READ)
def case_send() -> ResponseReturnValue:
    form, db = CaseForm(), db_session()
    if not form.validate_on_submit():
        return _case_page(form, 422)
    try:
        case_id = ask_staff(db, the_actor(), form.tin.data, form.npi.data or "", form.about.data, form.phone.data)
    except TooManyCases:
        db.rollback()
        form.form_errors = ["So many of your cases wait that we take no more. Please call us."]
        return _case_page(form, 429)
    except WaitsAlready as error:
        db.rollback()
        day = show_day(error.at, settings().payer.zone)
        form.form_errors = [
            f"Your organization has asked about this Tax ID and NPI on {day} already, and our answer is still to come. What you "
            "have typed now was not sent. Open the case under Our cases to add something."
        ]
        return _case_page(form, 409)
    db.commit()
    flash("We have your question. This page shows what becomes of it, and we tell you by e-mail.", "good")
    return redirect_to(url_for("cases.one", case_id=case_id))
