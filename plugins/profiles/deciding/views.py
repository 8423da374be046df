"""The staff's page of a change: side by side, decided line by line, and taken back."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from hp_portal.api import (
    Case,
    CaseKind,
    CaseRefused,
    PortalSession,
    access,
    cases,
    db_session,
    one_line,
    page,
    page_number,
    redirect_to,
    several_lines,
)

from ..blueprint import WORK, staff_blueprint
from ..proposing.at_once import payer_is_master
from ..proposing.proposals import proposal_of
from ..proposing.settling import open_lines
from ..proposing.shown import LINES, SHOWN, listed_lines
from .clocks import clocks
from .deciding import AppliedChange, Decision, Undecided, applied_changes, compare, decide, same_of, take_back
from .models import WAITING
from .registry import registry_lines
from .whole import ask_for_all, asked_for

_LINE = re.compile(r"[0-9]{1,6}", re.ASCII)
_ID = "<id:case_id>"
LONGEST = 400
NAMED = 8
MOVED = "Somebody else has decided this case in the meantime. Nothing was done; see below what has become of each line."

APPLYING = "All lines are being applied. Wait until that is done, and see what is left."
TABS = {"open": "Not decided", "moved": "Changed meanwhile", "all": "All lines"}
GONE = "This has been taken back already, or is no change of this case. See below what has become of each line."


class DecideForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """How the case and the record stood, the lines on the page (none: all of them), a message, and a reason for every line that
    has none of its own."""

    form_errors: list[str]
    seen = HiddenField()
    stand = HiddenField()
    shown = HiddenField()
    why = StringField("Why the other lines are not applied", [Length(max=LONGEST)], filters=[one_line])
    words = TextAreaField("Message", [Length(max=4000)], filters=[several_lines], render_kw={"rows": 3})


class UndoForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which change is taken back, and why."""

    form_errors: list[str]
    change = RadioField("What is taken back", [InputRequired("Choose what is taken back.")], choices=[])
    reason = StringField(
        "Why it is taken back",
        [DataRequired("Say why: the provider reads it."), Length(max=LONGEST)],
        filters=[one_line],
    )


def _found(case_id: int) -> tuple[Case, CaseKind]:
    return cases.find_for_staff(db_session(), case_id) or abort(404)


def _undo_form(applied: list[AppliedChange], *, sent: bool) -> UndoForm:
    form = UndoForm() if sent else UndoForm(formdata=None, change=str(applied[0].id) if len(applied) == 1 else None)
    form.change.choices = [SelectChoice(str(one.id), _in_short(one.lines)) for one in applied]
    return form


def _in_short(lines: list[str]) -> str:
    more = len(lines) - NAMED
    return "; ".join(lines) if more <= 1 else f"{'; '.join(lines[:NAMED])}; and {more:,} more lines"


def _page(case_id: int, status: int = 200, **more: Any) -> Response:
    case, kind = _found(case_id)
    same = same_of(request.values.to_dict())
    found = compare(db_session(), case.id, same) or abort(404)
    change, asked = found.change, asked_for(db_session(), case.id)
    applying = asked is not None and asked.state == WAITING
    open_now = [line for line in change.lines if not line.outcome]
    several = len(change.lines) > LINES
    show = request.values.get("show", "")
    show = show if show in SHOWN else "open" if several and open_now else "all"
    groups, listing = listed_lines(change, show, page_number(request.values))
    there: dict[str, Any] = {f"same{-wanted}": value for wanted, value in same.items()}
    given: dict[str, Any] = {
        "form": DecideForm(formdata=None),
        "undo_form": _undo_form(found.applied, sent=False),
        "chosen": [line.line for line in listing.rows if not line.moved],
        "reasons": {},
    }
    step = kind.step("decide")
    shown = page(
        "profiles/staff/change.html",
        case=case,
        state=kind.state(case.state),
        may_decide=step is not None and case.state in step.sources and not applying,
        asked=asked,
        change=change,
        several=several,
        show=show,
        groups=groups,
        listing=listing.at("profiles_staff.change", case_id=case.id, show=show, **there),
        tabs=[
            {
                "label": label,
                "url": url_for("profiles_staff.change", case_id=case.id, show=key, **there),
                "current": key == show,
            }
            for key, label in TABS.items()
        ],
        open_now=open_now,
        shown=",".join(str(line.line) for line in listing.rows if not line.outcome),
        questions=found.questions,
        applied=found.applied,
        registry=registry_lines(db_session(), case.id),
        same=same,
        payer_is_master=payer_is_master(),
        status=status,
        **{**given, **more},
    )
    db_session().commit()
    return shown


@staff_blueprint.get(f"/changes/{_ID}")
@access.staff(WORK)
def change(case_id: int) -> ResponseReturnValue:
    return _page(case_id)


