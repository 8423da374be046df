"""A delegate corrects the name or address of an account, and says when somebody leaves."""

from __future__ import annotations

import datetime as dt

from flask import Response, flash, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import logout_user
from wtforms import SelectChoice

from hp_portal import clock
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.account.signing_in import end_sign_in
from hp_portal.core.applications.menu import plugins
from hp_portal.core.delegates import editing, leaving, successors
from hp_portal.core.delegates.account_views import CHANGED, ID, REFUSED, account_or_404, blueprint
from hp_portal.core.delegates.holding import ChangedMeanwhile, LastDelegate, NoAddress, OwnAccount, SharedAccount
from hp_portal.core.delegates.invitation_forms import EditForm, LeavingForm, StayForm
from hp_portal.core.identity.accounts import is_shared
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.web import prefixes
from hp_portal.core.web.formats import show_date
from hp_portal.core.web.render import db_session, page, redirect_to, settings

SHARED = (
    "This account serves another organization as well. Its owner alone changes the name and the e-mail address, under "
    "“Sign-in security”."
)


def _back(person: Person) -> Response:
    return redirect_to(url_for("accounts.one", person_id=person.id))


def _edit_page(person: Person, form: EditForm, status: int = 200) -> Response:
    return page("delegates/edit.html", person=person, form=form, status=status)


@blueprint.get(f"/accounts/{ID}/edit")
@access.delegate
def edit(person_id: int) -> ResponseReturnValue:
    person, db = account_or_404(person_id), db_session()
    if person.id == the_actor().person_id:
        flash(REFUSED[OwnAccount], "info")
        return _back(person)
    if is_shared(db, person):
        flash(SHARED, "info")
        return _back(person)
    return _edit_page(person, EditForm(formdata=None, name=person.name, email=person.email, known=person.name))


@blueprint.post(f"/accounts/{ID}/edit/save")
@access.delegate
def save_edit(person_id: int) -> ResponseReturnValue:
    person, form, db = account_or_404(person_id), EditForm(), db_session()
    if not form.validate_on_submit():
        return _edit_page(person, form, 422)
    said = []
    try:
        if editing.rename(db, the_actor(), person, form.name.data, known=form.known.data or ""):
            said.append("The name is corrected.")
        if editing.ask_for_email(db, the_actor(), person, form.email.data):
            said.append(
                f"A link is on its way to {form.email.data}. The new address counts once {person.name} has followed it, "
                "within a day."
            )
    except TooManyAttempts as error:
        db.rollback()
        words = "Another address was asked for too often. Wait {wait}, then try again."
        return too_many(form, error, lambda again, status: _edit_page(person, again, status), words)
    except NoAddress:
        db.rollback()
        form.email.errors = [
            f"{person.name} has not confirmed an address yet, and corrects it themselves at the next sign-in."
        ]
        return _edit_page(person, form, 422)
    except (ChangedMeanwhile, OwnAccount, SharedAccount) as error:
        db.rollback()
        flash(SHARED if isinstance(error, SharedAccount) else REFUSED[type(error)], "warn")
        return _back(person)
    db.commit()
    flash(" ".join(said) or "Nothing was changed.", "good" if said else "info")
    return _back(person)


def _offer(form: LeavingForm, person: Person) -> LeavingForm:
    known = leaving.colleagues(db_session(), person)
    names = [SelectChoice(str(one.id), f"{one.name}{', delegate' if one.is_delegate else ''}") for one in known]
    form.successor.choices = [SelectChoice("", "Choose …"), *names]
    return form


def _leaving_page(person: Person, form: LeavingForm, status: int = 200) -> Response:
    db = db_session()
    return page(
        "delegates/leaving.html",
        person=person,
        form=_offer(form, person),
        plan=leaving.plans_of(db, [person.id]).get(person.id),
        only=leaving.only_delegate(db, settings(), person),
        own=person.id == the_actor().person_id,
        status=status,
    )


