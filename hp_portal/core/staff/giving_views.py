"""Giving applications to people and taking them, one by one or to everybody, and what new people get."""

from __future__ import annotations

from flask import abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications import giving
from hp_portal.core.applications.matrix import audiences_of
from hp_portal.core.applications.menu import plugins
from hp_portal.core.people.accounts import find_member
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.web.render import db_session, page, redirect_to, wants_fragment
from hp_portal.hookspecs import Application


def application_or_404(key: str) -> Application:
    """The installed application of that key."""
    return next((one for one in plugins().applications if one.key == key), None) or abort(404)


def wanted_or_400() -> bool:
    """What a switch was set to."""
    wanted = request.form.get("enabled")
    return wanted == "1" if wanted in ("0", "1") else abort(400)


@blueprint.post("/people/<id:person_id>/applications/<application>")
@access.staff("staff:applications:give")
def people_application(person_id: int, application: str) -> ResponseReturnValue:
    """One cell of an organization's table of people and applications: `enabled` is 1 or 0."""
    db, wanted = db_session(), wanted_or_400()
    person = find_member(db, person_id) or abort(404)
    known = application_or_404(application)
    deed = giving.give_application if wanted else giving.take_application
    deed(db, the_actor(), person, known)
    db.commit()
    if wants_fragment():
        return page("staff/organization.html", "cell", person=person, application=known, given=wanted, saved=True)
    flash(f"{person.name} {'now has' if wanted else 'no longer has'} {known.label}.", "good")
    return redirect_to(url_for("staff.organizations_one", organization_id=person.organization_id, _anchor="given"))


@blueprint.post("/applications/<application>/new-people")
@access.staff("staff:applications:manage")
def applications_new_people(application: str) -> ResponseReturnValue:
    """Do new people get the application? `enabled` is 1 or 0."""
    db, wanted = db_session(), wanted_or_400()
    known = application_or_404(application)
    giving.set_new_people_get(db, the_actor(), known, wanted=wanted)
    db.commit()
    if wants_fragment():
        return page("staff/applications.html", "new_people", application=known, wanted=wanted, saved=True)
    flash(f"New people {'get' if wanted else 'do not get'} {known.label}.", "good")
    return redirect_to(url_for("staff.applications", _anchor="people"))


@blueprint.route("/applications/<application>/give", methods=["GET", "POST"])
@access.staff("staff:applications:give")
def applications_give(application: str) -> ResponseReturnValue:
    """Give an application to everybody who could use it."""
    db, known = db_session(), application_or_404(application)
    audiences = audiences_of(db, known)
    if request.method == "GET":
        lacking = giving.count_lacking(db, known, {audience.value for audience in audiences})
        return page("staff/give.html", application=known, audiences=audiences, lacking=lacking)
    given = giving.give_to_everybody(db, the_actor(), known, {audience.value for audience in audiences})
    db.commit()
    people = "1 person" if given == 1 else f"{given:,} people"
    flash(f"{known.label} was given to {people}.", "good")
    return redirect_to(url_for("staff.applications", _anchor="people"))
