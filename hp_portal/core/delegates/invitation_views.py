"""*Create new user account*: a delegate looks whether somebody is known, invites them, and sees how the invitation stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.giving import new_people_get
from hp_portal.core.delegates import invitations, looking
from hp_portal.core.delegates.account_views import applications_to_give, blueprint
from hp_portal.core.delegates.holding import ChangedMeanwhile
from hp_portal.core.delegates.invitation_forms import InviteForm, LookForForm
from hp_portal.core.delegates.models import Invitation
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many, wait_words
from hp_portal.core.people.ended import OrganizationEnded
from hp_portal.core.web.render import db_session, page, redirect_to, settings

CHANGED = "This invitation has changed in the meantime: it was accepted, or another delegate was faster. See below."
ENDED = "Your organization has ended on the portal, so nobody can be invited to it."
UNFINISHED = "You can invite people once the registration of your organization is finished."
TOO_MANY = "Too many invitations were sent to this address, or by your organization. Wait {wait}, then try again."
REFUSED: dict[type[Exception], str] = {
    ChangedMeanwhile: "You are not a delegate anymore.",
    OrganizationEnded: ENDED,
    invitations.Unfinished: UNFINISHED,
}


def _look_page(form: LookForForm, status: int = 200) -> Response:
    return page("delegates/look.html", form=form, status=status)


@blueprint.get("/accounts/new")
@access.delegate
def new() -> ResponseReturnValue:
    """First the name and the address; with both, who is known by them, and the invitation."""
    form = LookForForm(request.args)
    if not request.args:
        return _look_page(LookForForm())
    if not form.validate():
        return _look_page(form, 422)
    db = db_session()
    known = looking.look_for(db, the_actor(), form.name.data, form.email.data)
    chosen = [one.key for one in applications_to_give() if one.key in new_people_get(db)]
    db.commit()
    invitation = InviteForm(formdata=None, name=form.name.data, email=form.email.data, applications=chosen)
    return _invite_page(invitation, known=known)


def _offer(form: InviteForm) -> InviteForm:
    form.applications.choices = [SelectChoice(one.key, one.label) for one in applications_to_give()]
    return form


def _invite_page(form: InviteForm, status: int = 200, known: looking.Known | None = None) -> Response:
    return page("delegates/invite.html", form=_offer(form), known=known, days=settings().invitation_days, status=status)


@blueprint.post("/accounts/invitations/new")
@access.delegate
def invite() -> ResponseReturnValue:
    form, db = _offer(InviteForm()), db_session()
    if not form.validate_on_submit():
        return _invite_page(form, 422)
    wanted = invitations.Wanted(
        form.name.data, form.email.data, tuple(form.applications.data or ()), bool(form.delegate.data)
    )
    try:
        invitations.invite(db, settings(), the_actor(), applications_to_give(), wanted)
    except invitations.HasAccount as error:
        db.rollback()
        flash("Somebody of your organization has this e-mail address: this is their account.", "info")
        return redirect_to(url_for("accounts.one", person_id=error.person_id))
    except invitations.InvitedAlready as error:
        db.rollback()
        by = f"by {error.by}" if error.by else "already"
        flash(
            f"{form.email.data} was invited {by}. The invitation is in this list: send it again, or cancel it.", "warn"
        )
        return redirect_to(url_for("accounts.invitations"))
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, _invite_page, TOO_MANY)
    except tuple(REFUSED) as error:
        db.rollback()
        form.form_errors = [REFUSED[type(error)]]
        return _invite_page(form, 422)
    db.commit()
    flash(f"An invitation is on its way to {form.email.data}.", "good")
    return redirect_to(url_for("accounts.invitations"))


@blueprint.get("/accounts/invitations", endpoint="invitations")
@access.delegate
def all_invitations() -> ResponseReturnValue:
    db = db_session()
    found = invitations.list_invitations(db)
    labels = {one.key: one.label for one in applications_to_give()}
    return page(
        "delegates/invitations.html",
        invitations=found,
        labels=labels,
        most=invitations.LISTED,
        days=settings().invitation_days,
    )


def _do(invitation_id: int, deed: Callable[[Any, Invitation], str]) -> Response:
    db = db_session()
    invitation = invitations.find_invitation(db, invitation_id) or abort(404)
    try:
        said = deed(db, invitation)
    except TooManyAttempts as error:
        db.rollback()
        flash(TOO_MANY.format(wait=wait_words(error)), "warn")
    except tuple(REFUSED) as error:
        db.rollback()
        flash(CHANGED if isinstance(error, ChangedMeanwhile) else REFUSED[type(error)], "warn")
    else:
        db.commit()
        flash(said, "good")
    return redirect_to(url_for("accounts.invitations"))


@blueprint.post("/accounts/invitations/<id:invitation_id>/send-again")
@access.delegate
def send_invitation_again(invitation_id: int) -> ResponseReturnValue:
    def deed(db: Any, invitation: Invitation) -> str:
        invitations.send_again(db, settings(), the_actor(), invitation)
        return f"A new link is on its way to {invitation.email}. The one before works no longer."

    return _do(invitation_id, deed)


@blueprint.post("/accounts/invitations/<id:invitation_id>/cancel")
@access.delegate
def cancel_invitation(invitation_id: int) -> ResponseReturnValue:
    def deed(db: Any, invitation: Invitation) -> str:
        invitations.cancel(db, the_actor(), invitation)
        return f"The invitation of {invitation.name} is canceled."

    return _do(invitation_id, deed)
