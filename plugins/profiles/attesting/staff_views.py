"""The staff's pages of attestations, and of what speaks against the record."""

from __future__ import annotations

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page, redirect_to, settings, the_actor, today

from ..blueprint import WORK, staff_blueprint
from .acting import plugin_settings
from .contradicting import settle_contradiction
from .figures import LIST, WORDS, answered_in_time, count_due, list_due
from .flagging import LIST as CONTRADICTIONS
from .flagging import STATES, FlagForm, count_open, flag, list_contradictions


@staff_blueprint.get("/attestations")
@access.staff(WORK)
def attestations() -> ResponseReturnValue:
    db = db_session()
    listing = list_due(db, LIST.read(request.args)).at("profiles_staff.attestations")
    return page(
        "profiles/staff/attestations.html",
        "results",
        listing=listing,
        figures=count_due(db),
        answered=answered_in_time(db),
        speaking=count_open(db),
        words=WORDS,
        rules=plugin_settings(),
    )


@staff_blueprint.get("/contradictions")
@access.staff(WORK)
def contradictions() -> ResponseReturnValue:
    listing = list_contradictions(db_session(), CONTRADICTIONS.read(request.args)).at("profiles_staff.contradictions")
    return page("profiles/staff/contradictions.html", "results", listing=listing, words=STATES)


@staff_blueprint.post("/contradictions/<id:contradiction_id>/settle")
@access.staff(WORK)
def contradiction_settle(contradiction_id: int) -> ResponseReturnValue:
    db = db_session()
    if not settle_contradiction(db, contradiction_id, the_actor().person_id):
        abort(404)
    db.commit()
    flash("It is settled. Offices do not see it any more.", "good")
    return redirect_to(url_for("profiles_staff.contradictions"))


def _flag_page(form: FlagForm, status: int = 200) -> Response:
    return page("profiles/staff/flag.html", form=form, status=status)


@staff_blueprint.get("/contradictions/new")
@access.staff(WORK)
def contradiction_new() -> ResponseReturnValue:
    form = FlagForm(formdata=None)
    form.seen_on.data = today(settings().payer.zone)
    return _flag_page(form)


@staff_blueprint.post("/contradictions/add")
@access.staff(WORK)
def contradiction_add() -> ResponseReturnValue:
    db, form = db_session(), FlagForm()
    if not form.validate_on_submit() or not flag(db, form, the_actor().person_id):
        return _flag_page(form, 422)
    db.commit()
    flash("It is flagged. The office sees it when it attests.", "good")
    return redirect_to(url_for("profiles_staff.contradictions"))
