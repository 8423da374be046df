"""The pages behind the link of an invitation. Opening it changes nothing; the buttons do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import current_actor
from hp_portal.core.account.second_step_views import INVITATION, enter
from hp_portal.core.account.signing_in import start_sign_in
from hp_portal.core.agreements.accepting import accept, current_agreements
from hp_portal.core.agreements.forms import agreements_form
from hp_portal.core.applications.menu import plugins
from hp_portal.core.delegates import accepting
from hp_portal.core.delegates.accepting import ELSEWHERE, HERE, NONE, LinkDead, NotOpen, Offer, OtherAccount
from hp_portal.core.delegates.invitation_forms import AcceptAsNewForm
from hp_portal.core.delegates.invitations import OPEN
from hp_portal.core.identity.passwords import WeakPassword
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many, wait_words, with_retry_after
from hp_portal.core.people.accounts import NameTaken, propose_username
from hp_portal.core.registration.drafts import check_names, count_name
from hp_portal.core.web.prefixes import below, leave
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import client_address, counted_address

blueprint = Blueprint("invitation", __name__)


def _token() -> str:
    return str(session.get(INVITATION, ""))


@blueprint.get("/invitation/<token>")
@access.public
def follow_link(token: str) -> ResponseReturnValue:
    """Take the token out of the address, so that it stays neither on screen nor in the browser's history."""
    session[INVITATION] = token[:200]
    return redirect_to(url_for("invitation.look"))


def _dead(wait: str = "", status: int = 410) -> Response:
    return page("delegates/invitation_dead.html", offer=None, wait=wait, days=settings().invitation_days, status=status)


def _offered() -> Offer | Response:
    """What the link offers, or the page that says why it offers nothing."""
    db = db_session()
    try:
        offer = accepting.look(db, settings(), _token(), counted_address(), plugins().applications, current_actor())
    except LinkDead:
        db.commit()
        return _dead()
    except TooManyAttempts as error:
        db.rollback()
        return with_retry_after(_dead(wait_words(error), 429), error)
    if offer.state == OPEN:
        return offer
    return page("delegates/invitation_dead.html", offer=offer, wait="", days=settings().invitation_days, status=410)


def _form(offer: Offer, **given: Any) -> Any:
    return agreements_form(
        current_agreements(db_session(), settings(), delegate=offer.delegate), AcceptAsNewForm, **given
    )


def _page(offer: Offer, form: Any = None, status: int = 200) -> Response:
    """The invitation. Whoever is signed in accepts with that account; whoever has none makes one here."""
    actor = current_actor()
    makes = offer.account == NONE and actor is None
    if makes and form is None:
        form = _form(offer, formdata=None, username=propose_username(offer.name, offer.id))
    return page(
        "delegates/invitation.html",
        offer=offer,
        form=form if makes else None,
        actor=actor,
        can_accept=offer.own in (HERE, ELSEWHERE),
        min_length=settings().password_min_length,
        status=status,
    )


@blueprint.get("/invitation")
@access.public
def look() -> ResponseReturnValue:
    offer = _offered()
    return _page(offer) if isinstance(offer, Offer) else offer


def _changed() -> Response:
    """It is not what it was when the page was shown: look again."""
    db_session().rollback()
    flash("This has changed in the meantime. See how it stands now.", "warn")
    return redirect_to(url_for("invitation.look"))


@blueprint.post("/invitation/account")
@access.public
def make_account() -> ResponseReturnValue:
    offer, db = _offered(), db_session()
    if not isinstance(offer, Offer):
        return offer
    if offer.account != NONE or current_actor() is not None:
        return _changed()
    form = _form(offer)
    if not form.validate_on_submit():
        return _page(offer, form, 422)
    try:
        with scopes.whole(db, "user names that are taken are counted"):
            check_names(db, counted_address(), offer.email)
        person = accepting.accept_as_new(
            db,
            settings(),
            plugins().applications,
            _token(),
            username=form.username.data,
            password=form.new.data,
        )
    except (LinkDead, NotOpen, OtherAccount):
        return _changed()
    except WeakPassword as error:
        db.rollback()
        form.new.errors = [str(error)]
        return _page(offer, form, 422)
    except NameTaken:
        db.rollback()
        with scopes.whole(db, "user names that are taken are counted"):
            count_name(db, counted_address(), offer.email)
        db.commit()
        form.username.errors = ["This user name is taken. Choose another one."]
        return _page(offer, form, 422)
    except TooManyAttempts as error:
        db.rollback()
        words = "Too many user names that are already taken were tried. Wait {wait}, or contact us."
        return too_many(form, error, lambda again, status: _page(offer, again, status), words)
    accept(db, person.id, [one for one, _ in form.agreements], client_address())
    with scopes.whole(db, "the account that was just made"):
        started = start_sign_in(db, person, client_address(), request.user_agent.string)
    session.pop(INVITATION, None)
    answer = enter(db, started, None)
    flash(f"Welcome. Your user name is {person.username}.", "good")
    return answer


@blueprint.post("/invitation/accept")
@access.public
def accept_with_account() -> ResponseReturnValue:
    """Whoever is signed in accepts with the account they have."""
    offer, db, actor = _offered(), db_session(), current_actor()
    if not isinstance(offer, Offer):
        return offer
    if actor is None:
        return redirect_to(url_for("account.sign_in", next=url_for("invitation.look")))
    try:
        person = accepting.accept_as(db, actor, plugins().applications, _token())
    except (LinkDead, NotOpen, OtherAccount):
        return _changed()
    there = person.organization_id or 0
    db.commit()
    session.pop(INVITATION, None)
    leave()  # it is said at the new organization
    flash(f"You are at {offer.organization} now, with the account you have.", "good")
    home = url_for("pages.home")
    return redirect_to(home if there == actor.organization_id else below(there, home))


@blueprint.post("/invitation/decline")
@access.public
def decline() -> ResponseReturnValue:
    offer, db = _offered(), db_session()
    if not isinstance(offer, Offer):
        return offer
    try:
        accepting.decline(db, _token())
    except (LinkDead, NotOpen):
        return _changed()
    db.commit()
    session.pop(INVITATION, None)
    flash(f"You have declined the invitation. We have told {offer.inviter}.", "good")
    return redirect_to(url_for("pages.home"))
