"""The ways on of somebody with an account: after staff have declined, and where several organizations hold the payee."""

from __future__ import annotations

from flask import Response, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.account.confirming_views import confirmed
from hp_portal.core.applications.menu import plugins
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.registration import again, later, proving
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.facts import DecidedAlready
from hp_portal.core.registration.forms import AddressForm, FollowForm, MailForm
from hp_portal.core.registration.models import MAIL, PIN
from hp_portal.core.registration.own import followable
from hp_portal.core.registration.own_views import MINE, own_of
from hp_portal.core.registration.proof_views import LOCKED, NOT_FOUND, OF_BILLING
from hp_portal.core.registration.views import blueprint
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import counted_address

SAME = (
    "This is the Tax ID and NPI that we have declined. Another letter goes there only once its address on record has changed. "
    "Use a payment instead, or contact us."
)


def _back() -> Response:
    return redirect_to(url_for("registration.own"))


@blueprint.route("/registration/other-tax-id", methods=["GET", "POST"])
@access.signed_in
def other_tax_id() -> ResponseReturnValue:
    """A letter with a PIN for another Tax ID than the one that was declined."""
    form, db = MailForm(), db_session()

    def show(form: MailForm, status: int) -> Response:
        return page("registration/other_tax_id.html", form=form, locked=status == 429, status=status)

    with scopes.whole(db, MINE):
        registration = own_of(db)
        if not again.may_begin_again(db, registration):
            return _back()
        if not form.validate_on_submit():
            return show(form, 422 if form.is_submitted() else 200)
        typed = Typed(path=MAIL, name=registration.name, email=registration.email)
        form.fill(typed)
        try:
            again.mail_other(db, settings(), plugins(), registration, typed, counted_address())
        except again.SameTaxId:
            db.rollback()
            form.form_errors = [SAME]
            return show(form, 422)
        except (proving.ProofRefused, proving.BillingsTin) as error:
            db.commit()
            form.form_errors = [OF_BILLING if isinstance(error, proving.BillingsTin) else NOT_FOUND]
            return show(form, 422)
        except TooManyAttempts as error:
            db.rollback()
            proving.note_blocked(db, typed, counted_address())
            db.commit()
            return too_many(form, error, show, LOCKED)
        except DecidedAlready:
            db.rollback()
            return _back()
    db.commit()
    return _back()


@blueprint.route("/registration/email", methods=["GET", "POST"])
@access.signed_in
@confirmed
def address() -> ResponseReturnValue:
    """The e-mail address of somebody who proved a payment first: corrected, or asked about once more."""
    form, db = AddressForm(), db_session()
    with scopes.whole(db, MINE):
        registration = own_of(db)
        if not later.waits_for_address(db, registration):
            return _back()

        def show(form: AddressForm, status: int) -> Response:
            return page("registration/address.html", form=form, registration=registration, status=status)

        if not form.is_submitted():
            form.email.data = registration.email
            return show(form, 200)
        if not form.validate_on_submit():
            return show(form, 422)
        try:
            later.change_address(db, registration, form.email.data.lower(), counted_address())
        except TooManyAttempts as error:
            db.rollback()
            return too_many(form, error, show, "Too many messages were asked for. Wait {wait}, then try again.")
    db.commit()
    flash("We have sent a message. Links in earlier messages no longer work.", "good")
    return redirect_to(url_for("registration.address"))


@blueprint.post("/registration/again")
@access.signed_in
def mail_again() -> ResponseReturnValue:
    """The address on record has changed since staff declined: another letter."""
    db = db_session()
    with scopes.whole(db, MINE):
        try:
            begun = again.mail_again(db, settings(), own_of(db))
        except DecidedAlready:
            db.rollback()
            flash("No letter was written: the address on record is the one of the last letter.", "warn")
            return _back()
        written = begun.state == PIN and not begun.why
    db.commit()
    if written:
        flash("A letter with a new PIN is on its way to the address that we have on record now.", "good")
    return _back()


@blueprint.post("/registration/organization")
@access.signed_in
def choose_own() -> ResponseReturnValue:
    """In which of several organizations somebody follows a person who has left, once the PIN has come."""
    form, db = FollowForm(), db_session()
    with scopes.whole(db, MINE):
        registration = own_of(db)
        form.offer(followable(db, registration))
        if not form.validate_on_submit():
            flash("Choose the organization that is yours.", "warn")
            return _back()
        try:
            again.choose_organization(db, settings(), registration, int(form.organization.data))
        except DecidedAlready:
            db.rollback()
            return _back()
    db.commit()
    return _back()
