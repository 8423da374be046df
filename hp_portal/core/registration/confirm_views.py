"""The link in the e-mail: its button confirms the address, and the browser in which it is pressed goes on."""

from __future__ import annotations

from flask import Response, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.registration import confirming, steps
from hp_portal.core.registration.confirming import LinkDead, WrongCode
from hp_portal.core.registration.forms import CodeForm, ConfirmForm
from hp_portal.core.registration.telling import WAYS
from hp_portal.core.registration.views import BEFORE, TOKEN, begun_draft, blueprint, to_step
from hp_portal.core.web.render import db_session, page, redirect_to, settings

MAIL_TOKEN = "registration_mail"


def _link_dead() -> Response:
    db_session().rollback()
    return page("registration/link_dead.html", status=410)


@blueprint.get("/register/confirm/<token>")
@access.public
def follow_link(token: str) -> ResponseReturnValue:
    """Take the token out of the address. Mail scanners come here, too: nothing is confirmed yet."""
    session[MAIL_TOKEN] = token[:200]
    return redirect_to(url_for("registration.confirm"))


@blueprint.get("/register/confirm")
@access.public
def confirm() -> ResponseReturnValue:
    """Who is registering with the address, how and since when: somebody else may have typed it."""
    db = db_session()
    try:
        with scopes.whole(db, BEFORE):
            draft = confirming.link_draft(db, session.get(MAIL_TOKEN, ""))
    except LinkDead:
        return _link_dead()
    return page(
        "registration/confirm.html",
        form=ConfirmForm(),
        typed=draft.typed,
        way=WAYS[draft.typed.path],
        begun_at=draft.row.created_at,
        same_browser=confirming.is_held_by(draft, session.get(TOKEN, "")),
    )


@blueprint.post("/register/confirm")
@access.public
def confirm_post() -> ResponseReturnValue:
    """Confirm, and go on in this browser; or, with `there`, by a code in the one in which it was begun."""
    db = db_session()
    try:
        with scopes.whole(db, BEFORE):
            session[TOKEN], draft = confirming.confirm(db, session.get(MAIL_TOKEN, ""), session.get(TOKEN, ""))
            there = request.form.get("there") == "1" and draft.row.other_hash is not None
            if there:
                confirming.make_code(db, draft)
    except LinkDead:
        return _link_dead()
    db.commit()
    return redirect_to(url_for("registration.code")) if there else to_step(steps.next_step(settings(), draft))


@blueprint.get("/register/code")
@access.public
def code() -> ResponseReturnValue:
    """The code to enter in the browser in which the registration was begun."""
    draft = begun_draft(db_session())
    if not draft.typed.code:
        return to_step(steps.next_step(settings(), draft))
    return page("registration/code.html", typed=draft.typed, next=steps.next_step(settings(), draft))


@blueprint.get("/register/elsewhere")
@access.public
def elsewhere() -> ResponseReturnValue:
    """Another browser goes on with the registration that was begun in this one."""
    with scopes.whole(db_session(), BEFORE):
        confirming.taken_over(db_session(), session.get(TOKEN, ""))
    return page("registration/elsewhere.html", form=CodeForm())


@blueprint.post("/register/elsewhere")
@access.public
def elsewhere_post() -> ResponseReturnValue:
    form, db = CodeForm(), db_session()
    with scopes.whole(db, BEFORE):
        confirming.taken_over(db, session.get(TOKEN, ""))
        if not form.validate_on_submit():
            return page("registration/elsewhere.html", form=form, status=422)
        try:
            draft = confirming.take_back(db, session.get(TOKEN, ""), form.code.data)
        except WrongCode:
            db.commit()
            form.code.errors = [
                "This is not the code that the other browser shows. After five wrong codes, or an hour, open the link in the "
                "message again."
            ]
            return page("registration/elsewhere.html", form=form, status=422)
    db.commit()
    return to_step(steps.next_step(settings(), draft))


@blueprint.post("/register/not-me")
@access.public
def not_me() -> ResponseReturnValue:
    """Whoever got the e-mail had not asked for it."""
    db = db_session()
    try:
        with scopes.whole(db, BEFORE):
            confirming.disown(db, session.pop(MAIL_TOKEN, ""))
    except LinkDead:
        return _link_dead()
    db.commit()
    session.pop(TOKEN, None)
    flash("Thank you. Nobody can use that message to register with your address now.", "good")
    return redirect_to(url_for("pages.home"))
