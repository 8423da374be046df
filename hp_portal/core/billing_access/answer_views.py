"""The provider's office answers a request: by the link that was sent to somebody there, or signed in as a delegate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from hp_portal import clock
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.billing_access import deciding, offers, records
from hp_portal.core.billing_access.asking import Refused
from hp_portal.core.billing_access.deciding import AskerEnded, DecidedAlready, PassedOnTooOften, Signer, WorksForBoth
from hp_portal.core.billing_access.forms import ApproveForm, ApproverForm, DeclineForm
from hp_portal.core.billing_access.offers import LinkDead, Offer
from hp_portal.core.tax_ids.billing_access import end_of
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.listing import page_number
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import client_address

blueprint = Blueprint("approvals", __name__)
ANSWERING = "approvals.answering"
"""Where a visitor's session keeps the token of the link that they followed."""
ID = "<id:access_request_id>"
TOO_OFTEN = "This request was handed on too often. Decline it, and say who at your office can approve."
FASTER = "Somebody has answered this request already, it was withdrawn, or it has expired: see below."

ANOTHER_ANSWERS = "So another delegate of your organization has to answer this request. Nothing has changed."

ASKER_ENDED = "does not use the portal any more. Nothing is left to answer, and they see nothing."
PAYEES_CHANGED = "What we pay under this Tax ID has changed meanwhile. Open the request again, and choose once more."


def _token() -> str:
    return str(session.get(ANSWERING, ""))


def _dead() -> Response:
    db_session().rollback()
    return page("billing_access/link_dead.html", status=410)


def _of_another(offer: Offer) -> Response | None:
    """The answer to a form that belongs to another request than the one whose link was followed last; None: it belongs to it."""
    if request.form.get("request") == str(offer.id):
        return None
    return page("billing_access/another.html", status=409)


@blueprint.get("/approve/<token>")
@access.public
def follow_link(token: str) -> ResponseReturnValue:
    """Take the token out of the address. Mail scanners come here, too: nothing is noted yet."""
    session[ANSWERING] = token[:200]
    return redirect_to(url_for("approvals.start"))


@blueprint.get("/approve")
@access.public
def start() -> ResponseReturnValue:
    """Who asks, and a button to read what for: it alone notes that the request was opened."""
    try:
        offer = offers.offer_with(db_session(), _token())
    except LinkDead:
        return _dead()
    return page("billing_access/start.html", offer=offer)


@blueprint.post("/approve/open")
@access.public
def open_request() -> ResponseReturnValue:
    db = db_session()
    try:
        refused = _of_another(offers.offer_with(db, _token()))
        if refused is None:
            offers.note_opened(db, _token())
    except LinkDead:
        return _dead()
    db.commit()
    return refused or redirect_to(url_for("approvals.read"))


@blueprint.get("/approve/request")
@access.public
def read() -> ResponseReturnValue:
    return _by_link(lambda offer: _answer_page(offer), posted=False)


def _by_link(answer: Callable[[Offer], ResponseReturnValue], *, posted: bool = True) -> ResponseReturnValue:
    try:
        offer = offers.offer_with(db_session(), _token())
    except LinkDead:
        return _dead()
    if posted and (refused := _of_another(offer)) is not None:
        return refused
    if not offer.opened and offer.waits:
        return redirect_to(url_for("approvals.start"))
    return answer(offer)


def _last_days() -> tuple[dt.date, dt.date, dt.date]:
    """The first and last day that access may end on, and the one that is proposed."""
    today = clock.today(settings().payer.zone)
    return (
        today,
        today + dt.timedelta(days=settings().access_days_most),
        today + dt.timedelta(days=settings().access_days),
    )


def _approve_form(offer: Offer, **options: Any) -> ApproveForm:
    form = ApproveForm(**options)
    form.payees.choices = [
        SelectChoice(str(one.id), f"{one.name}{f', NPI {one.npi}' if one.npi else ''}") for one in offer.payees
    ]
    form.first_day, form.last_day, _ = _last_days()
    return form


def _answer_page(
    offer: Offer,
    approve: ApproveForm | None = None,
    decline: DeclineForm | None = None,
    other: ApproverForm | None = None,
    status: int = 200,
    office: bool = False,
) -> Response:
    first = {
        "payees": [str(one.id) for one in offer.payees],
        "until": _last_days()[2],
        "signed_name": the_actor().display_name if office else "",
    }
    return page(
        "billing_access/answer.html",
        offer=offer,
        approve=approve or _approve_form(offer, formdata=None, **first),
        decline=decline or DeclineForm(formdata=None, prefix="decline-"),
        other=other or ApproverForm(formdata=None, prefix="other-"),
        sentence=records.sentence(offer.organization),
        office=office,
        actions=_actions(offer, office),
        status=status,
    )


def _actions(offer: Offer, office: bool) -> dict[str, str]:
    names = ("approve", "decline", "pass_on", "not_known")
    if office:
        return {name: url_for(f"approvals.office_{name}", access_request_id=offer.id) for name in names}
    return {name: url_for(f"approvals.{name}") for name in names}


def _done(office: bool, offer: Offer, words: str, tone: str = "good") -> Response:
    flash(words, tone)
    if office:
        return redirect_to(url_for("approvals.office_one", access_request_id=offer.id))
    return redirect_to(url_for("approvals.done"))


def _signer(office: bool, name: str = "", title: str = "") -> Signer:
    if office:
        return Signer(name or the_actor().display_name, title, client_address(), actor=the_actor())
    return Signer(name, title, client_address(), _token())


