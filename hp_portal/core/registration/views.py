"""The pages on the way to an account, one question at a time. Nobody is signed in here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import current_actor
from hp_portal.core.delivery.ways import takes_mail
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.registration import drafts, steps, told
from hp_portal.core.registration.as_typed import fill_in, keep_as_typed
from hp_portal.core.registration.confirming import taken_over
from hp_portal.core.registration.doubts import DOCTOR, MAILBOX, NAME, doubts_about
from hp_portal.core.registration.drafts import Draft, DraftGone
from hp_portal.core.registration.forms import (
    ConfirmForm,
    PersonForm,
    StartForm,
)
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import counted_address
from hp_portal.database import PortalSession

blueprint = Blueprint("registration", __name__)
TOKEN, STATUS = "registration", "registration_status"
BEFORE = "nobody is known before registering"


def begun_draft(db: PortalSession) -> Draft:
    """This browser's draft. Raises DraftGone."""
    token = session.get(TOKEN, "")
    if not token:
        raise DraftGone
    with scopes.whole(db, BEFORE):
        return drafts.find(db, token)


def _begun(db: PortalSession) -> Draft | None:
    try:
        return begun_draft(db)
    except DraftGone:
        return None


def is_taken_over(db: PortalSession) -> bool:
    """Has another browser taken over this one's draft? In a whole scope."""
    try:
        taken_over(db, session.get(TOKEN, ""))
    except DraftGone:
        return False
    return True


def to_step(step: str) -> Response:
    return redirect_to(url_for(f"registration.{step}"))


def went_back(db: PortalSession, draft: Draft, key: str, form: FlaskForm) -> Response | None:
    """Keep what was typed, whatever becomes of it; where to go when *Back* was pressed, None when the form was sent.

    Commits. Raises DraftGone.
    """
    with scopes.whole(db, BEFORE):
        held = drafts.hold(db, draft)
        keep_as_typed(held.typed, key, form)
        drafts.keep(db, held)
    db.commit()
    wanted = request.form.get("back", "")
    return to_step(wanted) if wanted in steps.ORDER else None


@blueprint.errorhandler(DraftGone)
def gone(_error: DraftGone) -> ResponseReturnValue:
    """Begun elsewhere, finished, or too old: begin anew."""
    db = db_session()
    db.rollback()
    with scopes.whole(db, BEFORE):
        if is_taken_over(db):
            return redirect_to(url_for("registration.elsewhere"))
        finished = drafts.is_finished(db, session.pop(TOKEN, ""))
    if finished:
        flash("You have already sent your registration. Sign in, or check your e-mail.", "info")
        return redirect_to(url_for("pages.home" if current_actor() else "account.sign_in"))
    flash("There is no registration in progress in this browser, or it is older than a day. Please start over.", "info")
    return to_step(steps.START)


@blueprint.get("/register")
@access.public
def start() -> ResponseReturnValue:
    if current_actor() is not None:
        return page("registration/signed_in.html")
    draft = _begun(db_session())
    return _start_page(StartForm(path=draft.typed.path if draft else None), 200)


def _start_page(form: StartForm, status: int) -> Response:
    return page("registration/start.html", form=form, days=settings().proof_days, status=status)


@blueprint.post("/register")
@access.public
def start_post() -> ResponseReturnValue:
    form, db = StartForm(), db_session()
    if not form.validate_on_submit():
        return _start_page(form, 422)
    draft = _begun(db)
    with scopes.whole(db, BEFORE):
        if draft is None:
            try:
                session[TOKEN], draft = drafts.begin(db, counted_address())
            except TooManyAttempts as error:
                db.rollback()
                return too_many(form, error, _start_page, "Too many registrations were started here. Wait {wait}.")
        draft = drafts.hold(db, draft)
        draft.typed.choose(form.path.data)
        drafts.keep(db, draft)
    db.commit()
    return to_step(steps.YOU)


