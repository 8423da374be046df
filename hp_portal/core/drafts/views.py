"""*Our drafts*: the list of an office, and throwing one away. Going on with one is a page of its application."""

from __future__ import annotations

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.drafts import words as words
from hp_portal.core.drafts.keeping import DraftGone, DraftSent, hold_draft, remove_draft
from hp_portal.core.drafts.listing import LIST, find_own, own_drafts
from hp_portal.core.web.render import db_session, page, redirect_to, settings

blueprint = Blueprint("drafts", __name__, url_prefix="/drafts")


@blueprint.get("/")
@access.signed_in
def own() -> ResponseReturnValue:
    actor = the_actor()
    if actor.is_staff:
        return redirect_to(url_for("pages.home"))
    listing = own_drafts(db_session(), actor, LIST.read(request.args)).at("drafts.own")
    return page("drafts/own.html", "results", listing=listing, days=settings().draft_days)


@blueprint.get("/<id:draft_id>/throw-away")
@access.signed_in
def ask(draft_id: int) -> ResponseReturnValue:
    actor = the_actor()
    found = (None if actor.is_staff else find_own(db_session(), actor, draft_id)) or abort(404)
    return page("drafts/throw_away.html", draft=found)


@blueprint.post("/<id:draft_id>/remove")
@access.signed_in
def remove(draft_id: int) -> ResponseReturnValue:
    actor, db = the_actor(), db_session()
    found = (None if actor.is_staff else find_own(db, actor, draft_id)) or abort(404)
    try:
        remove_draft(db, hold_draft(db, found.kind, draft_id))
    except (DraftGone, DraftSent):
        db.rollback()
        abort(404)
    db.commit()
    flash("The draft and its files were thrown away.", "good")
    return redirect_to(url_for("drafts.own"))
