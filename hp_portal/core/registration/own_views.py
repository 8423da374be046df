"""What became of a registration: for the person, with an account or without, and for the delegates who are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, flash, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.people.accounts import NameTaken
from hp_portal.core.people.ended import OrganizationEnded
from hp_portal.core.registration import again, deciding, disputes, later, pins, proving, told
from hp_portal.core.registration import own as mine
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.facts import DecidedAlready
from hp_portal.core.registration.forms import CheckForm, ConfirmForm, FollowForm, PinForm, WordsForm
from hp_portal.core.registration.models import ASKED, CHALLENGED, CHECK, OPEN, PIN, Registration
from hp_portal.core.registration.proof_views import LOCKED, REFUSED, after_registering
from hp_portal.core.registration.telling import LEFT_REASONS
from hp_portal.core.registration.views import STATUS, blueprint
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import counted_address
from hp_portal.database import PortalSession

MINE = "one's own registration"


def own_of(db: PortalSession) -> Registration:
    """The newest registration of whoever is signed in. Raises NoneOfOnesOwn."""
    found = mine.own_registration(db, the_actor())
    if found is None:
        raise NoneOfOnesOwn
    return found


class NoneOfOnesOwn(Exception):
    """The account was made in another way: there is no registration to look at."""


@blueprint.errorhandler(NoneOfOnesOwn)
def none_of_ones_own(_error: NoneOfOnesOwn) -> ResponseReturnValue:
    """Nothing waits."""
    db_session().rollback()
    return page("registration/none.html")


@blueprint.get("/registration")
@access.signed_in
def own() -> ResponseReturnValue:
    """How far one's own registration is, and what to do now."""
    return _own_page(PinForm(), 200)


def _own_page(form: PinForm, status: int) -> Response:
    db = db_session()
    with scopes.whole(db, MINE):
        registration = own_of(db)
        view, sent = mine.view_own(db, registration), told.to_person(db, registration)
        follow = FollowForm(formdata=None)
        follow.offer(mine.followable(db, registration))
        answer = page(
            "registration/own.html",
            form=form,
            follow=follow,
            view=view,
            sent=sent,
            late=told.is_late(sent),
            begin_again=again.may_begin_again(db, registration),
            mail_again=again.may_mail_again(db, registration),
            address_waits=later.waits_for_address(db, registration),
            status=status,
        )
    db.commit()
    return answer


@blueprint.post("/registration/pin")
@access.signed_in
def enter_pin() -> ResponseReturnValue:
    form, db = PinForm(), db_session()
    if not form.validate_on_submit():
        return _own_page(form, 422)
    with scopes.whole(db, MINE):
        registration = own_of(db)
        try:
            mine.use_pin(db, settings(), registration, form.pin.data)
        except pins.WrongPin as error:
            db.commit()
            if error.left:
                form.pin.errors = [f"This is not the PIN in your letter. Tries left: {error.left}."]
            else:
                form.form_errors = [
                    "This is not the PIN in your letter, and no tries are left. Ask for another letter."
                ]
            return _own_page(form, 422)
        except pins.PinDead:
            db.rollback()
            form.form_errors = ["This PIN no longer works. Ask for another letter."]
            return _own_page(form, 422)
        except DecidedAlready:
            db.rollback()
            return redirect_to(url_for("registration.own"))
        opened = registration.state in (OPEN, CHALLENGED)
    db.commit()
    if opened:
        flash("The PIN is correct. You can see the payments now.", "good")
        return redirect_to(url_for("pages.home"))
    return redirect_to(url_for("registration.own"))


@blueprint.post("/registration/letter")
@access.signed_in
def another_letter() -> ResponseReturnValue:
    db = db_session()
    with scopes.whole(db, MINE):
        try:
            mine.ask_for_letter(db, settings(), own_of(db))
        except DecidedAlready:
            db.rollback()
        except pins.TooSoon:
            db.rollback()
            flash("You cannot ask for another letter yet. See below when you can.", "warn")
        except pins.TooManyLetters:
            db.commit()
            flash(
                "Several letters went to this address recently. Our staff will look before we write another one.",
                "info",
            )
        except pins.NoAddress:
            db.rollback()
            flash("We cannot mail a letter to the address on record. Tell us below that it is wrong.", "warn")
        else:
            db.commit()
            flash("Another letter with a new PIN is on its way. The earlier PIN no longer works.", "good")
    return redirect_to(url_for("registration.own"))