@blueprint.get(f"/accounts/{ID}/leaving")
@access.delegate
def leaves(person_id: int) -> ResponseReturnValue:
    person = account_or_404(person_id)
    plan = leaving.plans_of(db_session(), [person.id]).get(person.id)
    actor = the_actor()
    successor = "" if actor.person_id == person.id else str(actor.person_id)
    form = LeavingForm(
        formdata=None,
        day=plan.leaves_on if plan else None,
        successor=str(plan.successor_id) if plan else successor,
        reason=plan.reason if plan else "",
        known=str(plan.id if plan else 0),
    )
    return _leaving_page(person, form)


@blueprint.post(f"/accounts/{ID}/leaving/save")
@access.delegate
def plan_leaving(person_id: int) -> ResponseReturnValue:
    person, form, db, actor = account_or_404(person_id), LeavingForm(), db_session(), the_actor()
    if not _offer(form, person).validate_on_submit():
        return _leaving_page(person, form, 422)
    try:
        done = leaving.plan(
            db,
            settings(),
            plugins(),
            actor,
            person,
            day=form.day.data,
            successor_id=int(form.successor.data),
            reason=form.reason.data,
            known=form.known_id,
        )
    except leaving.BadDay:
        db.rollback()
        form.day.errors = ["Choose today or a later day, at most a year from now."]
        return _leaving_page(person, form, 422)
    except leaving.NoSuccessor:
        db.rollback()
        form.successor.errors = ["Choose a colleague who has an active account."]
        return _leaving_page(person, form, 422)
    except LastDelegate:
        db.rollback()
        form.day.errors = [
            "This is the only delegate, who stays until somebody else has accepted to be one. Choose a later day: the "
            "successor is made a delegate at once, and asked to accept."
        ]
        return _leaving_page(person, form, 422)
    except ChangedMeanwhile:
        db.rollback()
        flash(CHANGED, "warn")
        return _back(person)
    db.commit()
    if done and person.id == actor.person_id:
        return _left(actor)
    name = person.name
    flash(f"{name} has left: the account is deactivated." if done else _planned(name, form.day.data), "good")
    return _back(person)


def _left(actor: Actor) -> Response:
    """Whoever has left goes on in another organization of theirs, or is signed out."""
    another = next((one for one, _ in actor.organizations if one != actor.organization_id), None)
    prefixes.leave()  # what is said is read where they are now
    if another is not None:
        flash(f"You have left {actor.organization_name}. Thank you for your work.", "good")
        return redirect_to(prefixes.below(another, url_for("pages.home")))
    db = db_session()
    end_sign_in(db, actor, actor.sign_in_id, "left")
    db.commit()
    logout_user()
    session.clear()
    flash("You have left, and are signed out. Thank you for your work.", "good")
    return redirect_to(url_for("account.sign_in"))


def _planned(name: str, day: dt.date) -> str:
    days = (day - clock.today(settings().payer.zone)).days
    return f"{name} leaves on {show_date(day)}, in {days} {'day' if days == 1 else 'days'}. You can change this until then."


@blueprint.post(f"/accounts/{ID}/leaving/stay")
@access.delegate
def stays(person_id: int) -> ResponseReturnValue:
    person, form, db = account_or_404(person_id), StayForm(), db_session()
    try:
        leaving.stay(db, the_actor(), person, known=form.known_id)
    except ChangedMeanwhile:
        db.rollback()
        flash(CHANGED, "warn")
    else:
        db.commit()
        flash(f"{person.name} stays.", "good")
    return _back(person)


@blueprint.post("/accounts/second-delegate/not-now")
@access.delegate
def no_second_now() -> ResponseReturnValue:
    """The advice to name a second delegate is put away for a while."""
    db = db_session()
    successors.put_off(db, the_actor())
    db.commit()
    return redirect_to(url_for("pages.home"))
