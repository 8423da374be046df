"""Sign-in security: what one signs in with besides the password."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, flash, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import AFTER_FACTOR, the_actor
from hp_portal.core.account import own_factors
from hp_portal.core.account.confirming_views import confirmed
from hp_portal.core.account.factor_forms import NewAppForm, RenameForm
from hp_portal.core.factors import apps
from hp_portal.core.identity.factors import AuthenticatorApp
from hp_portal.core.kept.keeping import KeptGone
from hp_portal.core.web.render import db_session, page, redirect_to, settings

blueprint = Blueprint("factors", __name__)
OTHERS_ENDED = "Your other sessions have been ended."


def _index() -> Response:
    return redirect_to(url_for("factors.index"))


@blueprint.get("/sign-in-security")
@access.before_terms
def index() -> ResponseReturnValue:
    actor, own = the_actor(), own_factors.look(db_session(), the_actor())
    following = session.pop(AFTER_FACTOR, None) if own.count else session.get(AFTER_FACTOR)
    return page("account/sign_in_security.html", own=own, actor=actor, following=following)


@blueprint.post("/sign-in-security/not-now")
@access.signed_in
def not_now() -> ResponseReturnValue:
    db = db_session()
    own_factors.decline_factor(db, the_actor())
    db.commit()
    flash("You find it under “Sign-in security” in the menu with your name whenever you want it.", "info")
    return redirect_to(url_for("pages.home"))


@blueprint.post("/sign-in-security/apps")
@access.before_terms
@confirmed
def begin_app() -> ResponseReturnValue:
    """Make a key for a new app; it counts once a code has been entered."""
    db, actor = db_session(), the_actor()
    if len(own_factors.look(db, actor).apps) >= apps.MOST:
        flash(
            f"You have {apps.MOST} authenticator apps, as many as one can have. Remove one that you do not use.", "warn"
        )
        return _index()
    token = own_factors.begin_app(db, actor)
    db.commit()
    return redirect_to(url_for("factors.new_app", token=token))


def _new_app_page(form: NewAppForm, token: str, secret: str, status: int) -> Response:
    address = apps.address_for_apps(settings(), the_actor().username, secret)
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return page(
        "account/new_app.html",
        form=form,
        token=token,
        qr=apps.qr_code(address),
        secret=groups,
        address=address,
        status=status,
    )


def _app_gone() -> Response:
    flash("Setting up an app has to be finished within an hour. Please begin again.", "warn")
    return _index()


@blueprint.get("/sign-in-security/apps/new/<token>")
@access.before_terms
@confirmed
def new_app(token: str) -> ResponseReturnValue:
    try:
        secret = own_factors.secret_of(db_session(), the_actor(), token)
    except KeptGone:
        return _app_gone()
    return _new_app_page(NewAppForm(formdata=None), token, secret, 200)


@blueprint.post("/sign-in-security/apps/new/<token>")
@access.before_terms
@confirmed
def add_app(token: str) -> ResponseReturnValue:
    db, actor, form = db_session(), the_actor(), NewAppForm()
    try:
        secret = own_factors.secret_of(db, actor, token)
        if not form.validate_on_submit():
            return _new_app_page(form, token, secret, 422)
        first = own_factors.add_app(db, actor, token, name=form.name.data, code=form.code.data)
    except KeptGone:
        db.rollback()
        return _app_gone()
    except apps.WrongCode:
        db.rollback()
        form.code.errors = [
            "This is not the code that belongs to this key. Enter the six digits that the app shows now. If it goes on, check "
            "that the clock of your telephone is set automatically."
        ]
        return _new_app_page(form, token, secret, 422)
    except apps.TooMany:
        db.rollback()
        flash(
            f"You have {apps.MOST} authenticator apps, as many as one can have. Remove one that you do not use.", "warn"
        )
        return _index()
    db.commit()
    said = (
        f"From now on, a code from it is asked for after your password. {OTHERS_ENDED}"
        if first
        else "You can sign in with it as well."
    )
    flash(f"“{form.name.data}” is set up. {said}", "good")
    return _index()


def last_needed(endpoint: str, **values: Any) -> Response:
    """Back to the page of somebody's only factor, which they must have."""
    db_session().rollback()
    flash("You must have a second factor. Add another one first, then remove this one.", "warn")
    return redirect_to(url_for(endpoint, **values))


def _found(app_id: int) -> Any:
    app = own_factors.find_factor(db_session(), the_actor(), AuthenticatorApp, app_id)
    return app if app is not None else abort(404)


def _app_page(form: RenameForm, app_id: int, status: int) -> Response:
    own, kept = own_factors.look(db_session(), the_actor()), own_factors.must_have(the_actor())
    urls = {name: url_for(f"factors.{name}_app", app_id=app_id) for name in ("rename", "remove")}
    return page(
        "account/one_factor.html", form=form, factor=_found(app_id), own=own, urls=urls, kept=kept, status=status
    )


@blueprint.get("/sign-in-security/apps/<id:app_id>")
@access.before_terms
@confirmed
def one_app(app_id: int) -> ResponseReturnValue:
    return _app_page(RenameForm(formdata=None, name=_found(app_id).name), app_id, 200)


@blueprint.post("/sign-in-security/apps/<id:app_id>/name")
@access.before_terms
@confirmed
def rename_app(app_id: int) -> ResponseReturnValue:
    form, db = RenameForm(), db_session()
    _found(app_id)
    if not form.validate_on_submit():
        return _app_page(form, app_id, 422)
    own_factors.rename_factor(db, the_actor(), AuthenticatorApp, app_id, form.name.data)
    db.commit()
    flash(f"It is called “{form.name.data}” now.", "good")
    return _index()


@blueprint.post("/sign-in-security/apps/<id:app_id>/remove")
@access.before_terms
@confirmed
def remove_app(app_id: int) -> ResponseReturnValue:
    db = db_session()
    try:
        name = own_factors.remove_factor(db, the_actor(), AuthenticatorApp, app_id)
    except own_factors.LastNeeded:
        return last_needed("factors.one_app", app_id=app_id)
    if name is None:
        abort(404)
    db.commit()
    flash(f"“{name}” is removed: its codes open nothing any more. {OTHERS_ENDED}", "good")
    return _index()


@blueprint.post("/sign-in-security/recovery-codes")
@access.before_terms
@confirmed
def make_codes() -> ResponseReturnValue:
    """The answer is the page with the codes: they are shown this once, and kept nowhere."""
    db, actor = db_session(), the_actor()
    codes = own_factors.make_codes(db, actor)
    if codes is None:
        flash("Set up a second factor first: recovery codes are for when you do not have it with you.", "warn")
        return _index()
    db.commit()
    return page("account/recovery_codes.html", codes=codes, download=_as_download(codes))


def _as_download(codes: list[str]) -> str:
    """The codes as a text file within a link: they pass through no other request."""
    lines = [f"Recovery codes for the provider portal of {settings().payer.name}", f"User name: {the_actor().username}"]
    text = "\r\n".join([*lines, "Each works once, in place of your second factor.", "", *codes, ""])
    return f"data:text/plain;charset=utf-8,{quote(text)}"
