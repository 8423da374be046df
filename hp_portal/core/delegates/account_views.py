"""*View all accounts*: the people of a delegate's own organization, and what the delegate does with their accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.delegates import accounts, lost_factors
from hp_portal.core.delegates.accounts import ACCOUNTS, Account, AccountFilter
from hp_portal.core.delegates.forms import AccountsForm
from hp_portal.core.delegates.holding import (
    ChangedMeanwhile,
    LastDelegate,
    LockedByOwner,
    NoAddress,
    OwnAccount,
    SharedAccount,
)
from hp_portal.core.delegates.invitations import count_waiting
from hp_portal.core.delegates.leaving import plans_of
from hp_portal.core.documents.sheets import CSV_TYPE
from hp_portal.core.identity.accounts import is_shared
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.people.changes import is_disowned
from hp_portal.core.people.ended import OrganizationEnded, TaxIdTaken
from hp_portal.core.people.factor_resets import NothingToReset, SecondNeeded
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.formats import show_count
from hp_portal.core.web.listing import Listing
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.database import PortalSession
from hp_portal.hookspecs import Application

blueprint = Blueprint("accounts", __name__)
ID = "<id:person_id>"
LOST = "lost-"
CHANGED = (
    "This has changed in the meantime: another delegate was faster, or the account is in another state now. See below."
)
REFUSED: dict[type[Exception], str] = {
    ChangedMeanwhile: CHANGED,
    NothingToReset: CHANGED,
    LastDelegate: "This is the last delegate of your organization. Make somebody else a delegate first: it counts once they have "
    "accepted the site delegate agreement.",
    LockedByOwner: "Its owner has said that a change of the account was not theirs. Our staff look into it first.",
    OrganizationEnded: CHANGED,
    TaxIdTaken: CHANGED,
    OwnAccount: "You cannot do this with your own account. Another delegate can.",
    SharedAccount: "This account opens another organization as well, so delegates cannot remove its second factors. Its owner "
    "contacts us, and our staff help them back in.",
    SecondNeeded: "Another delegate has to agree, not the one who asked, nor the person it is about.",
}


def applications_to_give() -> list[Application]:
    """What the delegate may give."""
    return accounts.applications_to_give(db_session(), the_actor(), plugins().applications)


def _form(applications: list[Application]) -> AccountsForm:
    form = AccountsForm(request.args)
    form.application.choices = [SelectChoice("", "Any"), *(SelectChoice(one.key, one.label) for one in applications)]
    return form


def _wanted(form: AccountsForm) -> AccountFilter:
    return AccountFilter(*(field.data or "" for field in form))


def _list_page(form: AccountsForm, status: int = 200, listing: Listing[Account] | None = None, **more: Any) -> Response:
    return page(
        "delegates/accounts.html",
        "results",
        form=form,
        listing=listing,
        invited=count_waiting(db_session()),
        **{"resets": [], **more},
        status=status,
    )


@blueprint.get("/accounts")
@access.delegate
def index() -> ResponseReturnValue:
    db, applications = db_session(), applications_to_give()
    form = _form(applications)
    if not form.validate():
        return _list_page(form, 422)
    wanted = _wanted(form)
    listing = accounts.list_accounts(db, settings(), the_actor(), wanted, ACCOUNTS.read(request.args))
    listing = listing.at("accounts.index", **vars(wanted))
    db.commit()
    labels = {one.key: one.label for one in applications}
    return _list_page(
        form,
        listing=listing,
        wanted=vars(wanted),
        labels=labels,
        resets=lost_factors.waiting_resets(db),
        plans=plans_of(db, [one.id for one in listing.rows]),
    )


@blueprint.get("/accounts/csv")
@access.delegate
def download() -> ResponseReturnValue:
    db, form = db_session(), _form(applications_to_give())
    if not form.validate():
        return _list_page(form, 422)
    body = accounts.accounts_csv(db, settings(), the_actor(), _wanted(form), plugins().applications)
    db.commit()
    return attachment(body, "accounts.csv", CSV_TYPE)


def account_or_404(person_id: int) -> Person:
    """Somebody of the delegate's organization."""
    return accounts.find_account(db_session(), person_id) or abort(404)


def _account_page(person: Person, form: ReasonForm, status: int = 200, lost: ReasonForm | None = None) -> Response:
    db, actor = db_session(), the_actor()
    found = accounts.view_account(db, settings(), person)
    db.commit()
    return page(
        "delegates/account.html",
        found=found,
        form=form,
        lost=lost or ReasonForm(formdata=None, prefix=LOST),
        reset=next(iter(lost_factors.waiting_resets(db, person.id)), None),
        me=actor.person_id,
        plan=plans_of(db, [person.id]).get(person.id),
        own=person.id == actor.person_id,
        serves_others=is_shared(db, person),
        locked_by_owner=is_disowned(db, person.id),
        applications=applications_to_give(),
        status=status,
    )


@blueprint.get(f"/accounts/{ID}")
@access.delegate
def one(person_id: int) -> ResponseReturnValue:
    return _account_page(account_or_404(person_id), ReasonForm(formdata=None))


