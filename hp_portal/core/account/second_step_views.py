"""One more step: the second factor, asked for after the right password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user
from flask_wtf import FlaskForm

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import current_actor, load_actor, safe_next
from hp_portal.core.access.known_browsers import known_browser, remember_browser
from hp_portal.core.account import second_step, signing_in
from hp_portal.core.account.factor_forms import AppCodeForm, PasskeyForm, RecoveryCodeForm
from hp_portal.core.account.second_step import HalfGone, Waiting
from hp_portal.core.factors import apps, passkeys, recovery
from hp_portal.core.factors.apps import CodeUsed, WrongCode
from hp_portal.core.identity.directory import OpenedByDirectory
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import client_address, counted_address
from hp_portal.database import PortalSession

blueprint = Blueprint("second_step", __name__)
KEPT = "half_sign_in"
INVITATION = "invitation"
"""Where a visitor's session keeps the token of an invitation that they followed: it is theirs still once they have signed in."""
WRONG = {
    apps.KIND: "This is not the code that your app shows now. Codes change every half minute: enter the next one.",
    recovery.KIND: "This is none of your recovery codes. Check each letter and digit.",
}
USED = {
    apps.KIND: "This code was used already. Wait until your app shows the next one, and enter that.",
    recovery.KIND: "This recovery code was used already. Each works once; enter another one.",
}


def _new_session() -> None:
    """What was fixed before signing in is worth nothing after it, but an invitation that is still to be accepted by a button."""
    followed = session.get(INVITATION)
    session.clear()
    if followed:
        session[INVITATION] = followed


def begin_step(half: signing_in.Half, following: str) -> Response:
    """Lead somebody whose password was right to the second step, in a new session."""
    _new_session()
    session[KEPT] = half.token
    return redirect_to(url_for("second_step.ask", next=following or None))


def leave_old_session(db: PortalSession) -> None:
    """Whoever was signed in here is no longer: their cookie is replaced, so nobody could end that session from here."""
    before = current_actor()
    if before is not None:
        signing_in.end_sign_in(db, before, before.sign_in_id, signing_in.SIGNED_IN_AGAIN)


def enter(db: PortalSession, started: signing_in.NewSignIn, following: str | None) -> Response:
    """Commit the new sign-in and go where the person wanted to: the rest of every way to sign in."""
    leave_old_session(db)
    db.commit()
    _new_session()  # and CSRF token
    login_user(load_actor(started.token))
    return remember_browser(redirect_to(safe_next(following)), db, started.person)


def _way(waiting: Waiting) -> str:
    """What the page asks for: what the person chose and has; else a code of an app, or a passkey."""
    has = {
        apps.KIND: waiting.apps,
        passkeys.KIND: waiting.passkeys,
        recovery.KIND: waiting.recovery_codes,
    }
    chosen = request.args.get("way", "")
    return chosen if has.get(chosen) else next((kind for kind, number in has.items() if number), apps.KIND)


def gone() -> Response:
    session.pop(KEPT, None)
    flash("Please sign in again: the second step has to follow within ten minutes.", "warn")
    return redirect_to(url_for("account.sign_in", next=request.values.get("next") or None))


def step_page(form: FlaskForm, waiting: Waiting, kind: str, status: int) -> Response:
    """The page of the second step, with the form of one of the ways to take it."""
    return page("account/second_step.html", form=form, waiting=waiting, way=kind, status=status)


_FORMS: dict[str, type[Any]] = {apps.KIND: AppCodeForm, passkeys.KIND: PasskeyForm, recovery.KIND: RecoveryCodeForm}


@blueprint.get("/sign-in/second-step")
@access.public
def ask() -> ResponseReturnValue:
    try:
        waiting = second_step.look_at_half(db_session(), session.get(KEPT, ""))
    except HalfGone:
        return gone()
    kind = _way(waiting)
    return step_page(_FORMS[kind](formdata=None, next=request.args.get("next", "")), waiting, kind, 200)


@blueprint.post("/sign-in/second-step")
@access.public
def take() -> ResponseReturnValue:
    db, token = db_session(), session.get(KEPT, "")
    try:
        waiting = second_step.look_at_half(db, token)
    except HalfGone:
        return gone()
    # Passkeys are sent to an address of their own.
    kind = recovery.KIND if _way(waiting) == recovery.KIND else apps.KIND
    form = _FORMS[kind]()
    if not form.validate_on_submit():
        return step_page(form, waiting, kind, 422)
    try:
        counted = second_step.reserve_step(
            db, settings(), token, kind=kind, address=counted_address(), browser=known_browser()
        )
        db.commit()
        started = second_step.take_step(
            db,
            settings(),
            token,
            counted,
            kind=kind,
            proof=second_step.by_code(kind, form.code.data),
            address=client_address(),
            user_agent=request.user_agent.string,
        )
    except TooManyAttempts as error:
        db.commit()
        return too_many(form, error, lambda again, status: step_page(again, waiting, kind, status))
    except HalfGone:  # another window was faster
        db.rollback()
        return gone()
    except OpenedByDirectory:  # how staff sign in has changed since the password was given
        db.commit()
        return gone()
    except WrongCode as error:
        db.commit()
        form.code.errors = [(USED if isinstance(error, CodeUsed) else WRONG)[kind]]
        return step_page(form, waiting, kind, 422)
    if kind == recovery.KIND:
        answer = enter(db, started, form.next.data)
        tell_left(waiting.recovery_codes - 1)
        return answer
    return enter(db, started, form.next.data)


def tell_left(left: int) -> None:
    """Say how many recovery codes are left, on the next page."""
    words = {0: "You have no recovery codes left.", 1: "You have one recovery code left."}
    said = words.get(left, f"You have {left} recovery codes left.")
    flash(f"{said} If you have lost your telephone, remove it under “Sign-in security” and add the new one.", "warn")
