"""The page of a person in the console, and what staff do with an account."""

from __future__ import annotations

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.delegates.leaving import plans_of
from hp_portal.core.identity.accounts import is_open, rows_of
from hp_portal.core.identity.delegates import has_delegate
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people import accounts, changes, password_links, resting
from hp_portal.core.people.ended import OrganizationEnded, TaxIdTaken
from hp_portal.core.people.forms import CreatePersonForm, ReasonForm
from hp_portal.core.people.memberships import memberships_of
from hp_portal.core.registration.closing import close_rows
from hp_portal.core.staff import viewing
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.organizations import find_organization
from hp_portal.core.web.formats import show_count
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.render import db_session, form_status, page, redirect_to, settings

ID = "<id:person_id>"
# What the button says that lets an organization go on which has ended.
GOES_ON = "goes-on"
TAKEN = {
    "username": "Somebody has this user name already. Choose another, or leave it empty.",
    "email": "An account with this e-mail address exists already. Everybody needs an address of their own.",
}


def _member(person_id: int) -> Person:
    return accounts.find_member(db_session(), person_id) or abort(404)


@blueprint.get(f"/people/{ID}")
@access.staff("staff:people:search")
def people_one(person_id: int) -> ResponseReturnValue:
    return _person_page(_member(person_id), ReasonForm(formdata=None), 200)


@blueprint.get("/people/locked")
@access.staff("staff:people:unlock")
def people_locked() -> ResponseReturnValue:
    return _locked_page(ReasonForm(formdata=None), 200)


def _locked_page(form: ReasonForm, status: int, settling: int = 0) -> Response:
    db = db_session()
    rows = viewing.list_locked(db, settings())
    db.commit()
    own, unused = changes.disowned(db), resting.unused_delegates(db)
    return page("staff/locked.html", rows=rows, own=own, unused=unused, form=form, settling=settling, status=status)


@blueprint.post("/people/locked/<id:change_id>")
@access.staff("staff:people:unlock")
def people_settle(change_id: int) -> ResponseReturnValue:
    """Staff have looked into an account that its owner has locked."""
    form, db = ReasonForm(), db_session()
    if not form.validate_on_submit():
        return _locked_page(form, 422, change_id)
    if changes.settle(db, the_actor(), change_id, form.reason.data):
        db.commit()
        flash("That is settled.", "good")
    return redirect_to(url_for("staff.people_locked"))


def _person_page(person: Person, form: ReasonForm, status: int) -> Response:
    db = db_session()
    found = viewing.view_person(db, settings(), person)
    db.commit()
    own, plan = memberships_of(db, person), plans_of(db, [person.id]).get(person.id)
    return page("staff/person.html", found=found, form=form, goes_on=GOES_ON, memberships=own, plan=plan, status=status)


def _back(person: Person) -> Response:
    return redirect_to(url_for("staff.people_one", person_id=person.id))


def _organization(organization_id: int) -> Organization:
    return find_organization(db_session(), organization_id) or abort(404)


def _new_page(organization: Organization, form: CreatePersonForm, status: int) -> Response:
    return page("staff/person_new.html", organization=organization, form=form, status=status)


@blueprint.route("/organizations/<id:organization_id>/people/new", methods=["GET", "POST"])
@access.staff("staff:people:create")
def people_new(organization_id: int) -> ResponseReturnValue:
    organization, form = _organization(organization_id), CreatePersonForm()
    if not form.validate_on_submit():
        return _new_page(organization, form, form_status(form))
    db = db_session()
    try:
        person = accounts.create_person(
            db,
            the_actor(),
            plugins().applications,
            organization_id=organization.id,
            name=form.name.data,
            email=form.email.data,
            username=form.username.data or "",
            delegate=form.delegate.data,
        )
    except OrganizationEnded:  # at this moment
        db.rollback()
        abort(404)
    except accounts.NameTaken as taken:
        db.rollback()
        form[taken.field].errors = [TAKEN[taken.field]]
        return _new_page(organization, form, 422)
    db.commit()
    flash(
        f"{person.name} now has an account with the user name {person.username}. A link lets them set a password.",
        "good",
    )
    return _back(person)


@blueprint.post(f"/people/{ID}/unlock")
@access.staff("staff:people:unlock")
def people_unlock(person_id: int) -> ResponseReturnValue:
    person, db = _member(person_id), db_session()
    accounts.unlock(db, person)
    db.commit()
    flash(f"{person.name} can try to sign in again.", "good")
    return _back(person)


@blueprint.post(f"/people/{ID}/password-link")
@access.staff("staff:password-links:make")
def people_password_link(person_id: int) -> ResponseReturnValue:
    """Shows the link once; only its hash is kept."""
    person, db = _member(person_id), db_session()
    if person.deactivated_at is not None:
        flash(f"{person.name}’s account is deactivated. Reactivate it first.", "warn")
        return _back(person)
    made = password_links.make_link(db, settings(), the_actor(), person)
    db.commit()
    url = absolute_url("people.follow_link", token=made.token)
    return page("staff/password_link.html", person=person, url=url, expires_at=made.expires_at)


@blueprint.post(f"/people/{ID}/end-sessions")
@access.staff("staff:people:deactivate")
def people_end_sessions(person_id: int) -> ResponseReturnValue:
    person, db = _member(person_id), db_session()
    ended = accounts.end_sessions(db, person)
    db.commit()
    told = show_count(ended, "session")
    flash(f"{person.name} was signed out of {told}." if ended else f"{person.name} was not signed in.", "good")
    return _back(person)


@blueprint.post(f"/people/{ID}/deactivate")
@access.staff("staff:people:deactivate")
def people_deactivate(person_id: int) -> ResponseReturnValue:
    person, db, form = _member(person_id), db_session(), ReasonForm()
    if not form.validate_on_submit():
        return _person_page(person, form, 422)
    rows = rows_of(db, person) if request.form.get("whole") else [person]
    done = close_rows(db, rows, form.reason.data)
    left = is_open(db, person)
    db.commit()
    if done:
        closed = f"{person.name}’s account is deactivated, and their sessions have been ended."
        flash(f"{person.name} no longer works for this organization." if left else closed, "good")
    if not all(has_delegate(db, row.organization_id) for row in rows):
        which = "This organization" if len(rows) == 1 else "One of these organizations"
        flash(f"{which} now has no delegate who can sign in.", "warn")
    return _back(person)


@blueprint.post(f"/people/{ID}/reactivate")
@access.staff("staff:people:deactivate")
def people_reactivate(person_id: int) -> ResponseReturnValue:
    person, db = _member(person_id), db_session()
    try:
        accounts.reactivate(db, person, reopen=request.form.get("organization") == GOES_ON)
    except OrganizationEnded as ended:
        db.rollback()
        flash(f"Nothing was changed: {ended.organization} has ended. See below what reactivating does now.", "warn")
        return _back(person)
    except TaxIdTaken as taken:
        db.rollback()
        flash(f"Nothing was changed: {taken.by} is registered with the organization’s Tax ID by now.", "warn")
        return _back(person)
    db.commit()
    flash(f"{person.name}’s account is active again.", "good")
    return _back(person)
