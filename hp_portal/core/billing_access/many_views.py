"""Requests for access for many providers at once, from a table that is pasted or sent as a file."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from hp_portal.core.access import rules as access
from hp_portal.core.billing_access import asking
from hp_portal.core.billing_access.asking import Result, TooManyToday
from hp_portal.core.billing_access.checking import Approver, Wanted
from hp_portal.core.billing_access.forms import COLUMNS, LAYOUT, RowsForm
from hp_portal.core.billing_access.request_views import billing, sent_words
from hp_portal.core.identity.actor import Actor
from hp_portal.core.kept.keeping import KeptGone
from hp_portal.core.sheets.checking import CheckedRow
from hp_portal.core.sheets.grids import UnreadableSheet
from hp_portal.core.sheets.keeping import SentSheet, add_outcomes, columns_form, keep_outcomes, take_sheet
from hp_portal.core.sheets.mapping import ColumnMapping
from hp_portal.core.sheets.memory import remember_columns
from hp_portal.core.sheets.pages import columns_page, empty_sheet, sent_sheet, sheet_file, turn_to_sheet
from hp_portal.core.tax_ids.forms import TableForm
from hp_portal.core.tax_ids.tables import UnreadableTable
from hp_portal.core.tax_ids.views import KEY, READ, blueprint
from hp_portal.core.web.render import db_session, page, redirect_to, settings


@blueprint.get("/requests/many")
@access.requires(READ)
def requests_many() -> ResponseReturnValue:
    billing()
    return _table_page(TableForm(formdata=None))


def _table_page(form: TableForm, status: int = 200) -> Response:
    most = settings().access_requests_at_once
    return page("billing_access/many.html", form=form, most=most, layout=LAYOUT, status=status)


@blueprint.post("/requests/many/check")
@access.requires(READ)
def requests_check() -> ResponseReturnValue:
    """Read a table that was pasted or uploaded, and show what speaks against each row."""
    actor = billing()
    if any(name.startswith("rows-") for name in request.form):  # those that were sent are gone, the first perhaps, too
        return _checked_page(actor, RowsForm())
    form, db, most = TableForm(), db_session(), settings().access_requests_at_once
    if not form.validate_on_submit():
        return _table_page(form, 422)
    try:
        if not form.file.data:
            rows = dict(enumerate(form.rows(COLUMNS, most)))
            return _checked_page(actor, _rows_form(rows))
        sent = take_sheet(db, actor, LAYOUT, form.file.data)
        read = sent.rows(most=most)
    except (UnreadableTable, UnreadableSheet) as error:
        db.rollback()
        form.form_errors = [str(error)]
        return _table_page(form, 422)
    if sent.certain:
        return _from_file(actor, sent, sent.found.mapping, read)
    db.commit()
    return redirect_to(url_for(f"{KEY}.requests_columns", table=sent.token))


def _from_file(actor: Actor, sent: SentSheet, mapping: ColumnMapping, rows: Sequence[CheckedRow]) -> Response:
    """The rows of a file, which is kept to be given back with what became of each."""
    form = _rows_form({row.number: row.texts for row in rows})
    form.table.data = keep_outcomes(db_session(), actor, sent, {}, mapping=mapping)
    problems = {str(row.number): {one.key: one.words for one in row.problems if one.key} for row in rows}
    other = url_for(f"{KEY}.requests_columns", table=sent.token) if sent.read.others else ""
    return _checked_page(actor, form, problems, sent.notes(mapping), other)


def _rows_form(rows: Mapping[int, Mapping[str, str]]) -> RowsForm:
    """The form as if its rows had been typed, so that each is read and checked in the same way. Each is known by a number."""
    typed = MultiDict({"form": secrets.token_hex(16)})
    for place, (number, row) in enumerate(rows.items()):
        typed[f"rows-{place}-row"] = str(number)
        for column in COLUMNS:
            typed[f"rows-{place}-{column.name}"] = row.get(column.name, "")
    return RowsForm(formdata=typed, meta={"csrf": False})


def _checked_page(
    actor: Actor,
    form: RowsForm,
    problems: Mapping[str, dict[str, str]] | None = None,
    notes: Sequence[str] = (),
    other: str = "",
) -> Response:
    right = _check_rows(actor, form, problems or {})
    return _rows_page(actor, form, right, [], 200, notes, other)


def _rows_page(
    actor: Actor,
    form: RowsForm,
    right: Sequence[int],
    sent: Sequence[tuple[str, int | None]],
    status: int,
    notes: Sequence[str] = (),
    other: str = "",
) -> Response:
    """The rows that are left, each with what speaks against it, also in the file that they came from."""
    wrong = len(form.rows.entries) - len(right)
    words = {
        _number(entry): "Not sent yet: nothing speaks against it." if place in right else f"Not sent: {_said(entry)}"
        for place, entry in enumerate(form.rows.entries)
    }
    _keep_words(actor, form, words, set(words))
    status = 422 if wrong and status == 200 else status
    shown: dict[str, Any] = {
        "form": form,
        "right": len(right),
        "wrong": wrong,
        "sent": sent,
        "notes": notes,
        "other": other,
    }
    return page("billing_access/rows.html", **shown, status=status)


def _number(entry: Any) -> int:
    typed = entry.form.row.data or ""
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else 0


def _said(entry: Any) -> str:
    return " ".join(dict.fromkeys(text for texts in entry.form.errors.values() for text in texts))


def _keep_words(actor: Actor, form: RowsForm, words: Mapping[int, str], again: Collection[int]) -> None:
    """What became of rows, for the file that is given back; a table that was pasted has none."""
    if not form.table.data:
        return
    try:
        form.table.data = add_outcomes(db_session(), actor, LAYOUT, form.table.data, words, again=again)
        db_session().commit()
    except KeptGone:
        form.table.data = ""


def _start() -> str:
    return url_for(f"{KEY}.requests_many")


def _columns_page(sent: SentSheet, form: Any = None, status: int = 200) -> Response:
    trail = (
        ("Tax ID & NPI access", url_for(f"{KEY}.index")),
        ("Requests", url_for(f"{KEY}.requests_list")),
        ("Many at once", _start()),
    )
    use = url_for(f"{KEY}.requests_columns_use")
    return columns_page(sent, use=use, back=_start(), trail=trail, form=form, status=status)


@blueprint.get("/requests/many/columns")
@access.requires(READ)
def requests_columns() -> ResponseReturnValue:
    """Asks what the columns of a table are that was sent."""
    return _columns_page(sent_sheet(db_session(), billing(), LAYOUT, _start()))


@blueprint.post("/requests/many/columns/use")
@access.requires(READ)
def requests_columns_use() -> ResponseReturnValue:
    db, actor = db_session(), billing()
    sent = sent_sheet(db, actor, LAYOUT, _start())
    turn_to_sheet(db, actor, sent, url_for(f"{KEY}.requests_columns"))
    form = columns_form(sent)
    if not form.validate_on_submit():
        return _columns_page(sent, form, 422)
    mapping = form.mapping()
    remember_columns(db, actor.organization_id, LAYOUT, mapping)
    return _from_file(actor, sent, mapping, sent.rows(mapping))


@blueprint.get("/requests/many/file")
@access.requires(READ)
def requests_file() -> ResponseReturnValue:
    """The file that was sent, with what became of each row."""
    return sheet_file(db_session(), billing(), LAYOUT, _start())


@blueprint.get("/requests/many/empty/csv")
@access.requires(READ)
def requests_empty_csv() -> ResponseReturnValue:
    return empty_sheet(LAYOUT, "csv")


@blueprint.get("/requests/many/empty/xlsx")
@access.requires(READ)
def requests_empty_xlsx() -> ResponseReturnValue:
    return empty_sheet(LAYOUT, "xlsx")


def _wanted(form: RowsForm, place: int) -> Wanted:
    """A row, known by its place in the table: sent twice it asks once, and another row that asks for the same is told so."""
    entry = form.rows.entries[place]
    row = hashlib.sha256(f"{form.form.data} {entry.form.row.data or entry.name}".encode()).hexdigest()[:32]
    return cast("Wanted", entry.form.wanted(row if form.form.data else ""))


def _check_rows(actor: Actor, form: RowsForm, problems: Mapping[str, dict[str, str]] | None = None) -> list[int]:
    """Which rows nothing speaks against, by place; the others have it beside their fields."""
    if len(form.rows.entries) > settings().access_requests_at_once:
        abort(413)
    form.validate()
    for entry in form.rows.entries:
        row = entry.form
        for name, words in (problems or {}).get(row.row.data or "", {}).items():
            row[name].errors = [words]  # what it says of what Excel shows helps nobody
        if row.errors and row.asks_person():  # what else speaks against a row is said at once
            approver = Approver(
                row["name"].data or "", row.title.data or "", row.email.data or "", row.phone.data or ""
            )
            row.put(asking.check_approver(db_session(), actor, approver))
    readable = [place for place, entry in enumerate(form.rows.entries) if not entry.form.errors]
    wanted = [_wanted(form, place) for place in readable]
    right = []
    for place, result in zip(readable, asking.check(db_session(), actor, wanted), strict=True):
        form.rows.entries[place].form.put(result.problems)
        if not result.problems:
            right.append(place)
    form.count_errors()
    return right


@blueprint.post("/requests/many/send")
@access.requires(READ)
def requests_send() -> ResponseReturnValue:
    """Send the rows that nothing speaks against; the others stay on the page, as they were typed."""
    db, actor, form = db_session(), billing(), RowsForm()
    if not form.rows.entries:
        return redirect_to(url_for(f"{KEY}.requests_many"))
    right = _check_rows(actor, form)
    wanted = [_wanted(form, place) for place in right]
    try:
        results = asking.ask(db, settings(), actor, wanted)
    except TooManyToday as error:
        db.rollback()
        form.form_errors = [str(error)]
        return _rows_page(actor, form, right, [], 429)
    db.commit()
    done = {
        _number(form.rows.entries[place]): "Sent: the request is on the way."
        for place, result in zip(right, results, strict=True)
        if not result.problems
    }
    _keep_words(actor, form, done, ())
    sent = [one for one in results if not one.problems]
    if len(sent) == len(form.rows.entries):
        flash(sent_words(len(sent)), "good")
        return redirect_to(url_for(f"{KEY}.requests_list", table=form.table.data or None))
    return _left_page(actor, form, right, results, sent)


def _left_page(
    actor: Actor, form: RowsForm, right: Sequence[int], results: Sequence[Result], sent: Sequence[Result]
) -> Response:
    gone = {place for place, result in zip(right, results, strict=True) if not result.problems}
    for place, result in zip(right, results, strict=True):
        form.rows.entries[place].form.put(result.problems)
    names = [
        (result.wanted.provider or f"Tax ID ending in {result.wanted.tin[-4:]}", result.request_id) for result in sent
    ]
    form.rows.entries = [entry for place, entry in enumerate(form.rows.entries) if place not in gone]
    form.count_errors()
    return _rows_page(actor, form, (), names, 422)