def _do(person: Person, deed: Callable[[PortalSession, Actor], str]) -> Response:
    """Do something with an account, which returns what is said of it, and show it again; or say what stood in the way."""
    db = db_session()
    try:
        said = deed(db, the_actor())
    except NoAddress:
        db.rollback()
        flash(f"{person.name} has not confirmed an e-mail address yet, so nothing can be sent there.", "warn")
    except tuple(REFUSED) as error:
        db.rollback()
        flash(REFUSED[type(error)], "warn")
    else:
        db.commit()
        flash(said, "good")
    return redirect_to(url_for("accounts.one", person_id=person.id))


@blueprint.post(f"/accounts/{ID}/unlock")
@access.delegate
def unlock(person_id: int) -> ResponseReturnValue:
    person = account_or_404(person_id)

    def deed(db: PortalSession, actor: Actor) -> str:
        accounts.unlock(db, actor, person)
        return f"{person.name} can try to sign in again."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/password-link")
@access.delegate
def password_link(person_id: int) -> ResponseReturnValue:
    person = account_or_404(person_id)

    def deed(db: PortalSession, actor: Actor) -> str:
        accounts.send_password_link(db, settings(), actor, person)
        return f"A link to set a password is on its way to {person.email}."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/end-sessions")
@access.delegate
def end_sessions(person_id: int) -> ResponseReturnValue:
    person = account_or_404(person_id)

    def deed(db: PortalSession, actor: Actor) -> str:
        ended = accounts.end_sessions(db, actor, person)
        told = f"was signed out of {show_count(ended, 'session')}" if ended else "was not signed in"
        return f"{person.name} {told}."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/deactivate")
@access.delegate
def deactivate(person_id: int) -> ResponseReturnValue:
    person, form = account_or_404(person_id), ReasonForm()
    if not form.validate_on_submit():
        return _account_page(person, form, 422)

    def deed(db: PortalSession, actor: Actor) -> str:
        accounts.deactivate(db, actor, person, form.reason.data)
        return f"{person.name}’s account is deactivated: they no longer work for your organization in the portal."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/reactivate")
@access.delegate
def reactivate(person_id: int) -> ResponseReturnValue:
    person = account_or_404(person_id)

    def deed(db: PortalSession, actor: Actor) -> str:
        accounts.reactivate(db, actor, person)
        return f"{person.name}’s account is active again."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/make-delegate")
@access.delegate
def make_delegate(person_id: int) -> ResponseReturnValue:
    person = account_or_404(person_id)

    def deed(db: PortalSession, actor: Actor) -> str:
        accounts.make_delegate(db, actor, person)
        return f"{person.name} is a delegate now, and is asked to accept the site delegate agreement on the next page."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/end-delegate")
@access.delegate
def end_delegate(person_id: int) -> ResponseReturnValue:
    person, own = account_or_404(person_id), person_id == the_actor().person_id

    def deed(db: PortalSession, actor: Actor) -> str:
        accounts.end_delegate(db, settings(), actor, person)
        return "You are not a delegate anymore." if own else f"{person.name} is not a delegate anymore."

    answer = _do(person, deed)
    return answer if not own or person.is_delegate else redirect_to(url_for("pages.home"))


@blueprint.post(f"/accounts/{ID}/applications/<application>")
@access.delegate
def application(person_id: int, application: str) -> ResponseReturnValue:
    """Give one application or take it: `enabled` is 1 or 0."""
    person, chosen = account_or_404(person_id), request.form.get("enabled")
    known = next((one for one in applications_to_give() if one.key == application), None) or abort(404)
    if chosen not in ("0", "1"):
        abort(400)
    wanted = chosen == "1"

    def deed(db: PortalSession, actor: Actor) -> str:
        accounts.give(db, actor, person, known, wanted=wanted)
        return f"{person.name} {'now has' if wanted else 'no longer has'} {known.label}."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/lost-factors")
@access.delegate
def lost(person_id: int) -> ResponseReturnValue:
    """Ask to remove the second factors that somebody has lost."""
    person, form = account_or_404(person_id), ReasonForm(prefix=LOST)
    if not form.validate_on_submit():
        return _account_page(person, ReasonForm(formdata=None), 422, form)

    def deed(db: PortalSession, actor: Actor) -> str:
        lost_factors.ask_reset(db, settings(), actor, person, form.reason.data)
        return f"{person.name} and the other delegates are told. See below when it is done."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/lost-factors/agree")
@access.delegate
def agree(person_id: int) -> ResponseReturnValue:
    person = account_or_404(person_id)

    def deed(db: PortalSession, actor: Actor) -> str:
        lost_factors.agree_to_reset(db, actor, person)
        return f"The second factors are removed. {person.name} now signs in with the password alone, and can set up new ones."

    return _do(person, deed)


@blueprint.post(f"/accounts/{ID}/lost-factors/cancel")
@access.delegate
def cancel(person_id: int) -> ResponseReturnValue:
    person = account_or_404(person_id)

    def deed(db: PortalSession, actor: Actor) -> str:
        lost_factors.cancel_reset(db, actor, person)
        return f"The second factors of {person.name} stay as they are."

    return _do(person, deed)
