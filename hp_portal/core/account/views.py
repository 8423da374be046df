"""Signing in and out, one's own sign-ins and password, and agreements."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import logout_user

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import current_actor, limits, safe_next, the_actor
from hp_portal.core.access.known_browsers import known_browser, remember_browser
from hp_portal.core.access.unsent import find_unsent, take_unsent
from hp_portal.core.access.who_is import touch
from hp_portal.core.account import signing_in
from hp_portal.core.account.confirming import is_recent
from hp_portal.core.account.confirming_views import to_confirm
from hp_portal.core.account.forms import AcceptForm, ChangePasswordForm, SignInForm
from hp_portal.core.account.second_step_views import begin_step, enter, leave_old_session
from hp_portal.core.account.user_agents import describe_user_agent
from hp_portal.core.agreements.accepting import Agreement, accept, accepted_versions, current_agreements
from hp_portal.core.agreements.forms import agreements_form
from hp_portal.core.identity.actor import DELEGATE_AGREEMENT, Actor
from hp_portal.core.identity.directory import OpenedByDirectory
from hp_portal.core.identity.passwords import WeakPassword
from hp_portal.core.kept.keeping import KeptGone
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.web.prefixes import split
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import client_address, counted_address

blueprint = Blueprint("account", __name__)
WRONG = "This user name and password do not go together. Check both, or contact us."


def how_ended() -> str:
    """How the last session in this browser ended, for a notice: `signed-out`, `expired` or nothing.

    `expired` stands for every end that the person did not ask for here: idle, too long, ended from elsewhere.
    """
    if request.args.get("ended") == "signed-out":
        return "signed-out"
    return "expired" if "_user_id" in session and current_actor() is None else ""


def _sign_in_page(form: SignInForm, status: int = 200) -> Response:
    kept = split(form.next.data or "")[1].startswith(url_for("account.unsent", token=""))
    return page("account/sign_in.html", form=form, ended=how_ended() if status == 200 else "", kept=kept, status=status)


def elsewhere() -> str:
    """What staff read who sign in with the payer's directory alone."""
    return f"You are of our staff: sign in with {settings().directory_name}. No password or passkey opens your account here."


def sign_in_page(status: int, following: str | None, said: list[str]) -> Response:
    """The page again, after a passkey or the staff's directory was refused."""
    form = SignInForm(formdata=None, next=following or "")
    form.form_errors = said
    return _sign_in_page(form, status)


@blueprint.get("/sign-in")
@access.public
def sign_in() -> ResponseReturnValue:
    if current_actor() is not None:
        return redirect_to(safe_next(request.args.get("next")))
    return _sign_in_page(SignInForm(next=request.args.get("next", "")))


@blueprint.post("/sign-in")
@access.public
def sign_in_post() -> ResponseReturnValue:
    form = SignInForm()
    if not form.validate_on_submit():
        return _sign_in_page(form, 422)
    db = db_session()
    try:
        reserved = signing_in.reserve_try(
            db, settings(), name=form.username.data, address=counted_address(), browser=known_browser()
        )
    except TooManyAttempts as error:
        signing_in.record_blocked(db, form.username.data)
        db.commit()
        return too_many(form, error, _sign_in_page)
    db.commit()
    try:
        started = signing_in.sign_in(
            db,
            settings(),
            reserved,
            password=form.password.data,
            address=client_address(),
            user_agent=request.user_agent.string,
        )
    except signing_in.WrongCredentials:
        db.commit()
        form.form_errors = [WRONG]
        return _sign_in_page(form, 422)
    except OpenedByDirectory:
        db.commit()
        return sign_in_page(403, form.next.data, [elsewhere()])
    if isinstance(started, signing_in.Half):
        leave_old_session(db)
        db.commit()
        return begin_step(started, form.next.data or "")
    return enter(db, started, form.next.data)


@blueprint.get("/sign-in/unsent/<token>")
@access.signed_in
def unsent(token: str) -> ResponseReturnValue:
    """What was sent after the session had ended, to be sent now or not at all."""
    try:
        form = find_unsent(db_session(), the_actor(), token)
    except KeptGone:
        return _unsent_gone()
    return page("account/unsent.html", unsent=form, token=token, back=safe_next(form.page))


@blueprint.post("/sign-in/unsent/<token>")
@access.signed_in
def send_unsent(token: str) -> ResponseReturnValue:
    """Take what is kept, once, and have the browser post the same fields to where they were meant to go."""
    db = db_session()
    try:
        form = take_unsent(db, the_actor(), token)
    except KeptGone:
        return _unsent_gone()
    db.commit()
    return redirect_to(safe_next(form.address), status=307)


def _unsent_gone() -> Response:
    flash(
        "What you had typed was sent already, or is no longer there. Check whether it arrived before you enter it again.",
        "warn",
    )
    return redirect_to(url_for("pages.home"))


@blueprint.post("/sign-out")
@access.before_terms
def sign_out() -> ResponseReturnValue:
    actor, db = the_actor(), db_session()
    signing_in.end_sign_in(db, actor, actor.sign_in_id, "signed out")
    db.commit()
    logout_user()
    session.clear()
    response = redirect_to(url_for("account.sign_in", ended="signed-out"))
    # Pages are never stored; this also empties what a browser keeps for going back.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.post("/sign-in/keep-alive")