@blueprint.post("/registration/address")
@access.signed_in
def wrong_address() -> ResponseReturnValue:
    db = db_session()
    with scopes.whole(db, MINE):
        told = mine.say_address_is_wrong(db, own_of(db))
    db.commit()
    words = "Thank you. We will check the address on record and write to you." if told else "You have already told us."
    flash(words, "good" if told else "info")
    return redirect_to(url_for("registration.own"))


@blueprint.route("/registration/payment", methods=["GET", "POST"])
@access.signed_in
def payment_instead() -> ResponseReturnValue:
    """A check has come before the letter."""
    form, db = CheckForm(), db_session()

    def show(form: Any, status: int) -> Response:
        chosen = settings()
        return page(
            "registration/payment.html",
            form=form,
            asks=chosen.proof_asks_more,
            days=chosen.proof_days,
            locked=status == 429,
            pin_waits=registration.state == PIN,
            status=status,
        )

    with scopes.whole(db, MINE):
        registration = own_of(db)
        declined = again.may_begin_again(db, registration)
        if registration.state != PIN and not declined:
            return redirect_to(url_for("registration.own"))
        prove = again.prove_again if declined else mine.prove_by_payment
        if not form.validate_on_submit():
            return show(form, 422 if form.is_submitted() else 200)
        typed = Typed(path=CHECK, name=registration.name, email=registration.email)
        form.fill(typed)
        try:
            opened = prove(db, settings(), plugins(), registration, typed, counted_address())
        except proving.MoreAsked as error:
            db.rollback()
            form.form_errors = [str(error)]
            return show(form, 422)
        except proving.ProofRefused:
            db.commit()
            form.form_errors = [REFUSED.format(days=settings().proof_days)]
            return show(form, 422)
        except TooManyAttempts as error:
            db.rollback()
            proving.note_blocked(db, typed, counted_address())
            db.commit()
            return too_many(form, error, show, LOCKED)
        except DecidedAlready:
            db.rollback()
            return redirect_to(url_for("registration.own"))
    db.commit()
    if not opened:
        return redirect_to(url_for("registration.own"))
    flash("The payment is proof enough. You can see the payments now and do not need the PIN.", "good")
    return redirect_to(after_registering(CHECK, typed.number))


# ---- without an account


@blueprint.get("/register/status/<token>")
@access.public
def follow_status(token: str) -> ResponseReturnValue:
    """Take the token out of the address."""
    session[STATUS] = token[:200]
    return redirect_to(url_for("registration.status"))


@blueprint.get("/register/status")
@access.public
def status() -> ResponseReturnValue:
    db = db_session()
    with scopes.whole(db, MINE):
        registration = mine.view_status(db, session.get(STATUS, ""))
        if registration is None:
            return page("registration/link_dead.html", status=410)
        sent = told.to_person(db, registration)
        answer = page(
            "registration/status.html",
            form=ConfirmForm(),
            registration=registration,
            sent=sent,
            late=told.is_late(sent),
            asked=told.to_delegates(db, registration),
            may_dispute=disputes.may_dispute(db, registration),
        )
    db.commit()
    return answer


def _say(deed: Callable[[PortalSession, Registration], None], done: str) -> ResponseReturnValue:
    """What whoever asked decides on their status page, and what is said of it once it is done."""
    db = db_session()
    with scopes.whole(db, MINE):
        registration = mine.by_status_token(db, session.get(STATUS, ""))
        if registration is None:
            return page("registration/link_dead.html", status=410)
        try:
            deed(db, registration)
        except DecidedAlready:
            db.rollback()
            flash("This was already decided: see below.", "info")
        else:
            db.commit()
            flash(done, "good")
    return redirect_to(url_for("registration.status"))


@blueprint.post("/register/withdraw")
@access.public
def withdraw() -> ResponseReturnValue:
    return _say(deciding.withdraw, "You have withdrawn your request.")


@blueprint.post("/register/dispute")
@access.public
def dispute() -> ResponseReturnValue:
    return _say(disputes.dispute, "Our staff will find out whose organization it is and write to you.")


