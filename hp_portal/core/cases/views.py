"""*Our cases*: the list of an office, one case, and what the office does with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from hp_portal.case_kinds import CaseKind, CaseRefused
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.attachments.attaching import CannotRemove, attached_files, remove_attached
from hp_portal.core.attachments.handing import hand_out_attached
from hp_portal.core.cases import acting, reading
from hp_portal.core.cases.files import cases_as_csv
from hp_portal.core.cases.forms import CommentForm, FilesForm, HandForm, OwnCasesForm, StepForm
from hp_portal.core.cases.kinds import kinds_for, steps_for
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.cases.office import colleagues_for
from hp_portal.core.cases.printing import BLANK, PRINTED, SIGNED, blank_kind, find_signed, is_small, signatures_of
from hp_portal.core.cases.reading import LIST, OwnFilter
from hp_portal.core.cases.telling import about_case
from hp_portal.core.documents.sheets import CSV_TYPE
from hp_portal.core.downloads.handing import hand_over
from hp_portal.core.identity.actor import Actor
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.bodies import takes_files
from hp_portal.core.web.render import db_session, page, redirect_to, settings

blueprint = Blueprint("cases", __name__, url_prefix="/cases")
MOVED = (
    "This case has been taken a step further in the meantime. Nothing of yours was sent; see below where it stands now."
)
NEEDED = "Write a message: it says what this step is about."


def _member() -> Actor:
    """Somebody of an organization: the payer's staff have pages of their own."""
    actor = the_actor()
    return abort(404) if actor.is_staff else actor


def _form() -> OwnCasesForm:
    form = OwnCasesForm(request.args)
    form.kind.choices = [SelectChoice("", "Any"), *(SelectChoice(one.key, one.label) for one in kinds_for(the_actor()))]
    return form


def _wanted(form: OwnCasesForm) -> OwnFilter:
    return OwnFilter(form.show.data, form.kind.data, form.mine.data, form.q.data or "")


@blueprint.get("/")
@access.signed_in
def own() -> ResponseReturnValue:
    actor, form = the_actor(), _form()
    if actor.is_staff:
        return redirect_to(url_for("staff.cases"))
    if not form.validate():
        return page("cases/own.html", "results", form=form, listing=None, wanted={}, status=422)
    wanted = _wanted(form)
    order = LIST.read(request.args)
    listing = reading.own_cases(db_session(), actor, wanted, order).at("cases.own", **wanted.values())
    return page("cases/own.html", "results", form=form, listing=listing, wanted=wanted.values())


@blueprint.get("/csv")
@access.signed_in
def own_csv() -> ResponseReturnValue:
    actor, form = the_actor(), _form()
    if actor.is_staff:
        return redirect_to(url_for("staff.cases"))
    if not form.validate():
        return page("cases/own.html", "results", form=form, listing=None, wanted={}, status=422)
    body = cases_as_csv(db_session(), actor, _wanted(form))
    db_session().commit()
    return attachment(body, "cases.csv", CSV_TYPE)


def _find(case_id: int) -> tuple[Actor, Case, CaseKind]:
    """A case that the person may see, or 404."""
    actor = _member()
    case, kind = reading.find_case(db_session(), actor, case_id) or abort(404)
    return actor, case, kind


def _colleagues(case: Case, kind: CaseKind) -> list[SelectChoice]:
    """To whom a case can be handed: whoever else of the office may see it."""
    found = [one for one in colleagues_for(db_session(), case, kind) if one.id != case.person_id]
    return [SelectChoice("", "Choose"), *(SelectChoice(str(one.id), one.name) for one in found)]


def _page(actor: Actor, case: Case, kind: CaseKind, status: int = 200, **more: Any) -> Response:
    db = db_session()
    given: dict[str, Any] = {
        "one": reading.own_case(db, case),
        "kind": kind,
        "entries": reading.entries_of(db, case, kind, settings().payer.short_name),
        "steps": steps_for(actor, kind, case.state),
        "rule": reading.rule_of(kind),
        "details": kind.details(db, case.id, False) if kind.details else None,
        "whom": kind.whom(db, case.id) if kind.whom else [],
        "step_form": StepForm(formdata=None),
        "comment_form": CommentForm(formdata=None),
        "signatures": signatures_of(db, case, kind).signatures,
        "files": attached_files(db, about_case(case.id)),
        "files_form": FilesForm(formdata=None),
        "hand_form": HandForm(formdata=None),
    }
    given |= more
    given["hand_form"].colleague.choices = [] if case.ended_at else _colleagues(case, kind)
    return page("cases/one.html", "files", status=status, **given)


@blueprint.get("/<id:case_id>")
@access.signed_in
def one(case_id: int) -> ResponseReturnValue:
    if the_actor().is_staff:  # who follows the link of an office
        return redirect_to(url_for("staff.cases_one", case_id=case_id))
    actor, case, kind = _find(case_id)
    shown = _page(actor, case, kind)
    reading.note_viewed(db_session(), case)
    db_session().commit()
    return shown