@access.before_terms
def keepalive() -> Response:
    """The idle warning's *stay signed in*."""
    db = db_session()
    touch(db, the_actor(), limits().idle, at_once=True)
    db.commit()
    return make_response("", 204)


@blueprint.get("/my-sign-ins")
@access.before_terms
def my_sign_ins() -> ResponseReturnValue:
    actor = the_actor()
    rows = signing_in.open_sign_ins(db_session(), actor, settings())
    most = signing_in.MOST_LISTED
    more = most if len(rows) > most else 0
    return page("account/my_sign_ins.html", rows=rows[:most], most=more, actor=actor, describe=describe_user_agent)


@blueprint.post("/my-sign-ins/<id:sign_in_id>/end")
@access.before_terms
def end_sign_in(sign_in_id: int) -> ResponseReturnValue:
    actor, db = the_actor(), db_session()
    if sign_in_id == actor.sign_in_id:
        return sign_out()
    if not signing_in.end_sign_in(db, actor, sign_in_id, "ended by the person"):
        abort(404)
    db.commit()
    flash("That session has been ended.", "good")
    return redirect_to(url_for("account.my_sign_ins"))


@blueprint.post("/my-sign-ins/elsewhere-seen")
@access.before_terms
def elsewhere_seen() -> ResponseReturnValue:
    """*That was me*, of a sign-in at another network address."""
    db = db_session()
    signing_in.note_elsewhere_seen(db, the_actor())
    db.commit()
    return redirect_to(safe_next(request.form.get("next")))


def _asks_again() -> bool:
    """The current password is asked for in any case; whoever has a second factor shows that as well."""
    return the_actor().has_factor and not is_recent(the_actor())


@blueprint.get("/change-password")
@access.before_terms
def change_password() -> ResponseReturnValue:
    if the_actor().by_directory:  # which has their password
        return redirect_to(url_for("factors.index"))
    if _asks_again():
        return to_confirm()
    return _password_page(ChangePasswordForm(), 200)


def _password_page(form: ChangePasswordForm, status: int) -> Response:
    return page("account/change_password.html", form=form, min_length=settings().password_min_length, status=status)


@blueprint.post("/change-password")
@access.before_terms
def change_password_post() -> ResponseReturnValue:
    if the_actor().by_directory:
        return redirect_to(url_for("factors.index"))
    if _asks_again():
        return redirect_to(url_for("confirm.ask", next=url_for("account.change_password")))
    form, db = ChangePasswordForm(), db_session()
    if not form.validate_on_submit():
        return _password_page(form, 422)
    try:
        signing_in.reserve_own_try(db, settings(), the_actor())
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, _password_page)
    db.commit()
    try:
        person = signing_in.change_password(db, settings(), the_actor(), current=form.current.data, new=form.new.data)
    except signing_in.WrongCredentials:
        db.commit()
        form.current.errors = ["This is not the password you have now."]
        return _password_page(form, 422)
    except WeakPassword as error:
        db.commit()
        form.new.errors = [str(error)]
        return _password_page(form, 422)
    db.commit()
    flash("Your password is changed. Your other sessions have been ended.", "good")
    return remember_browser(redirect_to(url_for("pages.home")), db, person)


def whose_agreement(actor: Actor, key: str) -> int:
    """The row that accepts: of the account, or what is agreed to for one organization, the row in it."""
    return actor.person_id if key == DELEGATE_AGREEMENT else actor.account_id


def _to_accept(form: type[AcceptForm] = AcceptForm, **given: Any) -> tuple[Any, list[Agreement]]:
    """The form with what the person has not accepted yet, and what they have."""
    db, actor = db_session(), the_actor()
    before = {
        (key, version)
        for row in (actor.account_id, actor.person_id)
        for key, version in accepted_versions(db, row)
        if row == whose_agreement(actor, key)
    }
    found = current_agreements(db, settings(), delegate=actor.is_delegate and not actor.is_staff)
    missing = [one for one in found if (one.key, one.version) not in before]
    return agreements_form(missing, form, **given), [one for one in found if one not in missing]


def _terms_page(form: Any, accepted: list[Agreement], status: int = 200) -> Response:
    shown = [*(one for one, _ in form.agreements), *accepted]
    several = len(shown) > 1
    heading = "Terms of use and agreements" if several else shown[0].title
    return page("account/terms.html", form=form, accepted=accepted, several=several, heading=heading, status=status)


@blueprint.get("/terms")
@access.before_terms
def terms() -> ResponseReturnValue:
    return _terms_page(*_to_accept(formdata=None, next=request.args.get("next", "")))


@blueprint.post("/terms")
@access.before_terms
def terms_post() -> ResponseReturnValue:
    db = db_session()
    form, accepted = _to_accept()
    if not form.agreements:  # from another window; a second acceptance would be none
        return redirect_to(safe_next(form.next.data))
    if not form.validate_on_submit():
        return _terms_page(form, accepted, 422)
    actor = the_actor()
    for one, _ in form.agreements:
        accept(db, whose_agreement(actor, one.key), [one], client_address())
    db.commit()
    return redirect_to(safe_next(form.next.data))
