"""Saying why one looks at what belongs to patients: asked before the first such page, changed from the account's menu."""

from __future__ import annotations

from flask import Blueprint, Response, flash, request
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import safe_next, the_actor
from hp_portal.core.access.reasons import PREFIX, ask_page, give_reason
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.render import db_session, redirect_to, settings

blueprint = Blueprint("reason", __name__)
SHORTEST, LONGEST = 3, 100


@blueprint.get("/reason")
@access.signed_in
def ask() -> ResponseReturnValue:
    return ask_page(request.args.get("next", ""))


@blueprint.post("/reason")
@access.signed_in
def give() -> ResponseReturnValue:
    """Keeps the reason and goes on: to a page, or with a form that has waited for it, sent on as it was (307)."""
    sent = request.form
    chosen, other = sent.get(f"{PREFIX}choice", ""), one_line(sent.get(f"{PREFIX}other")) or ""
    waits = f"{PREFIX}waits" in sent
    words = chosen if chosen in settings().reasons else other
    if not SHORTEST <= len(words) <= LONGEST:
        return _again(other, waits)
    db, actor = db_session(), the_actor()
    give_reason(db, actor.sign_in_id, words)
    db.commit()
    if actor.reason and not waits:
        flash(f"Your reason is now: {words}.", "good")
    return redirect_to(safe_next(sent.get(f"{PREFIX}next")), status=307 if waits else 303)


def _again(other: str, waits: bool) -> Response:
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and not name.startswith(PREFIX)
    ]
    error = f"Choose a reason above, or write one of {SHORTEST} to {LONGEST} characters."
    to = request.form.get(f"{PREFIX}next", "")
    return ask_page(to, fields if waits else None, other=other, error=error, status=422)
