"""Changing one's own e-mail address, and the page behind the link that confirms the new one."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flask import Blueprint, Response, flash, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import current_actor, the_actor
from hp_portal.core.account.confirming_views import confirmed
from hp_portal.core.account.factor_forms import EmailForm
from hp_portal.core.account.signing_in import own_email
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.people.email_changes import LinkDead, SameAddress, ask, confirm, look_at_link
from hp_portal.core.web.render import db_session, page, redirect_to

blueprint = Blueprint("email", __name__)
KEPT = "email_change"
_WHY = "one's own e-mail address"


def _page(form: EmailForm, status: int) -> Response:
    return page("account/change_email.html", form=form, email=own_email(db_session(), the_actor()), status=status)


def has_address(view: Callable[[], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
    """Whoever has not confirmed any address yet corrects the one that they registered with, on its own page."""

    @functools.wraps(view)
    def asking() -> ResponseReturnValue:
        if is_unconfirmed(own_email(db_session(), the_actor())):
            return redirect_to(url_for("registration.address"))
        return view()

    return asking


@blueprint.get("/change-email")
@access.before_terms
@confirmed
@has_address
def change() -> ResponseReturnValue:
    return _page(EmailForm(formdata=None), 200)


@blueprint.post("/change-email")
@access.before_terms
@confirmed
@has_address
def change_post() -> ResponseReturnValue:
    form, db = EmailForm(), db_session()
    if not form.validate_on_submit():
        return _page(form, 422)
    try:
        with scopes.whole(db, _WHY):
            ask(db, the_actor(), form.email.data)
    except SameAddress:
        db.rollback()
        form.email.errors = ["This is the address you have."]
        return _page(form, 422)
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, _page, "You have asked several times. Wait {wait}, then try again.")
    db.commit()
    flash(
        f"We have sent a link to {form.email.data}. The address counts once you have followed it, within a day.", "info"
    )
    return redirect_to(url_for("factors.index"))


@blueprint.get("/confirm-email/<token>")
@access.public
def follow_link(token: str) -> ResponseReturnValue:
    """Take the token out of the address, so that it stays neither on screen nor in the browser's history."""
    session[KEPT] = token[:200]
    return redirect_to(url_for("email.look"))


@blueprint.get("/confirm-email")
@access.public
def look() -> ResponseReturnValue:
    db = db_session()
    try:
        with scopes.whole(db, _WHY):
            name, email = look_at_link(db, session.get(KEPT, ""))
    except LinkDead:
        return _dead()
    return page("account/confirm_email.html", name=name, email=email)


def _dead() -> Response:
    return page("account/confirm_email.html", name="", email="", status=410)


@blueprint.post("/confirm-email")
@access.public
def confirm_post() -> ResponseReturnValue:
    db = db_session()
    try:
        with scopes.whole(db, _WHY):
            confirm(db, session.get(KEPT, ""))
    except LinkDead:
        db.rollback()
        return _dead()
    db.commit()
    session.pop(KEPT, None)
    flash("Your e-mail address is changed. We have told you at both addresses.", "good")
    return redirect_to(url_for("factors.index" if current_actor() else "account.sign_in"))
