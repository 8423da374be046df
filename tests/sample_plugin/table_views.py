"""Many notes at once, from a table: what was found in it first, then those that are right are taken."""

from __future__ import annotations

from flask import Response, abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from hp_portal.api import access, db_session, page, page_number, read_day, redirect_to, sheets, the_actor

from .blueprints import blueprint
from .notes import write_note

READ = "sample:note:read"
MOST = 500


def _short(text: str) -> str:
    if len(text) > 200:
        raise ValueError("Use 200 characters at most.")
    return text


NOTES = sheets.SheetLayout(
    "sample notes",
    "Notes",
    (
        sheets.SheetColumn(
            "text", "Note", ("Text", "Remark"), required=True, parse=_short, about="At most 200 characters"
        ),
        sheets.SheetColumn("day", "Written on", ("Date",), parse=read_day, kind="day", example="3/2/2026"),
    ),
    unique=("text",),
)


class TableForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    file = sheets.SheetField("Your table", required="Choose the file with your notes.")


def _start() -> str:
    return url_for("sample.table")


def _page(form: TableForm, status: int = 200) -> Response:
    return page("sample/table.html", form=form, layout=NOTES, status=status)


@blueprint.get("/table")
@access.requires(READ)
def table() -> ResponseReturnValue:
    return _page(TableForm(formdata=None))


@blueprint.get("/table/empty")
@access.requires(READ)
def table_empty() -> ResponseReturnValue:
    return sheets.empty_sheet(NOTES, "xlsx")


@blueprint.post("/table/send")
@access.requires(READ)
def table_send() -> ResponseReturnValue:
    form, db = TableForm(), db_session()
    if not form.validate_on_submit():
        return _page(form, 422)
    try:
        sent = sheets.take_sheet(db, the_actor(), NOTES, form.file.data)
        sent.rows(most=MOST)
    except sheets.UnreadableSheet as error:
        form.form_errors = [str(error)]
        return _page(form, 422)
    db.commit()
    return redirect_to(url_for("sample.table_found" if sent.certain else "sample.table_columns", table=sent.token))


def _sent() -> sheets.SentSheet:
    return sheets.sent_sheet(db_session(), the_actor(), NOTES, _start())


@blueprint.get("/table/columns")
@access.requires(READ)
def table_columns() -> ResponseReturnValue:
    return sheets.columns_page(_sent(), use=url_for("sample.table_columns_use"), back=_start())


@blueprint.post("/table/columns/use")
@access.requires(READ)
def table_columns_use() -> ResponseReturnValue:
    sent, db = _sent(), db_session()
    sheets.turn_to_sheet(db, the_actor(), sent, url_for("sample.table_columns"))
    form = sheets.columns_form(sent)
    if not form.validate_on_submit():
        use = url_for("sample.table_columns_use")
        return sheets.columns_page(sent, use=use, back=_start(), form=form, status=422)
    sheets.remember_columns(db, the_actor().organization_id, NOTES, form.mapping())
    db.commit()
    return redirect_to(url_for("sample.table_found", table=sent.token))


@blueprint.get("/table/found")
@access.requires(READ)
def table_found() -> ResponseReturnValue:
    """What would be taken, before anything is."""
    sent = _sent()
    rows = sent.rows(most=MOST)
    problems = [one for row in rows for one in row.problems]
    listing = sheets.problem_page(problems, page_number(request.args)).at("sample.table_found", table=sent.token)
    good = sum(row.good for row in rows)
    counts = (("Can be taken", good), ("With problems", len(rows) - good))
    return page("sample/table_found.html", "problems", sent=sent, listing=listing, counts=counts)


@blueprint.post("/table/take")
@access.requires(READ)
def table_take() -> ResponseReturnValue:
    """Take the rows that are right; the others come back in the file."""
    db, sent, actor = db_session(), _sent(), the_actor()
    rows, words = sent.rows(most=MOST), {}
    for row in rows:
        if row.good:
            write_note(db, actor.organization_id or abort(403), row.values["text"])
        words[row.number] = "Taken." if row.good else f"Not taken: {row.words}"
    left = [row.number for row in rows if not row.good]
    done = sheets.keep_outcomes(db, actor, sent, words, again=left)
    db.commit()
    return page(
        "sample/table_found.html", sent=sent, done=done, listing=None, counts=(("Taken", len(rows) - len(left)),)
    )


@blueprint.get("/table/file")
@access.requires(READ)
def table_file() -> ResponseReturnValue:
    return sheets.sheet_file(db_session(), the_actor(), NOTES, _start())