@blueprint.get("/register/you")
@access.public
def you() -> ResponseReturnValue:
    draft = begun_draft(db_session())
    typed = draft.typed
    if not steps.is_open(settings(), draft, steps.YOU):
        return to_step(steps.START)
    answers = {name: getattr(typed, name) for name in ("name", "email", "telephone", "job")}
    sure = {"sure_name": NAME in typed.sure, "sure_mailbox": MAILBOX in typed.sure}
    form = PersonForm(**fill_in(typed, steps.YOU, **answers, **sure))
    return _you_page(form, 200, [*typed.sure, *form.sure])


def _you_page(form: PersonForm, status: int, doubts: Any = ()) -> Response:
    return page("registration/you.html", form=form, doubts=doubts, status=status)


@blueprint.post("/register/you")
@access.public
def you_post() -> ResponseReturnValue:
    form, db = PersonForm(), db_session()
    draft = begun_draft(db)
    if back := went_back(db, draft, steps.YOU, form):
        return back
    if not form.validate_on_submit():
        return _you_page(form, 422, [*form.sure])
    with scopes.whole(db, BEFORE):
        draft = drafts.hold(db, draft)
        typed = draft.typed
        asked_before = draft.row.mail_hash is not None and typed.email == form.email.data.lower()
        typed.name, typed.telephone, typed.job = form.name.data, form.telephone.data, form.job.data
        typed.sure = [doubt for doubt in typed.sure if doubt == DOCTOR] + form.sure
        drafts.change_email(db, draft, form.email.data.lower())
        drafts.keep(db, draft)
        if doubts := [doubt for doubt in doubts_about(typed) if doubt != DOCTOR]:
            db.commit()
            for doubt, field, words in (
                (
                    NAME,
                    form.name,
                    "This does not look like a person’s own name. Enter your own, or check the box below.",
                ),
                (
                    MAILBOX,
                    form.email,
                    "This looks like a mailbox that several people read. Use your own, or check the box below.",
                ),
            ):
                if doubt in doubts:
                    field.errors = [words]
            return _you_page(form, 422, [*doubts, *form.sure])
        if not draft.confirmed and not asked_before and not steps.may_prove_first(settings(), typed.path):
            try:
                drafts.send_link(db, draft, counted_address())
            except TooManyAttempts as error:
                db.rollback()
                return too_many(
                    form, error, _you_page, "Too many messages were asked for. Wait {wait}, then try again."
                )
    db.commit()
    return to_step(steps.next_step(settings(), draft))


@blueprint.get("/register/mail")
@access.public
def mail() -> ResponseReturnValue:
    """Look into your mailbox."""
    draft = begun_draft(db_session())
    if (step := steps.next_step(settings(), draft)) != steps.MAIL:
        return to_step(step)
    return _mail_page(ConfirmForm(), 200, draft)


def _mail_page(form: ConfirmForm, status: int, draft: Draft) -> Response:
    with scopes.whole(db_session(), BEFORE):
        sent = told.of_draft(db_session(), draft)
    return page(
        "registration/mail.html",
        form=form,
        typed=draft.typed,
        sent=sent,
        late=told.is_late(sent),
        takes_mail=takes_mail(),
        status=status,
    )


@blueprint.post("/register/mail")
@access.public
def mail_post() -> ResponseReturnValue:
    """Send the e-mail again."""
    form, db = ConfirmForm(), db_session()
    draft = begun_draft(db)
    if (step := steps.next_step(settings(), draft)) != steps.MAIL:
        return to_step(step)
    with scopes.whole(db, BEFORE):
        draft = drafts.hold(db, draft)
        try:
            drafts.send_link(db, draft, counted_address())
        except TooManyAttempts as error:
            db.rollback()
            draft = begun_draft(db)
            words = "We have already sent several messages. Wait {wait}, and look in your spam folder in the meantime."
            return too_many(form, error, lambda form, status: _mail_page(form, status, draft), words)
    db.commit()
    flash("We have sent another message. Links in earlier ones no longer work.", "good")
    return to_step(steps.MAIL)
