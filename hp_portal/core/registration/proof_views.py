"""The last questions: the proof, the organization that is registered already, and everything for a last check."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.access.reasons import give_reason
from hp_portal.core.account.second_step_views import enter
from hp_portal.core.account.signing_in import start_sign_in
from hp_portal.core.agreements.accepting import accept, current_agreements
from hp_portal.core.agreements.forms import agreements_form
from hp_portal.core.applications.menu import plugins
from hp_portal.core.identity.passwords import WeakPassword
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.people.accounts import NameTaken
from hp_portal.core.registration import drafts, finishing, proving, steps, unlisted
from hp_portal.core.registration.as_typed import fill_in
from hp_portal.core.registration.doubts import DOCTOR, doubts_about
from hp_portal.core.registration.drafts import Draft, Typed
from hp_portal.core.registration.forms import PROOF_FORMS, FinishForm, OrganizationForm
from hp_portal.core.registration.models import BILLING, CHECK, LEFT, MAIL, NOTICE, UNLISTED
from hp_portal.core.registration.showing import summary, targets
from hp_portal.core.registration.views import BEFORE, STATUS, TOKEN, begun_draft, blueprint, to_step, went_back
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import client_address, counted_address
from hp_portal.database import PortalSession

REFUSED = (
    "These entries do not match our records. Compare each one with the same remittance advice. The payment must be from the last "
    "{days} days, and a payment that has already opened an account cannot be used again. A billing organization registers under "
    "its own Tax ID: go back to the first page and choose that you bill for providers."
)

NOT_FOUND = (
    "We have no payee with this Tax ID and NPI on record. Check both, leave the NPI empty if the office has none, or choose "
    "another way and say that this health plan has never paid your provider."
)
LOCKED = (
    "Too many entries that did not match. You can try again in {wait}, from {at} on. See below what you can do now."
)
LOOKED_UP = (
    "This Tax ID was entered too often, or too many were from your network. You can try again in {wait}, from {at} on. See below "
    "what you can do now."
)
OF_BILLING = (
    "This is the Tax ID of a billing organization. Go back to the first page and choose that you bill for providers, "
    "or enter the provider’s own Tax ID."
)
HEADINGS = {
    CHECK: "Your check or EFT",
    NOTICE: "Your non-payment notice",
    MAIL: "A PIN by mail",
    UNLISTED: "Your provider",
    BILLING: "Your billing organization",
}


@blueprint.get("/register/proof")
@access.public
def proof() -> ResponseReturnValue:
    draft = begun_draft(db_session())
    if not steps.is_open(settings(), draft, steps.PROOF):
        return to_step(steps.next_step(settings(), draft))
    typed = draft.typed
    form = PROOF_FORMS[typed.path](**fill_in(typed, _proof_key(typed.path)))
    return _proof_page(form, 200, typed.path)


def _proof_key(path: str) -> str:
    return f"{steps.PROOF}:{path}"


def _proof_page(form: Any, status: int, path: str) -> Response:
    return page(
        "registration/proof.html",
        form=form,
        path=path,
        heading=HEADINGS[path],
        asks=settings().proof_asks_more,
        days=settings().proof_days,
        locked=status == 429,
        status=status,
    )


@blueprint.post("/register/proof")
@access.public
def proof_post() -> ResponseReturnValue:
    db = db_session()
    draft = begun_draft(db)
    if not steps.is_open(settings(), draft, steps.PROOF):
        return to_step(steps.next_step(settings(), draft))
    path = draft.typed.path
    form = PROOF_FORMS[path]()

    def again(form: Any, status: int) -> Response:
        return _proof_page(form, status, path)

    if back := went_back(db, draft, _proof_key(path), form):
        return back
    if not form.validate_on_submit():
        return again(form, 422)
    with scopes.whole(db, "a proof is looked up among all payments"):
        draft = drafts.hold(db, draft)
        if draft.typed.path != path or not steps.is_open(settings(), draft, steps.PROOF):
            db.rollback()
            return to_step(steps.next_step(settings(), begun_draft(db)))
        draft.typed.forget_proof()
        form.fill(draft.typed)
        drafts.keep(db, draft)
        try:
            problem = _billing(db, draft.typed) if path == BILLING else _provider(db, draft.typed)
        except proving.MoreAsked as error:
            db.commit()
            form.form_errors = [str(error)]
            return again(form, 422)
        except proving.ProofRefused:
            db.commit()
            form.form_errors = [NOT_FOUND if path == MAIL else REFUSED.format(days=settings().proof_days)]
            return again(form, 422)
        except proving.BillingsTin:
            db.commit()
            form.form_errors = [OF_BILLING]
            return again(form, 422)
        except TooManyAttempts as error:
            db.rollback()
            proving.note_blocked(db, draft.typed, counted_address())
            db.commit()
            return too_many(form, error, again, LOOKED_UP if path in (MAIL, BILLING) else LOCKED)
        if problem:
            db.commit()
            form.form_errors = [problem]
            return again(form, 422)
        drafts.keep(db, draft)
    db.commit()
    return to_step(steps.next_step(settings(), draft))


def _provider(db: PortalSession, typed: Typed) -> str:
    if typed.path == UNLISTED:
        return ""
    answer = proving.try_proof(db, settings(), plugins(), typed, counted_address())
    typed.payee_id, typed.proved, typed.used = answer.payee_id, typed.path in (CHECK, NOTICE), answer.used
    typed.hold_by(answer.held_by or answer.tin_held_by)
    proving.record_proved(db, typed, answer)
    return ""


def _billing(db: PortalSession, typed: Typed) -> str:
    proving.check_looks(db, settings(), typed, counted_address())
    providers, known = finishing.is_providers_tin(db, typed.tin), proving.find_billing(db, typed.tin)
    proving.count_found(db, found=providers or known is not None)
    if providers:
        return (
            "This is the Tax ID of a provider that we pay. Enter the billing organization’s own Tax ID. If you work for the "
            "provider itself, go back to the first page and choose what you have at hand."
        )
    if known is not None:
        typed.hold_by([known.id])
    return ""


@blueprint.get("/register/organization")
@access.public
def organization() -> ResponseReturnValue:
    db = db_session()
    draft = begun_draft(db)
    if not draft.typed.held or not steps.is_open(settings(), draft, steps.ORGANIZATION):
        return to_step(steps.next_step(settings(), draft))
    typed = draft.typed
    form = OrganizationForm(**fill_in(typed, steps.ORGANIZATION))
    return _organization_page(form, 200, draft)


def _organization_page(form: OrganizationForm, status: int, draft: Draft) -> Response:
    _offer(form, draft)
    with scopes.whole(db_session(), BEFORE):
        known = targets(db_session(), draft.typed)
    return page(
        "registration/organization.html",
        form=form,
        known=known,
        holds_payee=any(one.holds_payee for one in known),
        same_name=any(one.same_name for one in known),
        typed=draft.typed,
        status=status,
    )


def _offer(form: OrganizationForm, draft: Draft) -> None:
    typed = draft.typed
    with scopes.whole(db_session(), BEFORE):
        known = targets(db_session(), typed)
    own_payee = any(one.holds_payee for one in known)
    provider = typed.path in (CHECK, NOTICE, MAIL)
    billing = typed.path == BILLING
    fresh = provider and not typed.used
    form.offer(left=fresh or billing, new=fresh and not own_payee, billing=billing)
    # Before a proof nobody is told who is registered, nor that there are several.
    form.choose_among({one.id: one.name for one in known} if typed.proved else {})


@blueprint.post("/register/organization")
@access.public
def organization_post() -> ResponseReturnValue:
    form, db = OrganizationForm(), db_session()
    draft = begun_draft(db)
    if not draft.typed.held or not steps.is_open(settings(), draft, steps.ORGANIZATION):
        return to_step(steps.next_step(settings(), draft))
    _offer(form, draft)
    if back := went_back(db, draft, steps.ORGANIZATION, form):
        return back
    if not form.validate_on_submit():
        return _organization_page(form, 422, draft)
    with scopes.whole(db, BEFORE):
        draft = drafts.hold(db, draft)
        if not draft.typed.held or not steps.is_open(settings(), draft, steps.ORGANIZATION):
            db.rollback()
            return to_step(steps.next_step(settings(), begun_draft(db)))
        draft.typed.route, draft.typed.chosen = form.route.data, True
        if len(draft.typed.holders) > 1:
            draft.typed.target_id = form.chosen_among(draft.typed.holders)
        draft.typed.left_reason = form.left_reason.data if form.route.data == LEFT else ""
        drafts.keep(db, draft)
        step = steps.next_step(settings(), draft)
        if step == steps.MAIL and draft.row.mail_hash is None:
            try:
                drafts.send_link(db, draft, counted_address())
            except TooManyAttempts as error:
                db.rollback()
                return too_many(form, error, lambda form, status: _organization_page(form, status, draft))
    db.commit()
    return to_step(step)


@blueprint.get("/register/finish")
@access.public
def finish() -> ResponseReturnValue:
    db = db_session()
    draft = begun_draft(db)
    if (step := steps.next_step(settings(), draft)) != steps.FINISH:
        return to_step(step)
    form = _finish_form(db, draft, **fill_in(draft.typed, steps.FINISH, username=drafts.proposed_username(draft)))
    return _finish_page(form, 200, draft)


def _finish_form(db: PortalSession, draft: Draft, **given: Any) -> Any:
    """The form with a box for each agreement that whoever gets an account here accepts: the first person is a delegate."""
    if not finishing.needs_account(draft.typed):
        form = agreements_form([], FinishForm, **given)
        del form.new, form.again, form.username, form.reason
        return form
    form = agreements_form(current_agreements(db, settings(), delegate=True), FinishForm, **given)
    # Whoever goes on to a payment is not asked on a page of its own why they look at it.
    asked = settings().reason_asked != "never" and draft.typed.path in (CHECK, NOTICE)
    form.offer(settings().reasons if asked else ())
    return form


def _finish_page(form: Any, status: int, draft: Draft) -> Response:
    with scopes.whole(db_session(), BEFORE):
        shown = summary(db_session(), settings(), draft)
        practitioners = proving.practitioners(db_session(), plugins(), draft.typed)
    return page(
        "registration/finish.html",
        form=form,
        shown=shown,
        typed=draft.typed,
        account=finishing.needs_account(draft.typed),
        doubtful=DOCTOR in doubts_about(draft.typed, practitioners) or DOCTOR in draft.typed.sure,
        min_length=settings().password_min_length,
        status=status,
    )


@blueprint.post("/register/finish")
@access.public
def finish_post() -> ResponseReturnValue:
    db = db_session()
    draft = begun_draft(db)
    if (step := steps.next_step(settings(), draft)) != steps.FINISH:
        return to_step(step)
    form, wants_account = _finish_form(db, draft), finishing.needs_account(draft.typed)
    if back := went_back(db, draft, steps.FINISH, form):
        return back
    if not form.validate_on_submit():
        return _finish_page(form, 422, draft)
    with scopes.whole(db, BEFORE):
        draft = drafts.hold(db, draft)
        # Another window may have changed the address, the proof or the way meanwhile.
        if (step := steps.next_step(settings(), draft)) != steps.FINISH or finishing.needs_account(
            draft.typed
        ) != wants_account:
            db.rollback()
            return to_step(step)
        draft.typed.sure = sorted({*draft.typed.sure, *form.sure})
        if DOCTOR in doubts_about(draft.typed, proving.practitioners(db, plugins(), draft.typed)):
            form.sure_doctor.errors = [
                "An account is for the person who uses it, not for the doctor on whose behalf it is made. Go back and enter your "
                "own name, or check this box."
            ]
            return _finish_page(form, 422, draft)
        number, email = draft.typed.number, draft.typed.email
        account = _account(form, draft) if wants_account else None
        try:
            drafts.check_names(db, counted_address(), draft.typed.email)
            if draft.typed.path == UNLISTED:
                unlisted.count_case(db, draft.typed, counted_address())
            done = finishing.register(db, settings(), plugins(), draft, account)
        except WeakPassword as error:
            db.rollback()
            form.new.errors = [str(error)]
            return _finish_page(form, 422, begun_draft(db))
        except NameTaken as error:
            db.rollback()
            drafts.count_name(db, counted_address(), email)
            db.commit()
            return _name_taken(form, error, begun_draft(db))
        except TooManyAttempts as error:
            db.rollback()
            words = (
                "Too many user names and e-mail addresses that are already taken were tried here. Wait {wait}, or contact us."
                if wants_account
                else "Too many were sent today from here, or with your e-mail address. Wait {wait}, or contact us."
            )
            return too_many(form, error, lambda form, status: _finish_page(form, status, begun_draft(db)), words)
        except finishing.RegisteredMeanwhile:
            db.rollback()
            return _prove_anew(db, "Somebody has just registered this organization. See below how to continue.")
        except finishing.NotProved:
            db.rollback()
            return _prove_anew(db, "Something about your proof has changed in the meantime. Please enter it again.")
        person = done.person
        if person is not None:
            accept(db, person.id, [one for one, _ in form.agreements], client_address())
    return _waits(db, done) if person is None else _signed_in(db, done, number, form.given_reason)


def _waits(db: PortalSession, done: finishing.Registered) -> Response:
    """Somebody has to answer first."""
    db.commit()
    session.pop(TOKEN, None)
    session[STATUS] = done.token
    if done.again:
        flash("You have already asked. This is how it stands.", "info")
    return redirect_to(url_for("registration.status"))


def _account(form: Any, draft: Draft) -> finishing.Account:
    return finishing.Account(form.username.data or drafts.proposed_username(draft), form.new.data)


def _name_taken(form: Any, error: NameTaken, draft: Draft) -> Response:
    if error.field == "username":
        form.username.errors = ["This user name is taken. Choose another one."]
    else:
        form.form_errors = [
            "An account with this e-mail address already exists. Sign in with it, or contact us if you cannot."
        ]
    return _finish_page(form, 422, draft)


def _prove_anew(db: PortalSession, words: str) -> Response:
    """Look again at what the proof leads to: it keeps what was typed, and the person chooses once more."""
    draft = begun_draft(db)
    with scopes.whole(db, BEFORE):
        draft = drafts.hold(db, draft)
        draft.typed.forget_proof()
        drafts.keep(db, draft)
    db.commit()
    flash(words, "warn")
    return to_step(steps.PROOF)


def _signed_in(db: PortalSession, done: finishing.Registered, number: str, reason: str) -> Response:
    person = done.person
    if person is None:
        raise RuntimeError("nobody to sign in")
    with scopes.whole(db, "the account that was just made"):
        started = start_sign_in(db, person, client_address(), request.user_agent.string)
        if reason:
            give_reason(db, started.who.sign_in_id, reason, who=started.who)
    return enter(db, started, after_registering(done.registration.path, number))


def after_registering(path: str, number: str) -> str:
    """Where somebody goes on who has just got an account: to the payment that proved it, or to what is still missing."""
    if path in (CHECK, NOTICE) and number:
        for application in plugins().applications:
            search = application.home_search
            if search is not None and search.payments is not None:
                endpoint, parameter = search.payments
                address: dict[str, Any] = {parameter: number}
                return url_for(endpoint, **address)
    return url_for("registration.own") if path == MAIL else url_for("pages.home")
