"""*Find my delegate*, for anybody; and what delegates do with requests to be contacted."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.delegates import finding, requests
from hp_portal.core.delegates.forms import AnswerForm, AskForm, FindForm, ReportForm
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import client_address, counted_address
from hp_portal.database import PortalSession

blueprint = Blueprint("delegates", __name__)
REGISTER = "/register"
"""Where somebody registers an organization."""
ASKED = ("name", "email", "phone", "about")
CONFIRMING = "delegates.confirming"
"""Where a visitor's session keeps the token of the link that they followed."""
FULL = 16_384
"""Answers to look-ups are this long, or a multiple of it: how long one is does not tell whoever watches the line what it says."""


def register_address() -> str:
    """Where to register; empty while the portal has no such page."""
    adapter = current_app.url_map.bind("")
    return REGISTER if adapter.test(REGISTER, "GET") else ""


def _too_many_words() -> str:
    phone = settings().payer.phone
    other = f", or call {phone}" if phone else ""
    return f"This was done too often. Wait {{wait}}, then try again{other}."


def _find_page(form: FindForm, status: int = 200) -> Response:
    kept = {name: request.form.get(name, "")[:600] for name in ASKED} if request.method == "POST" else {}
    return page(
        "delegates/find.html", form=form, kept={name: text for name, text in kept.items() if text}, status=status
    )


@blueprint.get("/find-my-delegate")
@access.public
def find() -> ResponseReturnValue:
    return _find_page(FindForm(formdata=None))


@blueprint.get("/findmydelegate")
@access.public
def find_as_printed() -> ResponseReturnValue:
    """As the address stands on letters."""
    return redirect_to(url_for("delegates.find"), status=301)


@blueprint.post("/find-my-delegate")
@access.public
def find_post() -> ResponseReturnValue:
    form, db = FindForm(), db_session()
    if not form.validate_on_submit():
        return _find_page(form, 422)
    try:
        found = finding.look_up(db, settings(), form.wanted(), counted_address())
    except TooManyAttempts as error:
        db.rollback()
        finding.note_blocked(db, "look-up")
        db.commit()
        return too_many(form, error, _find_page, _too_many_words())
    db.commit()
    typed = {name: request.form.get(name, "") for name in ASKED}
    ask_form = AskForm(formdata=None, lookup=found.token, **typed)
    return _same_length(
        page("delegates/found.html", found=found, form=ask_form, register=register_address(), asking=False)
    )


def _same_length(response: Response) -> Response:
    """The page with something without meaning at its end, which cannot be compressed away."""
    body = response.get_data()
    start, end = b"<!-- ", b" -->"
    room = -(len(body) + len(start) + len(end)) % FULL
    filler = secrets.token_urlsafe(room)[:room].replace("-", "_").encode()
    response.set_data(body.replace(b"</body>", start + filler + end + b"</body>", 1))
    return response


def _ask_page(form: AskForm, status: int = 422) -> Response:
    return page("delegates/found.html", found=None, form=form, register="", asking=True, status=status)


@blueprint.post("/find-my-delegate/ask")
@access.public
def ask() -> ResponseReturnValue:
    form, db = AskForm(), db_session()
    if not form.validate_on_submit():
        return _ask_page(form)
    asker = requests.Asker(form.name.data, form.email.data, form.phone.data, form.about.data)
    try:
        requests.ask(db, form.lookup.data or "", asker, counted_address(), client_address())
    except TooManyAttempts as error:
        db.rollback()
        finding.note_blocked(db, "request")
        db.commit()
        return too_many(form, error, _ask_page, _too_many_words())
    except requests.LookupGone:
        db.rollback()
        again = FindForm(formdata=None)
        again.form_errors = [
            "You looked up your organization too long ago. Please look it up again: what you wrote is kept."
        ]
        return _find_page(again, 410)
    db.commit()
    return redirect_to(url_for("delegates.asked"))


@blueprint.get("/find-my-delegate/asked")
@access.public
def asked() -> ResponseReturnValue:
    return page("delegates/asked.html")


@blueprint.get("/find-my-delegate/confirm/<token>")
@access.public
def follow_link(token: str) -> ResponseReturnValue:
    """Take the token out of the address. Mail scanners come here, too: nothing is confirmed yet."""
    session[CONFIRMING] = token[:200]
    return redirect_to(url_for("delegates.confirm"))


