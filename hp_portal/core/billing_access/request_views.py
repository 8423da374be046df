"""What billing organizations ask of providers' offices, and what became of it: pages of Tax ID & NPI access."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.audience import Audience
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.billing_access import asking, records, showing
from hp_portal.core.billing_access.asking import ChangedMeanwhile, ExpiredMeanwhile, Refused, TooManyToday
from hp_portal.core.billing_access.forms import (
    LAYOUT,
    ApproverForm,
    FilterForm,
    RequestForm,
)
from hp_portal.core.documents.sheets import CSV_TYPE
from hp_portal.core.identity.actor import Actor
from hp_portal.core.sheets.keeping import outcomes_kept
from hp_portal.core.tax_ids.views import KEY, READ, blueprint
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.listing import page_number
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.database import PortalSession

ID = "<id:access_request_id>"
EXPIRED = (
    "Nobody has answered in time, so the request has expired, and a link to it would open nothing any more. Nothing was sent. "
    "Choose “Ask for the same again” below."
)
CHANGED = "This request has changed in the meantime: see below where it stands."


def billing() -> Actor:
    """The actor, of a billing organization: others have nothing to ask, and are led to what is theirs."""
    actor = the_actor()
    return actor if actor.audience == Audience.BILLING else abort(redirect_to(url_for(f"{KEY}.index")))


def sent_words(number: int) -> str:
    """Said when requests were sent."""
    return f"{'The request is' if number == 1 else f'{number} requests are'} on the way. You get an e-mail with the answer."


@blueprint.get("/requests")
@access.requires(READ)
def requests_list() -> ResponseReturnValue:
    db, actor, form = db_session(), billing(), FilterForm(request.args)
    if not form.validate():
        return page("billing_access/requests.html", "results", form=form, listing=None, wanted={}, sent="", status=422)
    wanted = {"status": form.status.data or "", "text": form.text.data or ""}
    listing = showing.list_requests(db, actor, showing.RequestFilter(**wanted), page_number(request.args))
    db.commit()
    listing = listing.at(f"{KEY}.requests_list", **wanted)
    table = request.args.get("table", "")
    sent = table if outcomes_kept(db, actor, LAYOUT, table) else ""
    return page("billing_access/requests.html", "results", form=form, listing=listing, wanted=wanted, sent=sent)


@blueprint.get("/requests/csv")
@access.requires(READ)
def requests_csv() -> ResponseReturnValue:
    db, actor, form = db_session(), billing(), FilterForm(request.args)
    if not form.validate():
        return page("billing_access/requests.html", "results", form=form, listing=None, wanted={}, sent="", status=422)
    body = showing.requests_csv(db, actor, showing.RequestFilter(form.status.data or "", form.text.data or ""))
    db.commit()
    return attachment(body, "requests.csv", CSV_TYPE)


@blueprint.get("/requests/new")
@access.requires(READ)
def request_new() -> ResponseReturnValue:
    billing()
    form = RequestForm(formdata=None, form=secrets.token_hex(16))
    return _new_page(form)


def _new_page(form: RequestForm, status: int = 200) -> Response:
    return page("billing_access/new.html", form=form, check_days=settings().access_check_days, status=status)


@blueprint.post("/requests/new/send")
@access.requires(READ)
def request_send() -> ResponseReturnValue:
    db, actor, form = db_session(), billing(), RequestForm()
    if not form.validate_on_submit():
        return _new_page(form, 422)
    try:
        [result] = asking.ask(db, settings(), actor, [form.wanted(form.form.data or "")])
    except TooManyToday as error:
        db.rollback()
        form.form_errors = [str(error)]
        return _new_page(form, 429)
    if result.problems:
        db.rollback()
        form.put(result.problems)
        return _new_page(form, 422)
    db.commit()
    flash(sent_words(1), "good")
    return redirect_to(url_for(f"{KEY}.request_one", access_request_id=result.request_id))


def _one(access_request_id: int) -> showing.Shown:
    return showing.own_request(db_session(), billing(), access_request_id) or abort(404)


@blueprint.get(f"/requests/{ID}")
@access.requires(READ)
def request_one(access_request_id: int) -> ResponseReturnValue:
    one = _one(access_request_id)
    decided = showing.decided(db_session(), the_actor(), access_request_id)
    return page("billing_access/one.html", one=one, decided=decided, check_days=settings().access_check_days)


def _to(access_request_id: int, words: str, tone: str) -> Response:
    flash(words, tone)
    return redirect_to(url_for(f"{KEY}.request_one", access_request_id=access_request_id))


@dataclass(frozen=True)
class Said:
    """What is said of something that was done, and the request that is shown then: the same (None), or a new one."""

    words: str
    tone: str = "good"
    request_id: int | None = None


def _do(
    access_request_id: int,
    deed: Callable[[PortalSession, Actor], Said],
    on_form: Callable[[TooManyToday | Refused], Response] | None = None,
) -> Response:
    """Change a request, and show it again; or say what stood in the way, `on_form` where something was typed."""
    db, actor, _ = db_session(), billing(), _one(access_request_id)
    try:
        said = deed(db, actor)
    except ChangedMeanwhile:
        db.rollback()
        return _to(access_request_id, CHANGED, "warn")
    except ExpiredMeanwhile:
        db.commit()
        return _to(access_request_id, EXPIRED, "warn")
    except (TooManyToday, Refused) as error:
        db.rollback()
        return on_form(error) if on_form else _to(access_request_id, str(error), "warn")
    db.commit()
    return _to(said.request_id or access_request_id, said.words, said.tone)


@blueprint.post(f"/requests/{ID}/withdraw")
@access.requires(READ)
def request_withdraw(access_request_id: int) -> ResponseReturnValue:
    def deed(db: PortalSession, actor: Actor) -> Said:
        asking.withdraw(db, actor, access_request_id)
        return Said("The request is withdrawn. The link in our e-mail opens nothing any more.")

    return _do(access_request_id, deed)


@blueprint.post(f"/requests/{ID}/resend")
@access.requires(READ)
def request_resend(access_request_id: int) -> ResponseReturnValue:
    def deed(db: PortalSession, actor: Actor) -> Said:
        if asking.resend(db, settings(), actor, access_request_id):
            return Said("The request is on the way again.")
        return Said("It was sent less than a day ago. You can send it again once a day.", "info")

    return _do(access_request_id, deed)


@blueprint.get(f"/requests/{ID}/approver")
@access.requires(READ)
def request_approver(access_request_id: int) -> ResponseReturnValue:
    return _approver_page(_one(access_request_id), ApproverForm(formdata=None), 200)


def _approver_page(one: showing.Shown, form: ApproverForm, status: int = 422) -> Response:
    return page("billing_access/approver.html", one=one, form=form, status=status)


@blueprint.post(f"/requests/{ID}/approver/change")
@access.requires(READ)
def request_approver_change(access_request_id: int) -> ResponseReturnValue:
    one, form = _one(access_request_id), ApproverForm()
    if not form.validate_on_submit():
        return _approver_page(one, form)

    def deed(db: PortalSession, actor: Actor) -> Said:
        asking.change_approver(db, settings(), actor, access_request_id, form.approver())
        return Said("The request goes to the new approver. The links sent before open nothing any more.")

    def on_form(error: TooManyToday | Refused) -> Response:
        if isinstance(error, Refused):
            form.put(error.problems)
            return _approver_page(one, form)
        form.form_errors = [str(error)]
        return _approver_page(one, form, 429)

    return _do(access_request_id, deed, on_form)


@blueprint.post(f"/requests/{ID}/again")
@access.requires(READ)
def request_again(access_request_id: int) -> ResponseReturnValue:
    """Ask for the same once more: a request of its own, of the same person."""

    def deed(db: PortalSession, actor: Actor) -> Said:
        result = asking.ask_again(db, settings(), actor, access_request_id)
        if result.problems:
            raise Refused(result.problems)
        return Said(sent_words(1), request_id=result.request_id)

    return _do(access_request_id, deed)


@blueprint.get(f"/requests/{ID}/record")
@access.requires(READ)
def request_record(access_request_id: int) -> ResponseReturnValue:
    db = db_session()
    body = records.download(db, billing(), access_request_id) or abort(404)
    db.commit()
    return attachment(body, f"approval-{access_request_id}.pdf", "application/pdf")
