"""*This was not me*: the page behind the link of an e-mail about a change. Opening it changes nothing; its button does."""

from __future__ import annotations

from flask import Blueprint, Response, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import logout_user

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import current_actor
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import wait_words, with_retry_after
from hp_portal.core.people.changes import NoticeDead, Told, disown, look_at_notice
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import counted_address

blueprint = Blueprint("changes", __name__)
KEPT = "change_notice"
_WHY = "the account that the link is about"


@blueprint.get("/not-me/<token>")
@access.public
def follow_link(token: str) -> ResponseReturnValue:
    """Take the token out of the address, so that it stays neither on screen nor in the browser's history."""
    session[KEPT] = token[:200]
    return redirect_to(url_for("changes.not_me"))


def _look() -> Told | Response:
    db = db_session()
    try:
        with scopes.whole(db, _WHY):
            return look_at_notice(db, settings(), session.get(KEPT, ""), counted_address())
    except NoticeDead:
        db.commit()
        return page("people/not_me.html", told=None, done=False, wait="", status=410)
    except TooManyAttempts as error:
        db.rollback()
        answer = page("people/not_me.html", told=None, done=False, wait=wait_words(error), status=429)
        return with_retry_after(answer, error)


@blueprint.get("/not-me")
@access.public
def not_me() -> ResponseReturnValue:
    told = _look()
    return page("people/not_me.html", told=told, done=False, wait="") if isinstance(told, Told) else told


@blueprint.post("/not-me")
@access.public
def not_me_post() -> ResponseReturnValue:
    told = _look()
    if not isinstance(told, Told):
        return told
    db = db_session()
    try:
        with scopes.whole(db, _WHY):
            person_id = disown(db, session.get(KEPT, ""))
    except NoticeDead:  # the button was pressed twice
        db.rollback()
        return page("people/not_me.html", told=None, done=False, wait="", status=410)
    db.commit()
    session.pop(KEPT, None)
    if (actor := current_actor()) is not None and actor.account_id == person_id:
        # The page is drawn for somebody who is signed out.
        logout_user()
        session.clear()
    return page("people/not_me.html", told=told, done=True, wait="")