def _link_dead() -> Response:
    db_session().rollback()
    return page("delegates/link_dead.html", status=410)


@blueprint.get("/find-my-delegate/confirm")
@access.public
def confirm() -> ResponseReturnValue:
    try:
        asker = requests.asked_with(db_session(), session.get(CONFIRMING, ""))
    except requests.LinkDead:
        return _link_dead()
    return page("delegates/confirm.html", asker=asker)


@blueprint.post("/find-my-delegate/confirm")
@access.public
def confirm_post() -> ResponseReturnValue:
    db = db_session()
    try:
        requests.confirm(db, session.get(CONFIRMING, ""))
    except requests.LinkDead:
        return _link_dead()
    db.commit()
    return redirect_to(url_for("delegates.confirmed"))


@blueprint.get("/find-my-delegate/confirmed")
@access.public
def confirmed() -> ResponseReturnValue:
    return page("delegates/confirmed.html")


@blueprint.post("/find-my-delegate/not-me")
@access.public
def not_me() -> ResponseReturnValue:
    """Whoever got the e-mail had not asked for it."""
    db = db_session()
    try:
        requests.disown(db, session.pop(CONFIRMING, ""))
    except requests.LinkDead:
        return _link_dead()
    db.commit()
    flash("Thank you. The request was deleted, and nobody was told.", "good")
    return redirect_to(url_for("pages.home"))


@blueprint.get("/contact-requests", endpoint="requests")
@access.delegate
def all_requests() -> ResponseReturnValue:
    db = db_session()
    found = requests.own_requests(db)
    db.commit()
    return page("delegates/requests.html", requests=found, most=requests.LISTED)


def _request_page(
    one: requests.Request, answer: AnswerForm | None = None, report: ReportForm | None = None, status: int = 200
) -> Response:
    forms: dict[str, Any] = {
        "answer": answer or AnswerForm(formdata=None),
        "report": report or ReportForm(formdata=None),
    }
    sent = requests.sent_about(db_session(), one)
    return page("delegates/request.html", one=one, sent=sent, **forms, status=status)


def _request_or_404(request_id: int) -> requests.Request:
    return requests.own_request(db_session(), request_id) or abort(404)


@blueprint.get("/contact-requests/<id:request_id>")
@access.delegate
def request_one(request_id: int) -> ResponseReturnValue:
    db, one = db_session(), _request_or_404(request_id)
    requests.view_request(db, one)
    db.commit()
    return _request_page(one)


def _do(one: requests.Request, deed: Callable[[PortalSession], None], said: str, *, then: str = "") -> Response:
    """Do something with a request, say so, and go on to `then`, or to the request; or say that a colleague was faster."""
    db = db_session()
    try:
        deed(db)
    except requests.EndedAlready:
        db.rollback()
        flash("Somebody in your organization has already dealt with this request.", "warn")
        then = ""
    else:
        db.commit()
        flash(said, "good")
    return redirect_to(then or url_for("delegates.request_one", request_id=one.id))


@blueprint.post("/contact-requests/<id:request_id>/answer")
@access.delegate
def request_answer(request_id: int) -> ResponseReturnValue:
    form, one = AnswerForm(), _request_or_404(request_id)
    if not form.validate_on_submit():
        return _request_page(one, answer=form, status=422)
    return _do(one, lambda db: requests.answer(db, the_actor(), one, form.answer.data), "Your answer is on its way.")


@blueprint.post("/contact-requests/<id:request_id>/invite")
@access.delegate
def request_invite(request_id: int) -> ResponseReturnValue:
    one = _request_or_404(request_id)
    return _do(one, lambda db: requests.invite(db, the_actor(), one), "Your invitation is on its way.")


@blueprint.post("/contact-requests/<id:request_id>/close")
@access.delegate
def request_close(request_id: int) -> ResponseReturnValue:
    one, then = _request_or_404(request_id), url_for("delegates.requests")
    return _do(one, lambda db: requests.close(db, the_actor(), one), "The request is closed.", then=then)


@blueprint.post("/contact-requests/<id:request_id>/report")
@access.delegate
def request_report(request_id: int) -> ResponseReturnValue:
    form, one = ReportForm(), _request_or_404(request_id)
    if not form.validate_on_submit():
        return _request_page(one, report=form, status=422)
    said = "Thank you. We will look into it; the result appears here."
    return _do(one, lambda db: requests.report(db, the_actor(), one, form.reason.data), said)