@blueprint.post("/register/confirm-later")
@access.public
def confirm_later() -> ResponseReturnValue:
    """The e-mail address of somebody who had proved a payment first."""
    db = db_session()
    with scopes.whole(db, MINE):
        registration = mine.by_status_token(db, session.get(STATUS, ""))
        if registration is None:
            return page("registration/link_dead.html", status=410)
        try:
            later.confirm_address(db, registration)
        except NameTaken:
            db.rollback()
            flash(
                "An account with this e-mail address already exists. Sign in with your user name, and enter another address "
                "on the page Your registration.",
                "warn",
            )
            return redirect_to(url_for("registration.status"))
    db.commit()
    flash("Your e-mail address is confirmed.", "good")
    return redirect_to(url_for("registration.status"))


# ---- for delegates


@blueprint.get("/joins")
@access.delegate
def joins() -> ResponseReturnValue:
    """Who asks to join, or has registered in place of somebody."""
    db, actor = db_session(), the_actor()
    rows = mine.requests_of(db, actor)
    with scopes.whole(db, "messages to those who ask to join"):
        sent = told.to_people(db, rows)
    db.commit()
    return page("registration/joins.html", rows=rows, sent=sent)


@blueprint.get("/joins/<id:registration_id>")
@access.delegate
def join(registration_id: int) -> ResponseReturnValue:
    return _join_page(WordsForm(), 200, registration_id)


def _find(db: PortalSession, registration_id: int) -> Registration:
    return mine.request_of(db, the_actor(), registration_id) or abort(404)


def _join_page(form: WordsForm, status: int, registration_id: int) -> Response:
    db = db_session()
    registration = _find(db, registration_id)
    with scopes.whole(db, "messages to somebody who asks to join"):
        sent = told.to_person(db, registration)
    answer = page(
        "registration/join.html",
        sent=sent,
        late=told.is_late(sent),
        form=form,
        registration=registration,
        facts=mine.view_request(db, registration),
        reasons=LEFT_REASONS,
        status=status,
    )
    db.commit()
    return answer


@blueprint.post("/joins/<id:registration_id>/approve")
@access.delegate
def approve_join(registration_id: int) -> ResponseReturnValue:
    db, actor = db_session(), the_actor()
    registration = _find(db, registration_id)
    with scopes.whole(db, "a delegate lets somebody into the own organization"):
        try:
            person = deciding.add_member(db, settings(), plugins(), actor, registration)
        except (DecidedAlready, OrganizationEnded):
            db.rollback()
            return _decided_already(registration_id)
        except NameTaken:
            db.rollback()
            flash("An account with this e-mail address already exists. Contact us.", "warn")
            return redirect_to(url_for("registration.join", registration_id=registration_id))
        name = person.name
    db.commit()
    flash(f"{name} has an account now. We have e-mailed them a link to set a password.", "good")
    return redirect_to(url_for("registration.joins"))


@blueprint.post("/joins/<id:registration_id>/decline")
@access.delegate
def decline_join(registration_id: int) -> ResponseReturnValue:
    db, form = db_session(), WordsForm()
    registration = _find(db, registration_id)
    if not form.validate_on_submit():
        return _join_page(form, 422, registration_id)
    with scopes.whole(db, "a delegate answers for the own organization"):
        if registration.state != ASKED:
            return _decided_already(registration_id)
        try:
            deciding.decline(db, the_actor(), registration, form.answer.data)
        except DecidedAlready:
            db.rollback()
            return _decided_already(registration_id)
    db.commit()
    flash("Your answer has been sent.", "good")
    return redirect_to(url_for("registration.joins"))


@blueprint.post("/joins/<id:registration_id>/object")
@access.delegate
def object_to_join(registration_id: int) -> ResponseReturnValue:
    db = db_session()
    registration = _find(db, registration_id)
    with scopes.whole(db, "a delegate answers for the own organization"):
        try:
            deciding.object_to(db, the_actor(), registration, "")
        except DecidedAlready:
            db.rollback()
            return _decided_already(registration_id)
    db.commit()
    flash("Your objection has been sent. Our staff will decide; the result appears here.", "good")
    return redirect_to(url_for("registration.joins"))


def _decided_already(registration_id: int) -> Response:
    flash("Somebody has already decided on this: see below.", "info")
    return redirect_to(url_for("registration.join", registration_id=registration_id))
