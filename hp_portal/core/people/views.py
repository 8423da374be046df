"""The page where somebody sets a password by the link they were given."""

from __future__ import annotations

from flask import Blueprint, Response, flash, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.access.known_browsers import remember_browser
from hp_portal.core.identity.factors import has_factor
from hp_portal.core.identity.passwords import WeakPassword
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import wait_words, with_retry_after
from hp_portal.core.people.forms import SetPasswordForm
from hp_portal.core.people.password_links import Invited, LinkDead, look_at_link, use_link
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import counted_address

blueprint = Blueprint("people", __name__)
KEPT = "password_link"


@blueprint.get("/set-password/<token>")
@access.public
def follow_link(token: str) -> ResponseReturnValue:
    """Take the token out of the address, so that it stays neither on screen nor in the browser's history."""
    session[KEPT] = token[:200]
    return redirect_to(url_for("people.set_password"))


@blueprint.get("/set-password")
@access.public
def set_password() -> ResponseReturnValue:
    db = db_session()
    try:
        invited = look_at_link(db, settings(), session.get(KEPT, ""), counted_address())
    except LinkDead:
        db.commit()
        return _dead()
    except TooManyAttempts as error:
        db.rollback()
        return _too_many(error)
    return _form_page(SetPasswordForm(), invited, 200)


@blueprint.post("/set-password")
@access.public
def set_password_post() -> ResponseReturnValue:
    form, db = SetPasswordForm(), db_session()
    try:
        invited = look_at_link(db, settings(), session.get(KEPT, ""), counted_address())
        if not form.validate_on_submit():
            return _form_page(form, invited, 422)
        person = use_link(db, settings(), session.get(KEPT, ""), counted_address(), password=form.new.data)
    except LinkDead:
        db.commit()
        return _dead()
    except TooManyAttempts as error:
        db.rollback()
        return _too_many(error)
    except WeakPassword as error:
        db.rollback()
        form.new.errors = [str(error)]
        return _form_page(form, invited, 422)
    with scopes.whole(db, "whoever has just set a password by a link"):
        protected = has_factor(db, person)
    db.commit()
    session.pop(KEPT, None)
    flash(f"Your password is set. Sign in with it: your user name is {person.username}.", "good")
    answer = redirect_to(url_for("account.sign_in"))
    # A link alone does not make a browser known where a second step is asked for: known ones may try more often.
    return answer if protected else remember_browser(answer, db, person)


def _form_page(form: SetPasswordForm, invited: Invited, status: int) -> Response:
    return page(
        "people/set_password.html",
        form=form,
        invited=invited,
        min_length=settings().password_min_length,
        status=status,
    )


def _dead_page(wait: str, status: int) -> Response:
    chosen = settings()
    return page(
        "people/link_dead.html",
        hours=chosen.password_link_hours,
        minutes=chosen.recovery_link_minutes,
        wait=wait,
        status=status,
    )


def _dead() -> Response:
    return _dead_page("", 410)


def _too_many(error: TooManyAttempts) -> Response:
    return with_retry_after(_dead_page(wait_words(error), 429), error)
