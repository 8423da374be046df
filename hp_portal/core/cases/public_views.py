"""Cases of people who have no account: the confirmation of their form, where a case stands, and its page behind a mailed link.

What somebody typed who sends a form is read by nobody before the button behind the e-mail's link is pressed. Whoever knows number
and e-mail address of a case learns where it stands; everything else is shown to the browser that has opened a link in a mail to
the confirmed address.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.case_kinds import CaseKind, CaseRefused
from hp_portal.core.access import rules as access
from hp_portal.core.attachments.attaching import CannotRemove, attached_files, remove_attached
from hp_portal.core.attachments.handing import hand_out_attached
from hp_portal.core.audit.record import Who, get_who, set_who
from hp_portal.core.cases import acting, public_asking, public_status, reading
from hp_portal.core.cases.forms import CommentForm, FilesForm, LookForm, StepForm
from hp_portal.core.cases.kinds import find_kind, steps_for
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import read_number
from hp_portal.core.cases.public_asking import FormGone
from hp_portal.core.cases.public_status import PassGone
from hp_portal.core.cases.submitters import Contact
from hp_portal.core.cases.telling import about_case
from hp_portal.core.cases.views import MOVED, NEEDED
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.web.bodies import let_send, takes_files
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import counted_address

blueprint = Blueprint("case_status", __name__, url_prefix="/case-status")
FORM_LINK, CASE_LINK = "case_form", "case_link"
PUBLIC = "a case of somebody without an account"
NOT_FOUND = (
    "We have no case with this number that was sent with this e-mail address. Check both: they are in the message "
    "that we sent when the case was opened."
)
OFTEN = "Too many cases were looked for here. Wait {wait}, then try again."
LINKS_OFTEN = "We have already sent several links. Wait {wait}, and look in your spam folder in the meantime."
FILES_OFTEN = "So many files have come in that no more are taken for now. Wait {wait}, or ask us how else to send them."


@blueprint.before_request
def without_account() -> None:
    """Who acts here is whoever reads the mailbox, also where somebody is signed in."""
    who = get_who(db_session())
    set_who(db_session(), Who(request_id=who.request_id, address=who.address))


# The form, until it is a case.


def _form_gone() -> Response:
    db_session().rollback()
    return page("case_status/form_gone.html", status=410)


@blueprint.get("/sent")
@access.public
def sent() -> ResponseReturnValue:
    """The same for everybody who has sent a form: look into your mailbox."""
    return page("case_status/sent.html")


@blueprint.get("/confirm/<token>")
@access.public
def follow_form(token: str) -> ResponseReturnValue:
    """Take the token out of the address. Mail scanners come here, too: nothing is confirmed yet."""
    session[FORM_LINK] = token[:200]
    return redirect_to(url_for("case_status.confirm"))


@blueprint.get("/confirm")
@access.public
def confirm() -> ResponseReturnValue:
    """What was typed: somebody else may have typed it with this address."""
    try:
        found = public_asking.find_form(db_session(), session.get(FORM_LINK, ""))
    except FormGone:
        return _form_gone()
    return page("case_status/confirm.html", found=found, lines=found.public.shown(found.values))


@blueprint.post("/confirm")
@access.public
def confirm_post() -> ResponseReturnValue:
    try:
        _, session[CASE_LINK] = public_asking.confirm_form(db_session(), session.get(FORM_LINK, ""))
    except FormGone:
        return _form_gone()
    db_session().commit()
    session.pop(FORM_LINK, None)
    flash("Thank you: your e-mail address is confirmed, and we have what you sent.", "good")
    return redirect_to(url_for("case_status.one"))


@blueprint.post("/not-me")
@access.public
def not_me() -> ResponseReturnValue:
    """Whoever got the e-mail had sent no form."""
    try:
        public_asking.disown_form(db_session(), session.pop(FORM_LINK, ""))
    except FormGone:
        return _form_gone()
    db_session().commit()
    flash("Thank you. Nothing of what was typed with your address is kept.", "good")
    return redirect_to(url_for("pages.home"))


# Where a case stands, by its number and the address.


def _look_page(form: LookForm, status: int = 200, **found: Any) -> Response:
    given = {"one": None, "kind": None, "rule": None, "whom": (), **found}
    return page("case_status/look.html", form=form, status=status, **given)


@blueprint.get("/")
@access.public
def look() -> ResponseReturnValue:
    return _look_page(LookForm(formdata=None))


def _looked_up(form: LookForm) -> Case | None:
    """Raises TooManyAttempts. Commits what is counted."""
    db = db_session()
    case = public_status.look_up(db, read_number(form.number.data), form.email.data, counted_address())
    db.commit()
    return case


@blueprint.post("/")
@access.public
def look_post() -> ResponseReturnValue:
    """Where the case stands, to whoever knows its number and the address that it was sent with."""
    form, db = LookForm(), db_session()
    if not form.validate_on_submit():
        return _look_page(form, 422)
    try:
        case = _looked_up(form)
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, _look_page, OFTEN)
    kind = find_kind(case.kind) if case else None
    if case is None or kind is None:
        form.form_errors = [NOT_FOUND]
        return _look_page(form, 422)
    with scopes.whole(db, PUBLIC):
        one = reading.own_case(db, case)
        whom = kind.whom(db, case.id) if kind.whom else []
    return _look_page(form, 200, one=one, kind=kind, rule=reading.rule_of(kind), whom=whom)


@blueprint.post("/link")
@access.public
def link() -> ResponseReturnValue:
    """Mail a link to the case; the answer is the same where there is none."""
    form, db = LookForm(), db_session()
    if not form.validate_on_submit():
        return _look_page(form, 422)
    try:
        case = _looked_up(form)
        if case is not None:
            public_status.mail_link(db, case)
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, _look_page, LINKS_OFTEN)
    db.commit()
    return redirect_to(url_for("case_status.mailed"))


@blueprint.get("/mailed")
@access.public
def mailed() -> ResponseReturnValue:
    """The same for everybody."""
    return page("case_status/mailed.html", minutes=settings().public_case_minutes)


# The case itself, behind a link.


@blueprint.errorhandler(PassGone)
def pass_gone(_error: PassGone) -> ResponseReturnValue:
    """Expired or ended; what was typed is shown, so that it can be copied."""
    db_session().rollback()
    let_send(None)
    typed = [text for name in ("comment", "words") if (text := request.form.get(name, "").strip())]
    return page("case_status/link_gone.html", typed=typed, status=410)


@blueprint.get("/open/<token>")
@access.public
def follow(token: str) -> ResponseReturnValue:
    """Take the token out of the address."""
    session[CASE_LINK] = token[:200]
    return redirect_to(url_for("case_status.one"))


def _opened() -> tuple[Case, CaseKind, Contact]:
    """The case that this browser has opened a link to, which works on for a while. Raises PassGone."""
    found = public_status.open_with(db_session(), session.get(CASE_LINK, ""))
    let_send(public_status.go_on(db_session(), session[CASE_LINK]))
    return found


def _page(case: Case, kind: CaseKind, contact: Contact, status: int = 200, **more: Any) -> Response:
    db = db_session()
    with scopes.whole(db, PUBLIC):
        given: dict[str, Any] = {
            "one": reading.own_case(db, case),
            "kind": kind,
            "contact": contact,
            "entries": reading.entries_of(db, case, kind, settings().payer.short_name),
            "steps": steps_for(None, kind, case.state),
            "rule": reading.rule_of(kind),
            "details": kind.details(db, case.id, False) if kind.details else None,
            "documents": kind.public.documents(db, case.id) if kind.public and kind.public.documents else "",
            "whom": kind.whom(db, case.id) if kind.whom else [],
            "step_form": StepForm(formdata=None),
            "comment_form": CommentForm(formdata=None),
            "files": attached_files(db, about_case(case.id)),
            "files_form": FilesForm(formdata=None),
        }
        return page("case_status/one.html", "files", status=status, **{**given, **more})


@blueprint.get("/case")
@access.public
def one() -> ResponseReturnValue:
    found = _opened()
    shown = _page(*found)
    with scopes.whole(db_session(), PUBLIC):
        reading.note_viewed(db_session(), found[0])
    db_session().commit()
    return shown


@blueprint.post("/case/comment")
@access.public
def comment() -> ResponseReturnValue:
    found = _opened()
    form = CommentForm()
    if not form.validate_on_submit():
        return _page(*found, 422, comment_form=form)
    acting.add_comment(db_session(), None, found[0].id, form.comment.data)
    db_session().commit()
    flash("Your message was sent. We tell you by e-mail when there is an answer.", "good")
    return redirect_to(url_for("case_status.one"))


@blueprint.post("/case/step")
@access.public
def step() -> ResponseReturnValue:
    found = _opened()
    case, kind, _ = found
    form, db = StepForm(), db_session()
    if not form.is_sent():
        return _page(*found, 422, step_form=form)
    try:
        acting.take_step(db, None, case.id, form.step.data, seen=form.seen.data or "", words=form.words.data or "")
    except (acting.CaseMoved, acting.WordsNeeded, CaseRefused) as error:
        db.rollback()
        status = form.refuse(error, moved=MOVED, needed=NEEDED)
        return _page(*_opened(), status, step_form=form)
    except LookupError:
        abort(404)
    db.commit()
    flash(f"Done. The case now stands at “{kind.state(case.state).told}”.", "good")
    return redirect_to(url_for("case_status.one"))


@blueprint.get("/case/files")
@access.public
def files() -> ResponseReturnValue:
    """Asked by the page itself while files are checked."""
    return _page(*public_status.open_with(db_session(), session.get(CASE_LINK, "")))


@blueprint.post("/case/attach")
@access.public
@takes_files(without_account=True)
def attach() -> ResponseReturnValue:
    found = _opened()
    form, db = FilesForm(), db_session()
    if not form.validate_on_submit():
        return _page(*found, 422, files_form=form)
    try:
        problems = public_status.attach_to_case(db, found[0], form.files.data, counted_address())
    except TooManyAttempts as error:
        db.rollback()
        found = _opened()
        return too_many(form, error, lambda form, status: _page(*found, status, files_form=form), FILES_OFTEN)
    db.commit()
    if problems:
        form.files.errors = problems
        return _page(*found, 422, files_form=form)
    flash("Attached. Each file is checked before anybody can open it.", "good")
    return redirect_to(url_for("case_status.one"))


@blueprint.get("/case/files/<id:attached_id>")
@access.public
def download(attached_id: int) -> ResponseReturnValue:
    case, _, _ = _opened()
    return hand_out_attached(attached_id, about_case(case.id))


@blueprint.post("/case/files/<id:attached_id>/remove")
@access.public
def remove_file(attached_id: int) -> ResponseReturnValue:
    """Those alone that went wrong: the others stay with the case."""
    case, _, _ = _opened()
    try:
        if not remove_attached(db_session(), attached_id, about_case(case.id)):
            abort(404)
    except CannotRemove:
        flash("The file was sent with this case, and stays with it.", "warn")
        return redirect_to(url_for("case_status.one"))
    db_session().commit()
    flash("The file was removed.", "good")
    return redirect_to(url_for("case_status.one"))


@blueprint.post("/case/done")
@access.public
def done() -> ResponseReturnValue:
    """The link opens nothing any more: for computers that others use as well."""
    public_status.end_pass(db_session(), session.pop(CASE_LINK, ""))
    let_send(None)
    db_session().commit()
    flash("Done. To come back, ask for a new link.", "good")
    return redirect_to(url_for("case_status.look"))