@staff_blueprint.post(f"/changes/{_ID}/decide")
@access.staff(WORK)
def decide_change(case_id: int) -> ResponseReturnValue:
    case, _ = _found(case_id)
    form, db = DecideForm(), db_session()
    if proposal_of(db, case.id) is None:
        abort(404)
    typed = {
        name.removeprefix("why-"): one_line(text) or "" for name, text in request.form.items() if name[:4] == "why-"
    }
    reasons = {int(line): text for line, text in typed.items() if _LINE.fullmatch(line)}
    chosen = [int(one) for one in request.form.getlist("line") if _LINE.fullmatch(one)]
    kept = {"form": form, "chosen": chosen, "reasons": reasons}
    if not form.validate_on_submit() or any(len(text) > LONGEST for text in reasons.values()):
        form.form_errors = [
            *form.form_errors,
            *([] if form.errors else [f"Give reasons of at most {LONGEST} characters."]),
        ]
        return _page(case_id, 422, **kept)
    on_page = {int(one) for one in (form.shown.data or "").split(",") if _LINE.fullmatch(one)}
    lines = [line for line in open_lines(db, case_id) if not on_page or line in on_page]
    decision = Decision(
        lines,
        [line for line in chosen if line in lines],
        {line: reasons.get(line) or form.why.data or "" for line in lines},
        same_of(request.form.to_dict()),
        form.seen.data or "",
        form.stand.data or "",
        form.words.data or "",
    )
    try:
        _check_idle(db, case_id)
        said = decide(db, case_id, decision)
    except cases.CaseMoved:
        db.rollback()
        form.form_errors = [MOVED]
        return _page(case_id, 409, **kept)
    except (Undecided, CaseRefused) as error:
        db.rollback()
        form.form_errors = [str(error)]
        return _page(case_id, 409 if isinstance(error, Undecided) and error.moved else 422, **kept)
    db.commit()
    flash(said, "good")
    left = open_lines(db, case_id)
    return redirect_to(
        url_for("profiles_staff.change", case_id=case_id) if left else url_for("staff.cases_one", case_id=case_id)
    )


def _check_idle(db: PortalSession, case_id: int) -> None:
    asked = asked_for(db, case_id)
    if asked is not None and asked.state == WAITING:
        raise Undecided(APPLYING, moved=True)


@staff_blueprint.post(f"/changes/{_ID}/all")
@access.staff(WORK)
def apply_whole_change(case_id: int) -> ResponseReturnValue:
    case, _ = _found(case_id)
    form, db = DecideForm(), db_session()
    if proposal_of(db, case.id) is None:
        abort(404)
    if not form.validate_on_submit():
        return _page(case_id, 422, form=form)
    try:
        ask_for_all(db, case_id, form.seen.data or "")
    except cases.CaseMoved:
        db.rollback()
        form.form_errors = [MOVED]
        return _page(case_id, 409, form=form)
    except (Undecided, CaseRefused) as error:
        db.rollback()
        form.form_errors = [str(error)]
        return _page(case_id, 409, form=form)
    db.commit()
    return redirect_to(url_for("profiles_staff.change", case_id=case_id))


@staff_blueprint.get(f"/changes/{_ID}/state")
@access.staff(WORK, passive=True)
def change_state(case_id: int) -> ResponseReturnValue:
    case, _ = _found(case_id)
    asked = asked_for(db_session(), case.id) or abort(404)
    return page("profiles/staff/applying.html", "state", case=case, asked=asked)


@staff_blueprint.post(f"/changes/{_ID}/undo")
@access.staff(WORK)
def undo_change(case_id: int) -> ResponseReturnValue:
    case, _ = _found(case_id)
    db = db_session()
    applied = applied_changes(db, case.id)
    form, asked = _undo_form(applied, sent=True), request.form.get("change", "")
    if not applied or (asked and asked not in [str(one.id) for one in applied]):
        form = _undo_form(applied, sent=False)
        form.reason.data = request.form.get("reason", "")[:LONGEST]
        form.form_errors = [GONE]
        return _page(case_id, 409, undo_form=form)
    if not form.validate_on_submit():
        return _page(case_id, 422, undo_form=form)
    try:
        take_back(db, case_id, int(form.change.data), form.reason.data)
    except Undecided as error:
        db.rollback()
        form.form_errors = [str(error)]
        return _page(case_id, 409 if error.moved else 422, undo_form=form)
    db.commit()
    flash("It was taken back. The provider is told.", "good")
    return redirect_to(url_for("staff.cases_one", case_id=case_id))


@staff_blueprint.get("/clocks")
@access.staff(WORK)
def clocks_page() -> ResponseReturnValue:
    shown = page("profiles/staff/clocks.html", clocks=clocks(db_session()))
    db_session().commit()
    return shown
