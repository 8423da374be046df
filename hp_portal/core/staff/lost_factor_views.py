"""Letting somebody in again who has lost the second factors: staff first make sure who it is."""

from __future__ import annotations

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.people import accounts
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.registration.forms import PinForm
from hp_portal.core.registration.pins import NoAddress, PinDead, TooSoon, WrongPin
from hp_portal.core.staff import lost_factors as lost
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.registration_forms import MailPinForm
from hp_portal.core.tax_ids.forms import PaymentProofForm
from hp_portal.core.tax_ids.proving import MoreAsked
from hp_portal.core.web.render import db_session, page, redirect_to, settings

WHERE = "/people/<id:person_id>/lost-factors"
MAY = "staff:factors:remove"
DEAD = "No PIN works for this person now. Send a letter, or ask for a payment."
SENT = "Nothing was sent: a letter is on its way already. See below when another one can be sent."
LINKED = "Nothing was changed: a Tax ID is linked to an organization of this person, so it can be proved who it is."
NOT_ENOUGH = (
    "Nothing was changed: a payment is not enough here, as this person works for several organizations, or a billing "
    "organization knows the same remittance advices. Send a letter with a PIN, or refer them to a delegate."
)
OTHERS = "Nothing was sent: this person works for another organization by now. Look at the names, then send the letter."
NOT_PROVED = "This does not match a payment of the last {days} days to a Tax ID and NPI of this person’s organization."


def _member(person_id: int) -> Person:
    return accounts.find_member(db_session(), person_id) or abort(404)


def _page(
    person: Person,
    status: int = 200,
    *,
    reason: ReasonForm | None = None,
    payment: PaymentProofForm | None = None,
    mail: MailPinForm | None = None,
    pin: PinForm | None = None,
) -> Response:
    ways = lost.ways_back(db_session(), person)
    return page(
        "staff/lost_factors.html",
        person=person,
        ways=ways,
        reason=reason or ReasonForm(formdata=None),
        payment=payment or PaymentProofForm(formdata=None),
        mail=(mail or MailPinForm(formdata=None)).with_payees(ways.mail_to),
        pin=pin or PinForm(formdata=None),
        asks=settings().proof_asks_more,
        days=settings().proof_days,
        status=status,
    )


def _back(person: Person) -> Response:
    return redirect_to(url_for("staff.people_one", person_id=person.id))


def _nothing(person: Person) -> Response:
    db_session().rollback()
    flash(f"{person.name} has no second factor, or the account is deactivated. Nothing was changed.", "warn")
    return _back(person)


def _told(person: Person, words: str) -> Response:
    """Back to the page, which no longer has that form, or has it for something else by now."""
    flash(words, "warn")
    return redirect_to(url_for("staff.lost_factors", person_id=person.id))


def _removed(person: Person) -> Response:
    db_session().commit()
    told = f"{person.name} now signs in with the password alone, and is asked to set up a second factor again."
    flash(told, "good")
    return _back(person)


@blueprint.get(WHERE)
@access.staff(MAY)
def lost_factors(person_id: int) -> ResponseReturnValue:
    return _page(_member(person_id))


@blueprint.post(f"{WHERE}/remove")
@access.staff(MAY)
def lost_factors_remove(person_id: int) -> ResponseReturnValue:
    """For an organization that nothing is linked to: staff say how they made sure."""
    person, db, form = _member(person_id), db_session(), ReasonForm()
    if lost.ways_back(db, person).linked:
        return _told(person, LINKED)
    if not form.validate_on_submit():
        return _page(person, 422, reason=form)
    try:
        lost.remove_without_proof(db, person, form.reason.data)
    except lost.NothingLost:
        return _nothing(person)
    except lost.ProofNeeded:
        db.rollback()
        flash(
            "Nothing was changed: a Tax ID has been linked to this organization, so it can be proved who it is.", "warn"
        )
        return redirect_to(url_for("staff.lost_factors", person_id=person.id))
    return _removed(person)


@blueprint.post(f"{WHERE}/payment")
@access.staff(MAY)
def lost_factors_payment(person_id: int) -> ResponseReturnValue:
    person, db, form = _member(person_id), db_session(), PaymentProofForm()
    if not lost.ways_back(db, person).linked:
        return _told(person, "Nothing was changed: no Tax ID is linked to this organization any more.")
    if not form.validate_on_submit():
        return _page(person, 422, payment=form)
    try:
        lost.remove_by_payment(db, settings(), plugins(), person, form.proof())
    except lost.NothingLost:
        return _nothing(person)
    except MoreAsked as error:
        db.rollback()
        form.form_errors = [str(error)]
        return _page(person, 422, payment=form)
    except lost.PaymentNotEnough:
        db.rollback()
        return _told(person, NOT_ENOUGH)
    except lost.NotProved:
        db.commit()
        form.form_errors = [NOT_PROVED.format(days=settings().proof_days)]
        return _page(person, 422, payment=form)
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, lambda form, status: _page(person, status, payment=form))
    return _removed(person)


@blueprint.post(f"{WHERE}/letter")
@access.staff(MAY)
def lost_factors_letter(person_id: int) -> ResponseReturnValue:
    person, db, form = _member(person_id), db_session(), MailPinForm()
    ways = lost.ways_back(db, person)
    if not ways.mail_to:
        return _told(person, "Nothing was sent: no payee of this organization has an address that a letter can go to.")
    if ways.another_at is not None:
        return _told(person, SENT)
    if not form.with_payees(ways.mail_to).validate_on_submit():
        return _page(person, 422, mail=form)
    # The letter opens them all: staff have seen which.
    others = {int(one) for one in request.form.get("others", "").split() if one.isascii() and one.isdecimal()}
    try:
        lost.send_letter(db, settings(), the_actor(), person, int(form.payee.data), others)
    except lost.OthersNotShown:
        db.rollback()
        return _told(person, OTHERS)
    except lost.NothingLost:
        return _nothing(person)
    except TooSoon:
        db.rollback()
        return _told(
            person, "Nothing was sent: a letter is on its way already. See below when another one can be sent."
        )
    except NoAddress:  # by now
        db.rollback()
        return _told(person, "Nothing was sent: the payee has no address any more that a letter can go to.")
    db.commit()
    flash("The letter with the PIN waits to be printed, under Letters.", "good")
    return redirect_to(url_for("staff.lost_factors", person_id=person.id))


@blueprint.post(f"{WHERE}/pin")
@access.staff(MAY)
def lost_factors_pin(person_id: int) -> ResponseReturnValue:
    person, db, form = _member(person_id), db_session(), PinForm()
    letter = lost.ways_back(db, person).letter
    if letter is None or not letter.open:
        return _told(person, DEAD)
    if not form.validate_on_submit():
        return _page(person, 422, pin=form)
    try:
        lost.remove_by_pin(db, person, form.pin.data)
    except lost.NothingLost:
        return _nothing(person)
    except WrongPin as wrong:
        db.commit()
        if not wrong.left:
            return _told(person, f"This is not the PIN of the letter. {DEAD}")
        left = "One try is left" if wrong.left == 1 else f"{wrong.left} tries are left"
        form.pin.errors = [f"This is not the PIN of the letter. {left}."]
        return _page(person, 422, pin=form)
    except PinDead:  # by now
        db.rollback()
        return _told(person, DEAD)
    return _removed(person)