def _try(offer: Offer, office: bool, act: Callable[[], None], words: str) -> ResponseReturnValue:
    db = db_session()
    try:
        act()
    except LinkDead:
        return _dead()
    except WorksForBoth:
        db.rollback()
        return _done(office, offer, f"You work for {offer.organization}, too. {ANOTHER_ANSWERS}", "warn")
    except AskerEnded:
        db.rollback()
        return _done(office, offer, f"{offer.organization} {ASKER_ENDED}", "warn")
    except DecidedAlready:
        db.rollback()
        return _done(office, offer, FASTER, "warn")
    db.commit()
    return _done(office, offer, words)


def _approve(offer: Offer, office: bool) -> ResponseReturnValue:
    form = _approve_form(offer)
    if not form.validate_on_submit():
        return _answer_page(offer, approve=form, status=422, office=office)
    until = end_of(form.until.data)
    signer = _signer(office, name=form.signed_name.data, title=form.signed_title.data)
    chosen = [int(one) for one in form.payees.data]
    try:
        return _try(
            offer,
            office,
            lambda: deciding.approve(db_session(), offer.id, signer, chosen, until),
            f"Thank you. {offer.organization} can see what you have approved. A copy goes to you by e-mail.",
        )
    except Refused as error:
        form.form_errors = [text for field, text in error.problems.items() if not field]
        form.signed_name.errors = [text for field, text in error.problems.items() if field]
    except ValueError:
        form.form_errors = [PAYEES_CHANGED]
    db_session().rollback()
    return _answer_page(offer, approve=form, status=422, office=office)


def _decline(offer: Offer, office: bool) -> ResponseReturnValue:
    form = DeclineForm(prefix="decline-")
    if not form.validate_on_submit():
        return _answer_page(offer, decline=form, status=422, office=office)
    return _try(
        offer,
        office,
        lambda: deciding.decline(db_session(), offer.id, _signer(office), form.answer.data),
        "The request is declined. Nobody sees anything, and whoever asked reads your reason.",
    )


def _pass_on(offer: Offer, office: bool) -> ResponseReturnValue:
    form = ApproverForm(prefix="other-")
    if not form.validate_on_submit():
        return _answer_page(offer, other=form, status=422, office=office)
    try:
        return _try(
            offer,
            office,
            lambda: deciding.pass_on(db_session(), offer.id, _signer(office), form.approver()),
            "Thank you. The request goes to the person whom you named. Your link opens nothing any more.",
        )
    except Refused as error:
        form.put(error.problems)
    except PassedOnTooOften:
        form.form_errors = [TOO_OFTEN]
    db_session().rollback()
    return _answer_page(offer, other=form, status=422, office=office)


def _not_known(offer: Offer, office: bool) -> ResponseReturnValue:
    return _try(
        offer,
        office,
        lambda: deciding.disown(db_session(), offer.id, _signer(office)),
        "Thank you. The request has ended, nobody sees anything, and we look into it.",
    )


@blueprint.post("/approve/request/approve")
@access.public
def approve() -> ResponseReturnValue:
    return _by_link(lambda offer: _approve(offer, False))


@blueprint.post("/approve/request/decline")
@access.public
def decline() -> ResponseReturnValue:
    return _by_link(lambda offer: _decline(offer, False))


@blueprint.post("/approve/request/pass-on")
@access.public
def pass_on() -> ResponseReturnValue:
    return _by_link(lambda offer: _pass_on(offer, False))


@blueprint.post("/approve/request/not-known")
@access.public
def not_known() -> ResponseReturnValue:
    return _by_link(lambda offer: _not_known(offer, False))


@blueprint.get("/approve/done")
@access.public
def done() -> ResponseReturnValue:
    """What came of it, for whoever has just answered; without a link it says only where to turn."""
    try:
        offer = offers.offer_with(db_session(), _token())
    except LinkDead:
        offer = None
    return page("billing_access/done.html", offer=offer)


@blueprint.get("/access-requests")
@access.delegate
def office() -> ResponseReturnValue:
    db = db_session()
    listing = offers.offers_for_office(db, the_actor(), page_number(request.args))
    db.commit()
    return page("billing_access/office.html", listing=listing.at("approvals.office"))


def _offer(access_request_id: int) -> Offer:
    return offers.offer_for_office(db_session(), the_actor(), access_request_id) or abort(404)


@blueprint.get(f"/access-requests/{ID}")
@access.delegate
def office_one(access_request_id: int) -> ResponseReturnValue:
    return _answer_page(_offer(access_request_id), office=True)


@blueprint.post(f"/access-requests/{ID}/approve")
@access.delegate
def office_approve(access_request_id: int) -> ResponseReturnValue:
    return _approve(_offer(access_request_id), True)


@blueprint.post(f"/access-requests/{ID}/decline")
@access.delegate
def office_decline(access_request_id: int) -> ResponseReturnValue:
    return _decline(_offer(access_request_id), True)


@blueprint.post(f"/access-requests/{ID}/pass-on")
@access.delegate
def office_pass_on(access_request_id: int) -> ResponseReturnValue:
    return _pass_on(_offer(access_request_id), True)


@blueprint.post(f"/access-requests/{ID}/not-known")
@access.delegate
def office_not_known(access_request_id: int) -> ResponseReturnValue:
    return _not_known(_offer(access_request_id), True)


@blueprint.get(f"/access-requests/{ID}/record")
@access.delegate
def office_record(access_request_id: int) -> ResponseReturnValue:
    db = db_session()
    _offer(access_request_id)
    body = records.download(db, the_actor(), access_request_id) or abort(404)
    db.commit()
    return attachment(body, f"approval-{access_request_id}.pdf", "application/pdf")
