"""The queue of cases of all applications, one case, and what staff do with it."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from hp_portal.case_kinds import CaseKind, CaseRefused
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import can, the_actor
from hp_portal.core.attachments.attaching import CannotRemove, attached_files, remove_attached
from hp_portal.core.attachments.handing import hand_out_attached
from hp_portal.core.cases import acting, linking, queue, reading
from hp_portal.core.cases import words as words
from hp_portal.core.cases.acting import WORK
from hp_portal.core.cases.figures import figures
from hp_portal.core.cases.forms import (
    AssignForm,
    CommentForm,
    FilesForm,
    ManyForm,
    NoteForm,
    OrganizationForm,
    PayeeForm,
    QueueForm,
    StepForm,
    ViewForm,
)
from hp_portal.core.cases.kinds import kinds_for, steps_for
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.printing import signatures_of
from hp_portal.core.cases.queue import QUEUE, StaffFilter
from hp_portal.core.cases.telling import about_case
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.web.bodies import takes_files
from hp_portal.core.web.formats import show_count
from hp_portal.core.web.render import db_session, page, redirect_to, settings

ID = "<id:case_id>"
_SEEN = re.compile(r"(\d{1,18}):([\w-]{1,40}):(\d{0,18})", re.ASCII)
_ID = re.compile(r"[0-9]{1,18}")
MOVED = (
    "Somebody else has taken this case a step further in the meantime. Nothing was done; see below where it stands now."
)
NEEDED = "Write a message: the provider reads it with this step."
NOT_THEIRS = "This person may not decide such cases. Choose somebody else, or have a role given to them that lets them."


def _form() -> QueueForm:
    form = QueueForm(request.args)
    form.kind.choices = [SelectChoice("", "Any"), *(SelectChoice(one.key, one.label) for one in kinds_for(the_actor()))]
    asked = request.args.get("worker", "")
    form.worker.choices = [SelectChoice("", "Anybody"), *_workers(int(asked) if _ID.fullmatch(asked) else None)]
    return form


def _workers(*also: int | None) -> list[SelectChoice]:
    return [SelectChoice(str(key), name) for key, name in queue.workers(db_session(), *also)]


def _wanted(form: QueueForm) -> StaffFilter:
    worker = int(form.worker.data) if form.worker.data else None
    return StaffFilter(form.show.data, form.kind.data, worker, form.q.data or "")


def _many_form(wanted: StaffFilter) -> ManyForm:
    form = ManyForm()
    form.deed.choices = [
        SelectChoice("", "Choose"),
        *(SelectChoice(f"step:{step.key}", step.label) for _, step in queue.steps_for_many(the_actor(), wanted)),
        *(SelectChoice(f"assign:{one.value}", f"Assign to {one.label}") for one in _workers()),
        SelectChoice("assign:", "Assign to nobody"),
    ]
    return form


def _list_page(form: QueueForm, status: int = 200, **more: Any) -> Response:
    db, actor = db_session(), the_actor()
    given: dict[str, Any] = {"form": form, "views": queue.views_of(db, actor), "view_form": ViewForm(formdata=None)}
    if not form.validate():
        return page("staff/cases.html", "results", listing=None, wanted={}, **{**given, **more}, status=422)
    wanted = _wanted(form)
    listing = queue.list_queue(db, actor, wanted, QUEUE.read(request.args)).at("staff.cases", **wanted.values())
    given |= {"place": {**_sorted(), **_page_asked()}}
    given |= {"listing": listing, "wanted": wanted.values(), "many_form": _many_form(wanted), "checked": ()}
    shown = page("staff/cases.html", "results", **{**given, **more}, status=status)
    db.commit()
    return shown


@blueprint.get("/cases")
@access.staff(WORK)
def cases() -> ResponseReturnValue:
    return _list_page(_form())


@blueprint.post("/cases/many")
@access.staff(WORK)
def cases_many() -> ResponseReturnValue:
    """Assign the cases that are checked, or take a step with each; the filters stand in the address."""
    form, db, actor = _form(), db_session(), the_actor()
    if not form.validate():
        abort(400)
    wanted = _wanted(form)
    many = _many_form(wanted)
    found = [one for text in request.form.getlist("case") if (one := _SEEN.fullmatch(text))]
    seen = [(int(one[1]), one[2]) for one in found]
    had = {int(one[1]): int(one[3]) if one[3] else None for one in found}
    checked = list(had)
    if not many.validate_on_submit() or not seen:
        if not seen:
            many.form_errors = [*many.form_errors, "Check at least one case."]
        return _list_page(form, 422, many_form=many, checked=checked)
    deed, _, what = many.deed.data.partition(":")
    if deed == "assign":
        theirs = queue.seen_cases(db, actor, checked)
        try:
            result = acting.assign(db, {key: had[key] for key in theirs}, int(what) if what else None)
        except acting.NotTheirs:
            db.rollback()
            many.form_errors = [NOT_THEIRS]
            return _list_page(form, 422, many_form=many, checked=checked)
        said = f"{show_count(result.done, 'case')} assigned."
    else:
        result = queue.step_many(db, actor, seen, what, many.words.data or "")
        said = f"Done with {show_count(result.done, 'case')}."
    db.commit()
    flash(said, "good" if result.done else "info")
    for number, why in result.not_done:
        flash(f"Not done: case {number}. {why}", "warn")
    return redirect_to(url_for("staff.cases", **wanted.values(), **_sorted()))


def _page_asked() -> dict[str, Any]:
    return {"page": request.args["page"]} if "page" in request.args else {}


def _sorted() -> dict[str, Any]:
    """How the queue is sorted, for an address."""
    return {"sort": request.args["sort"]} if "sort" in request.args else {}


@blueprint.post("/cases/views")
@access.staff(WORK)
def cases_views() -> ResponseReturnValue:
    """Save the filter that stands in the address."""
    form, named, db = _form(), ViewForm(), db_session()
    if not form.validate():
        abort(400)
    if not named.validate_on_submit():
        return _list_page(form, 422, view_form=named)
    wanted = _wanted(form)
    try:
        queue.save_view(db, the_actor(), named.name.data, wanted)
    except queue.TooManyViews:
        db.rollback()
        named.form_errors = [f"There can be {queue.MOST_VIEWS} saved filters. Remove one first."]
        return _list_page(form, 422, view_form=named)
    db.commit()
    flash(f"The filter is saved as {named.name.data}.", "good")
    return redirect_to(url_for("staff.cases", **wanted.values()))


@blueprint.post("/cases/views/<id:case_view_id>/remove")
@access.staff(WORK)
def cases_views_remove(case_view_id: int) -> ResponseReturnValue:
    if not queue.remove_view(db_session(), the_actor(), case_view_id):
        abort(404)
    db_session().commit()
    flash("The saved filter was removed.", "good")
    return redirect_to(url_for("staff.cases"))


@blueprint.get("/cases/figures")
@access.staff(WORK)
def cases_figures() -> ResponseReturnValue:
    shown = page("staff/case_figures.html", figures=figures(db_session(), the_actor()))
    db_session().commit()
    return shown


def find_for_staff(case_id: int) -> tuple[Case, CaseKind]:
    """A case that the person may decide, or 404."""
    return reading.find_case(db_session(), the_actor(), case_id) or abort(404)


def show_case(case: Case, kind: CaseKind, status: int = 200, **more: Any) -> Response:
    db, actor = db_session(), the_actor()
    who = str(case.assigned_to_id or "")
    assigned = AssignForm(formdata=None, worker=who, was=who)
    given: dict[str, Any] = {
        "one": queue.one_case(db, case),
        "kind": kind,
        "entries": reading.entries_of(db, case, kind, settings().payer.short_name),
        "notes": queue.notes_of(db, case),
        "steps": steps_for(actor, kind, case.state),
        "rule": reading.rule_of(kind),
        "details": kind.details(db, case.id, True) if kind.details else None,
        "organization_id": case.organization_id if can("staff:people:search") else None,
        "queue": _kept_filters(),
        "due": {"due": request.args["due"]} if "due" in request.args else {},
        "read": case.asked_at.isoformat() if case.asked_at else "",
        "step_form": StepForm(formdata=None),
        "comment_form": CommentForm(formdata=None),
        "note_form": NoteForm(formdata=None),
        "assign_form": assigned,
        "signatures": signatures_of(db, case, kind).signatures,
        "files": attached_files(db, about_case(case.id)),
        "files_form": FilesForm(formdata=None),
        "linked": linking.linked(db, case, kind),
        "payee_form": PayeeForm(formdata=None),
        "organization_form": OrganizationForm(formdata=None, organization=str(case.organization_id or "")),
    }
    given |= more
    if given["linked"]:
        given["organization_form"].organization.choices = organization_choices(case, kind)
    given["assign_form"].worker.choices = [SelectChoice("", "Nobody"), *_workers(case.assigned_to_id)]
    return page("staff/case.html", "files", status=status, **given)


def organization_choices(case: Case, kind: CaseKind) -> list[SelectChoice]:
    """The organizations that a case of somebody without an account can be given to."""
    found = linking.linked(db_session(), case, kind)
    return [
        SelectChoice("", "None"),
        *(SelectChoice(str(key), name) for key, name in (found.organizations if found else ())),
    ]


def back_to(case: Case, due_on: dt.date | None = None) -> Response:
    """To the case; `due_on` is when it was due before, by which the next one is found."""
    due: dict[str, Any] = {"due": due_on.isoformat()} if due_on else {}
    return redirect_to(url_for("staff.cases_one", case_id=case.id, **_kept_filters(), **due))


def _kept_filters() -> dict[str, Any]:
    return _wanted(form).values() if (form := _form()).validate() else {}


@blueprint.get(f"/cases/{ID}")
@access.staff(WORK)
def cases_one(case_id: int) -> ResponseReturnValue:
    case, kind = find_for_staff(case_id)
    shown = show_case(case, kind)
    reading.note_viewed(db_session(), case)
    db_session().commit()
    return shown


@blueprint.get(f"/cases/{ID}/next")
@access.staff(WORK)
def cases_next(case_id: int) -> ResponseReturnValue:
    """The case that follows in the queue as it is filtered."""
    case, _ = find_for_staff(case_id)
    form = _form()
    if not form.validate():
        abort(400)
    wanted = _wanted(form)
    try:
        due_on = dt.date.fromisoformat(request.args.get("due", ""))
    except ValueError:
        due_on = None
    found = queue.next_case(db_session(), the_actor(), case, wanted, due_on)
    if found is None:
        flash("There is no other case in this queue.", "info")
        return redirect_to(url_for("staff.cases", **wanted.values()))
    return redirect_to(url_for("staff.cases_one", case_id=found, **wanted.values()))


@blueprint.post(f"/cases/{ID}/step")
@access.staff(WORK)
def cases_step(case_id: int) -> ResponseReturnValue:
    case, kind = find_for_staff(case_id)
    form, db = StepForm(), db_session()
    if not form.is_sent():
        return show_case(case, kind, 422, step_form=form)
    due_on = case.due_on
    try:
        acting.take_step(
            db,
            the_actor(),
            case_id,
            form.step.data,
            seen=form.seen.data or "",
            words=form.words.data or "",
            read=form.read.data or "",
        )
    except (acting.CaseMoved, acting.WordsNeeded, CaseRefused) as error:
        db.rollback()
        status = form.refuse(error, moved=MOVED, needed=NEEDED)
        return show_case(*find_for_staff(case_id), status, step_form=form)
    except LookupError:
        abort(404)
    db.commit()
    flash("Done. The provider is told.", "good")
    return back_to(case, due_on)


@blueprint.post(f"/cases/{ID}/comment")
@access.staff(WORK)
def cases_comment(case_id: int) -> ResponseReturnValue:
    case, kind = find_for_staff(case_id)
    form = CommentForm()
    if not form.validate_on_submit():
        return show_case(case, kind, 422, comment_form=form)
    acting.add_comment(db_session(), the_actor(), case_id, form.comment.data, form.read.data or "")
    db_session().commit()
    flash("The provider is told that you have written.", "good")
    return back_to(case)


@blueprint.get(f"/cases/{ID}/files")
@access.staff(WORK, passive=True)
def cases_files(case_id: int) -> ResponseReturnValue:
    """Asked by the page itself while files are checked."""
    return show_case(*find_for_staff(case_id))


@blueprint.post(f"/cases/{ID}/attach")
@access.staff(WORK)
@takes_files()
def cases_attach(case_id: int) -> ResponseReturnValue:
    case, kind = find_for_staff(case_id)
    form, db = FilesForm(), db_session()
    if not form.validate_on_submit():
        return show_case(case, kind, 422, files_form=form)
    problems = acting.add_files(db, the_actor(), case_id, form.files.data, form.read.data or "")
    db.commit()
    if problems:
        form.files.errors = problems
        return show_case(case, kind, 422, files_form=form)
    flash("Attached. The provider can open each file once it is checked.", "good")
    return back_to(case)


@blueprint.get(f"/cases/{ID}/files/<id:attached_id>")
@access.staff(WORK)
def cases_download(case_id: int, attached_id: int) -> ResponseReturnValue:
    case, _ = find_for_staff(case_id)
    return hand_out_attached(attached_id, about_case(case.id))


@blueprint.post(f"/cases/{ID}/files/<id:attached_id>/remove")
@access.staff(WORK)
def cases_remove_file(case_id: int, attached_id: int) -> ResponseReturnValue:
    case, _ = find_for_staff(case_id)
    try:
        if not remove_attached(db_session(), attached_id, about_case(case.id)):
            abort(404)
    except CannotRemove:
        flash("The file belongs to this case, and stays with it.", "warn")
        return back_to(case)
    db_session().commit()
    flash("The file was removed.", "good")
    return back_to(case)


@blueprint.post(f"/cases/{ID}/note")
@access.staff(WORK)
def cases_note(case_id: int) -> ResponseReturnValue:
    case, kind = find_for_staff(case_id)
    form = NoteForm()
    if not form.validate_on_submit():
        return show_case(case, kind, 422, note_form=form)
    acting.add_note(db_session(), case_id, form.note.data)
    db_session().commit()
    flash("The note was added. Providers do not see it.", "good")
    return back_to(case)


@blueprint.post(f"/cases/{ID}/assign")
@access.staff(WORK)
def cases_assign(case_id: int) -> ResponseReturnValue:
    case, kind = find_for_staff(case_id)
    form, db = AssignForm(), db_session()
    form.worker.choices = [SelectChoice("", "Nobody"), *_workers(case.assigned_to_id)]
    if not form.validate_on_submit():
        return show_case(case, kind, 422, assign_form=form)
    was = int(form.was.data) if _ID.fullmatch(form.was.data or "") else None
    try:
        result = acting.assign(db, {case_id: was}, int(form.worker.data) if form.worker.data else None)
    except acting.NotTheirs:
        db.rollback()
        form.form_errors = [NOT_THEIRS]
        return show_case(*find_for_staff(case_id), 422, assign_form=form)
    db.commit()
    for _, why in result.not_done:
        flash(f"Nothing was done. {why}", "warn")
    if not result.not_done:
        flash("Assigned.", "good")
    return back_to(case)


@blueprint.post(f"/cases/{ID}/read")
@access.staff(WORK)
def cases_read(case_id: int) -> ResponseReturnValue:
    """The provider's message is read, and nothing is to be answered."""
    case, _ = find_for_staff(case_id)
    done = acting.mark_read(db_session(), case_id, request.form.get("asked_at", ""))
    db_session().commit()
    flash("Marked as read." if done else "There is a newer message. Read it below.", "good" if done else "warn")
    return back_to(case)
