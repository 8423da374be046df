"""Passkeys: signing in with one, as the second step or alone, and one's own: added, renamed, removed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.access.known_browsers import known_browser
from hp_portal.core.account import own_factors, passkey_sign_in, second_step
from hp_portal.core.account.confirming import is_recent
from hp_portal.core.account.confirming_views import confirmed
from hp_portal.core.account.factor_forms import NewPasskeyForm, PasskeyForm, RenameForm
from hp_portal.core.account.factor_views import OTHERS_ENDED, last_needed
from hp_portal.core.account.parties import find_party, json_answer
from hp_portal.core.account.second_step import HalfGone
from hp_portal.core.account.second_step_views import KEPT, enter, gone, step_page
from hp_portal.core.account.user_agents import describe_user_agent
from hp_portal.core.account.views import elsewhere, sign_in_page
from hp_portal.core.factors import passkeys
from hp_portal.core.factors.passkeys import ChallengeGone, Party, RolledBack, WrongPasskey
from hp_portal.core.identity.directory import OpenedByDirectory
from hp_portal.core.identity.factors import Passkey
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many, wait_words, with_retry_after
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import client_address, counted_address

blueprint = Blueprint("passkeys", __name__)
WRONG = "This passkey does not open an account here. It may have been removed. Use another one, or your password."
WRONG_STEP = "This passkey is not one of yours, or was removed. Use another one, or another way."
COPIED = "This passkey was refused: it says that it was used less often than we know, so there may be a copy of it. Contact us."
LATE = "That took too long, or was answered already. Please try again."
MANY = f"You have {passkeys.MOST} passkeys, as many as one can have. Remove one that you do not use."


blueprint.add_app_template_global(find_party, "passkey_party")


def _party() -> Party:
    return find_party() or abort(404)


@blueprint.post("/sign-in/passkey/options")
@access.public
def only_options() -> ResponseReturnValue:
    db = db_session()
    try:
        told = passkey_sign_in.begin(db, settings(), _party(), counted_address())
    except TooManyAttempts as error:
        db.rollback()
        return with_retry_after(json_answer({"wait": wait_words(error)}, 429), error)
    db.commit()
    return json_answer(told)


@blueprint.post("/sign-in/passkey")
@access.public
def only() -> ResponseReturnValue:
    form, db = PasskeyForm(), db_session()
    if not form.validate_on_submit():
        return sign_in_page(422, form.next.data, [PasskeyForm.MISSING])
    try:
        started = passkey_sign_in.sign_in_with_passkey(
            db,
            settings(),
            _party(),
            token=form.token.data,
            credential=form.credential.data,
            address=client_address(),
            counted=counted_address(),
            user_agent=request.user_agent.string,
        )
    except TooManyAttempts as error:
        db.rollback()
        words = f"Too many failed attempts. Wait {wait_words(error)}, then try again."
        return with_retry_after(sign_in_page(429, form.next.data, [words]), error)
    except OpenedByDirectory:
        db.commit()
        return sign_in_page(403, form.next.data, [elsewhere()])
    except (WrongPasskey, ChallengeGone) as error:
        db.commit()
        return sign_in_page(422, form.next.data, [_said(error, WRONG)])
    return enter(db, started, form.next.data)


def _said(error: Exception, wrong: str) -> str:
    if isinstance(error, ChallengeGone):
        return LATE
    return COPIED if isinstance(error, RolledBack) else wrong


@blueprint.post("/sign-in/second-step/passkey/options")
@access.public
def step_options() -> ResponseReturnValue:
    db = db_session()
    try:
        told = second_step.begin_passkey(db, _party(), session.get(KEPT, ""))
    except HalfGone:
        return json_answer({"gone": True}, 410)
    db.commit()
    return json_answer(told)


@blueprint.post("/sign-in/second-step/passkey")
@access.public
def step() -> ResponseReturnValue:
    form, db, token = PasskeyForm(), db_session(), session.get(KEPT, "")
    try:
        waiting = second_step.look_at_half(db, token)
    except HalfGone:
        return gone()
    if not form.validate_on_submit():
        form.form_errors = [PasskeyForm.MISSING]
        return step_page(form, waiting, passkeys.KIND, 422)
    try:
        counted = second_step.reserve_step(
            db, settings(), token, kind=passkeys.KIND, address=counted_address(), browser=known_browser()
        )
        db.commit()
        started = second_step.take_step(
            db,
            settings(),
            token,
            counted,
            kind=passkeys.KIND,
            proof=second_step.by_passkey(_party(), form.token.data, form.credential.data),
            address=client_address(),
            user_agent=request.user_agent.string,
        )
    except TooManyAttempts as error:
        db.commit()
        return too_many(form, error, lambda again, status: step_page(again, waiting, passkeys.KIND, status))
    except HalfGone:
        db.rollback()
        return gone()
    except OpenedByDirectory:  # how staff sign in has changed since the password was given
        db.commit()
        return gone()
    except (WrongPasskey, ChallengeGone) as error:
        db.commit()
        form.form_errors = [_said(error, WRONG_STEP)]
        return step_page(form, waiting, passkeys.KIND, 422)
    return enter(db, started, form.next.data)


@blueprint.get("/sign-in-security/passkeys/new")
@access.before_terms
@confirmed
def new() -> ResponseReturnValue:
    _party()
    name = describe_user_agent(request.user_agent.string)
    return page("account/new_passkey.html", form=NewPasskeyForm(formdata=None, name=name))


@blueprint.post("/sign-in-security/passkeys/options")
@access.before_terms
def new_options() -> ResponseReturnValue:
    if not is_recent(the_actor()):
        return json_answer({"confirm": url_for("confirm.ask", next=url_for("passkeys.new"))}, 409)
    db = db_session()
    told = own_factors.begin_passkey(db, the_actor(), _party())
    db.commit()
    return json_answer(told)


@blueprint.post("/sign-in-security/passkeys/new")
@access.before_terms
def add() -> ResponseReturnValue:
    form, db = NewPasskeyForm(), db_session()
    if not form.validate_on_submit():
        return _again(form, [PasskeyForm.MISSING] if form.credential.errors or form.token.errors else [])
    try:
        given = form.token.data, form.name.data, form.credential.data
        first = own_factors.add_passkey(db, the_actor(), _party(), *given)
    except (ChallengeGone, WrongPasskey) as error:
        db.commit()
        refused = (
            "Your browser has made no passkey that we can use. It has to check that it is you, by PIN, finger or face."
        )
        return _again(form, [_said(error, refused)])
    except passkeys.KnownAlready:
        db.commit()
        return _again(form, ["This passkey was added before."])
    except passkeys.TooMany:
        db.commit()
        flash(MANY, "warn")
        return redirect_to(url_for("factors.index"))
    db.commit()
    also = f" From now on, after your password you are asked for it or another one. {OTHERS_ENDED}" if first else ""
    flash(f"“{form.name.data}” is added. You can sign in with it alone.{also}", "good")
    return redirect_to(url_for("factors.index"))


def _again(form: NewPasskeyForm, said: list[str]) -> Response:
    """The page again; a new passkey has to be made for it."""
    form.form_errors = said
    form.token.data = form.credential.data = ""
    form.token.errors = form.credential.errors = ()
    return page("account/new_passkey.html", form=form, status=422)


def _found(passkey_id: int) -> Any:
    found = own_factors.find_factor(db_session(), the_actor(), Passkey, passkey_id)
    return found if found is not None else abort(404)


def _one_page(form: RenameForm, passkey_id: int, status: int) -> Response:
    own, kept = own_factors.look(db_session(), the_actor()), own_factors.must_have(the_actor())
    urls = {name: url_for(f"passkeys.{name}", passkey_id=passkey_id) for name in ("rename", "remove")}
    found = _found(passkey_id)
    return page("account/one_factor.html", form=form, factor=found, own=own, urls=urls, kept=kept, status=status)


@blueprint.get("/sign-in-security/passkeys/<id:passkey_id>")
@access.before_terms
@confirmed
def one(passkey_id: int) -> ResponseReturnValue:
    return _one_page(RenameForm(formdata=None, name=_found(passkey_id).name), passkey_id, 200)


@blueprint.post("/sign-in-security/passkeys/<id:passkey_id>/name")
@access.before_terms
@confirmed
def rename(passkey_id: int) -> ResponseReturnValue:
    form, db = RenameForm(), db_session()
    _found(passkey_id)
    if not form.validate_on_submit():
        return _one_page(form, passkey_id, 422)
    own_factors.rename_factor(db, the_actor(), Passkey, passkey_id, form.name.data)
    db.commit()
    flash(f"It is called “{form.name.data}” now.", "good")
    return redirect_to(url_for("factors.index"))


@blueprint.post("/sign-in-security/passkeys/<id:passkey_id>/remove")
@access.before_terms
@confirmed
def remove(passkey_id: int) -> ResponseReturnValue:
    db = db_session()
    try:
        name = own_factors.remove_factor(db, the_actor(), Passkey, passkey_id)
    except own_factors.LastNeeded:
        return last_needed("passkeys.one", passkey_id=passkey_id)
    if name is None:
        abort(404)
    db.commit()
    flash(f"“{name}” is removed: it opens nothing any more. Delete it on the device as well. {OTHERS_ENDED}", "good")
    return redirect_to(url_for("factors.index"))
