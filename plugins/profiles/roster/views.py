"""The pages of a roster: down, up, what would change, and sent."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import (
    FileTooLarge,
    access,
    db_session,
    hand_over,
    page,
    page_number,
    redirect_to,
    settings,
    sheets,
    takes_files,
    the_actor,
    today,
)

from ..blueprint import READ, SEND, blueprint
from ..loading.specialties import specialty_words
from ..proposing.proposals import NotTheirs
from .downloads import CSV, PROBLEMS, SMALL, XLSX, problem_title
from .forms import RosterForm, RowsForm
from .layout import make_layout
from .models import COLUMNS, FAILED, OUTCOMES, READY, SENT, RosterUpload
from .sending import NothingChosen, send_roster
from .uploads import (
    LARGEST,
    RosterMoved,
    choose,
    choose_all,
    compare_again,
    count_rows,
    find_upload,
    give_up,
    is_small,
    list_rows,
    own_uploads,
    receive,
    unknown_places,
)

MOVED = "The roster has been sent, given up or compared anew meanwhile. This is how it stands now."
TOO_LARGE = "The file is larger than a roster may be. Split it, or save it as an Excel workbook with the roster alone."
NO_ROWS = "Choose at least one row to send."
NO_LONGER = (
    "Something in this roster is no longer yours by our record. Have it compared again, and look at what becomes of it."
)


def _layout() -> sheets.SheetLayout:
    return make_layout(specialty_words(db_session()))


def _start(form: RosterForm, status: int = 200) -> Response:
    uploads = own_uploads(db_session())
    return page("profiles/roster/index.html", form=form, layout=_layout(), uploads=uploads, status=status)


@blueprint.get("/roster")
@access.requires(READ)
def roster() -> ResponseReturnValue:
    return _start(RosterForm(formdata=None, effective_on=today(settings().payer.zone)))


@blueprint.get("/roster/download/xlsx")
@access.requires(READ)
def roster_xlsx() -> ResponseReturnValue:
    return hand_over(XLSX, {}, title="Roster as Excel workbook", small=is_small(db_session(), SMALL))


@blueprint.get("/roster/download/csv")
@access.requires(READ)
def roster_csv() -> ResponseReturnValue:
    return hand_over(CSV, {}, title="Roster as CSV file", small=is_small(db_session(), SMALL))


@blueprint.post("/roster/send")
@access.requires(SEND)
@takes_files(LARGEST)
def roster_send() -> ResponseReturnValue:
    form, db = RosterForm(), db_session()
    if not form.validate_on_submit():
        return _start(form, 422)
    sent, effective_on = form.file.data, form.effective_on.data or today(settings().payer.zone)
    try:
        sheets.check_start(sent.stream)
        upload = receive(
            db, sent.stream, sent.filename or "roster", the_actor(), effective_on, form.complete_on.data or None
        )
    except sheets.UnreadableSheet as error:
        form.file.errors = [str(error)]
        return _start(form, 422)
    except FileTooLarge:
        db.rollback()
        form.form_errors = [TOO_LARGE]
        return _start(form, 422)
    db.commit()
    return redirect_to(url_for("profiles.roster_one", roster_id=upload.id))


def _find(roster_id: int) -> RosterUpload:
    return find_upload(db_session(), roster_id) or abort(404)


def _values(upload: RosterUpload) -> dict[str, Any]:
    """What the page of a roster shows."""
    form = RowsForm(formdata=request.args)
    show = form.show.data or "" if form.validate() else ""
    shown: dict[str, Any] = {"upload": upload, "form": form, "show": show, "outcomes": OUTCOMES}
    if upload.state in (READY, SENT):
        db = db_session()
        listing = list_rows(db, upload.id, show, page_number(request.args))
        shown["listing"] = listing.at("profiles.roster_one", roster_id=upload.id, show=show or None)
        counts = shown["counts"] = count_rows(db, upload.id)
        shown["unknown"] = unknown_places(db, upload.id)
        shown["told"] = [(label, f"{counts[key]:,}") for key, label in OUTCOMES.items()]
    return shown


@blueprint.get("/roster/<id:roster_id>")
@access.requires(READ)
def roster_one(roster_id: int) -> ResponseReturnValue:
    return page("profiles/roster/one.html", "rows", **_values(_find(roster_id)))


@blueprint.get("/roster/<id:roster_id>/state")
@access.requires(READ, passive=True)
def roster_state(roster_id: int) -> ResponseReturnValue:
    return page("profiles/roster/one.html", "state", **_values(_find(roster_id)))


def _sent_table() -> sheets.SentSheet:
    return sheets.sent_sheet(db_session(), the_actor(), _layout(), url_for("profiles.roster"))


@blueprint.get("/roster/<id:roster_id>/columns")
@access.requires(SEND)
def roster_columns(roster_id: int) -> ResponseReturnValue:
    upload = _find(roster_id)
    back = url_for("profiles.roster_one", roster_id=roster_id)
    if not upload.table or upload.state not in (COLUMNS, READY, FAILED):
        return redirect_to(back)
    if request.args.get("table") != upload.table:
        return redirect_to(url_for("profiles.roster_columns", roster_id=roster_id, table=upload.table))
    use = url_for("profiles.roster_columns_use", roster_id=roster_id)
    return sheets.columns_page(_sent_table(), use=use, back=back)


@blueprint.post("/roster/<id:roster_id>/columns/use")
@access.requires(SEND)
def roster_columns_use(roster_id: int) -> ResponseReturnValue:
    _find(roster_id)
    db, sent = db_session(), _sent_table()
    if sheet := sheets.chosen_sheet(sent):
        return _done(roster_id, lambda: compare_again(db, roster_id, sheet))
    form = sheets.columns_form(sent)
    back = url_for("profiles.roster_one", roster_id=roster_id)
    if not form.validate_on_submit():
        use = url_for("profiles.roster_columns_use", roster_id=roster_id)
        return sheets.columns_page(sent, use=use, back=back, form=form, status=422)
    sheets.remember_columns(db, the_actor().organization_id, sent.layout, form.mapping())
    return _done(roster_id, lambda: compare_again(db, roster_id, sent.read.sheet))


def _done(roster_id: int, deed: Any, **values: Any) -> ResponseReturnValue:
    """Do something with a roster, and show it as it stands then."""
    db = db_session()
    try:
        deed()
        db.commit()
    except RosterMoved:
        db.rollback()
        flash(MOVED, "warn")
        if find_upload(db, roster_id) is None:
            return redirect_to(url_for("profiles.roster"))
    return redirect_to(url_for("profiles.roster_one", roster_id=roster_id, **values))


@blueprint.post("/roster/<id:roster_id>/again")
@access.requires(SEND)
def roster_again(roster_id: int) -> ResponseReturnValue:
    _find(roster_id)
    return _done(roster_id, lambda: compare_again(db_session(), roster_id))


@blueprint.post("/roster/<id:roster_id>/choose")
@access.requires(SEND)
def roster_choose(roster_id: int) -> ResponseReturnValue:
    """Which of the rows of a page are sent, or which of all of an outcome."""
    _find(roster_id)
    db, form = db_session(), request.form
    back = {"show": form.get("show") or None, "page": form.get("page") or None}
    if "all" in form or "none" in form:
        outcome = form.get("all", form.get("none", ""))
        if outcome and outcome not in OUTCOMES:
            abort(400)
        return _done(roster_id, lambda: choose_all(db, roster_id, outcome, "all" in form), **back)
    shown, ticked = (
        [int(one) for one in form.getlist(name) if one.isascii() and one.isdecimal() and len(one) < 19]
        for name in ("shown", "row")
    )
    return _done(roster_id, lambda: choose(db, roster_id, shown, ticked), **back)


@blueprint.post("/roster/<id:roster_id>/propose")
@access.requires(SEND)
def roster_propose(roster_id: int) -> ResponseReturnValue:
    _find(roster_id)
    db = db_session()
    try:
        case = send_roster(db, roster_id)
    except (RosterMoved, NothingChosen, NotTheirs) as error:
        db.rollback()
        words = {RosterMoved: MOVED, NothingChosen: NO_ROWS, NotTheirs: NO_LONGER}
        flash(words[type(error)], "warn")
        return redirect_to(url_for("profiles.roster_one", roster_id=roster_id))
    db.commit()
    return redirect_to(url_for("cases.one", case_id=case.id))


@blueprint.post("/roster/<id:roster_id>/give-up")
@access.requires(SEND)
def roster_give_up(roster_id: int) -> ResponseReturnValue:
    _find(roster_id)
    db = db_session()
    try:
        give_up(db, roster_id)
    except RosterMoved:
        db.rollback()
        flash(MOVED, "warn")
        return redirect_to(url_for("profiles.roster_one", roster_id=roster_id))
    db.commit()
    flash("The roster was given up. Nothing of it was sent.", "good")
    return redirect_to(url_for("profiles.roster"))


@blueprint.get("/roster/<id:roster_id>/problems")
@access.requires(SEND)
def roster_problems(roster_id: int) -> ResponseReturnValue:
    upload, counts = _find(roster_id), count_rows(db_session(), roster_id)
    wrong = counts["problem"] + counts["contradictory"]
    if not wrong or upload.state not in (READY, SENT):
        abort(404)
    return hand_over(PROBLEMS, {"roster": roster_id}, title=problem_title(wrong), small=upload.total <= SMALL)