@blueprint.get("/<id:case_id>/print")
@access.signed_in
def print_out(case_id: int) -> ResponseReturnValue:
    """The case as PDF."""
    _, case, _ = _find(case_id)
    return hand_over(
        PRINTED,
        {"case": case.id},
        title=f"Case {show_number(case.number)}",
        small=is_small(db_session(), case),
    )


@blueprint.get("/<id:case_id>/signed/<id:signature_id>")
@access.signed_in
def signed(case_id: int, signature_id: int) -> ResponseReturnValue:
    """The case as somebody signed it, as PDF, whatever has changed since."""
    _, case, _ = _find(case_id)
    found = find_signed(db_session(), case.id, signature_id) or abort(404)
    title = f"Case {show_number(case.number)} as it was signed"
    return hand_over(SIGNED, {"case": case.id, "signature": found.id}, title=title, small=True)


@blueprint.get("/blank/<case_kind>")
@access.signed_in
def blank(case_kind: str) -> ResponseReturnValue:
    """The form that opens a case of a kind, to be filled by hand, as PDF."""
    kind = blank_kind(case_kind) or abort(404)
    return hand_over(BLANK, {"kind": kind.key}, title=f"Form: {kind.label}", small=True)


@blueprint.post("/<id:case_id>/comment")
@access.signed_in
def comment(case_id: int) -> ResponseReturnValue:
    actor, case, kind = _find(case_id)
    form = CommentForm()
    if not form.validate_on_submit():
        return _page(actor, case, kind, 422, comment_form=form)
    acting.add_comment(db_session(), actor, case.id, form.comment.data)
    db_session().commit()
    flash("Your message was sent. You find the answer here, and we tell you by e-mail.", "good")
    return redirect_to(url_for("cases.one", case_id=case.id))


@blueprint.post("/<id:case_id>/step")
@access.signed_in
def step(case_id: int) -> ResponseReturnValue:
    actor, case, kind = _find(case_id)
    form, db = StepForm(), db_session()
    if not form.is_sent():
        return _page(actor, case, kind, 422, step_form=form)
    try:
        acting.take_step(db, actor, case.id, form.step.data, seen=form.seen.data or "", words=form.words.data or "")
    except (acting.CaseMoved, acting.WordsNeeded, CaseRefused) as error:
        db.rollback()
        status = form.refuse(error, moved=MOVED, needed=NEEDED)
        actor, case, kind = _find(case_id)
        return _page(actor, case, kind, status, step_form=form)
    except LookupError:
        abort(404)
    db.commit()
    flash(f"Done. The case now stands at “{kind.state(case.state).told}”.", "good")
    return redirect_to(url_for("cases.one", case_id=case.id))


@blueprint.post("/<id:case_id>/hand")
@access.signed_in
def hand(case_id: int) -> ResponseReturnValue:
    """To a colleague, who is told."""
    actor, case, kind = _find(case_id)
    form = HandForm()
    form.colleague.choices = _colleagues(case, kind)
    if not form.validate_on_submit():
        return _page(actor, case, kind, 422, hand_form=form)
    try:
        name = acting.hand_to(db_session(), actor, case.id, int(form.colleague.data))
    except acting.NotTheirs:
        db_session().rollback()
        form.form_errors = ["This colleague cannot see the case anymore. Choose somebody else."]
        return _page(*_find(case_id), 422, hand_form=form)
    db_session().commit()
    flash(f"{name} has the case now, and is told what happens with it.", "good")
    return redirect_to(url_for("cases.one", case_id=case.id))


@blueprint.get("/<id:case_id>/files")
@access.signed_in_passive
def files(case_id: int) -> ResponseReturnValue:
    """Asked by the page itself while files are checked."""
    return _page(*_find(case_id))


@blueprint.post("/<id:case_id>/attach")
@access.signed_in
@takes_files()
def attach(case_id: int) -> ResponseReturnValue:
    actor, case, kind = _find(case_id)
    form, db = FilesForm(), db_session()
    if not form.validate_on_submit():
        return _page(actor, case, kind, 422, files_form=form)
    problems = acting.add_files(db, actor, case.id, form.files.data)
    db.commit()
    if problems:
        form.files.errors = problems
        return _page(actor, case, kind, 422, files_form=form)
    flash("Attached. Each file is checked before anybody can open it.", "good")
    return redirect_to(url_for("cases.one", case_id=case.id))


@blueprint.get("/<id:case_id>/files/<id:attached_id>")
@access.signed_in
def download(case_id: int, attached_id: int) -> ResponseReturnValue:
    _, case, _ = _find(case_id)
    return hand_out_attached(attached_id, about_case(case.id))


@blueprint.post("/<id:case_id>/files/<id:attached_id>/remove")
@access.signed_in
def remove_file(case_id: int, attached_id: int) -> ResponseReturnValue:
    """Of the files of a case those alone that went wrong: the others stay with it."""
    _, case, _ = _find(case_id)
    try:
        if not remove_attached(db_session(), attached_id, about_case(case.id)):
            abort(404)
    except CannotRemove:
        flash("The file was sent with this case, and stays with it.", "warn")
        return redirect_to(url_for("cases.one", case_id=case.id))
    db_session().commit()
    flash("The file was removed.", "good")
    return redirect_to(url_for("cases.one", case_id=case.id))
