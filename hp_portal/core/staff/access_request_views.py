"""Requests of billing organizations: those to look at before they are sent, and alarms of approvers who do not know them."""

from __future__ import annotations

from flask import Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.billing_access import by_staff
from hp_portal.core.billing_access.asking import Refused
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.web.render import db_session, page, redirect_to

ID = "<id:access_request_id>"
CHANGED = "Somebody has decided on this request meanwhile, or it was withdrawn."


@blueprint.get("/access-requests")
@access.staff("staff:tax-ids:manage")
def access_requests() -> ResponseReturnValue:
    db = db_session()
    held, alarms = by_staff.view_queue(db)
    db.commit()
    return page("staff/access_requests.html", held=held, alarms=alarms)


def _known(access_request_id: int) -> int:
    return access_request_id if by_staff.is_known(db_session(), access_request_id) else abort(404)


def _page(access_request_id: int, form: ReasonForm, status: int = 200) -> Response:
    one = by_staff.find_held(db_session(), access_request_id) or abort(404)
    return page("staff/access_request.html", one=one, form=form, status=status)


@blueprint.get(f"/access-requests/{ID}")
@access.staff("staff:tax-ids:manage")
def access_request_one(access_request_id: int) -> ResponseReturnValue:
    return _page(access_request_id, ReasonForm(formdata=None))


def _back(done: bool, words: str) -> Response:
    flash(words if done else CHANGED, "good" if done else "warn")
    return redirect_to(url_for("staff.access_requests"))


@blueprint.post(f"/access-requests/{ID}/send")
@access.staff("staff:tax-ids:manage")
def access_request_send(access_request_id: int) -> ResponseReturnValue:
    db, form = db_session(), ReasonForm()
    if not form.validate_on_submit():
        return _page(access_request_id, form, 422)
    try:
        done = by_staff.confirm(db, _known(access_request_id), form.reason.data)
    except Refused as error:
        form.form_errors = [f"It cannot be sent. {error}"]
        db.rollback()
        return _page(access_request_id, form, 422)
    db.commit()
    return _back(done, "The request is on its way.")


@blueprint.post(f"/access-requests/{ID}/refuse")
@access.staff("staff:tax-ids:manage")
def access_request_refuse(access_request_id: int) -> ResponseReturnValue:
    db, form = db_session(), ReasonForm()
    if not form.validate_on_submit():
        return _page(access_request_id, form, 422)
    done = by_staff.refuse(db, the_actor(), _known(access_request_id), form.reason.data)
    db.commit()
    return _back(done, "The request is not sent. Whoever asked reads your answer.")


@blueprint.post(f"/access-requests/{ID}/settle")
@access.staff("staff:tax-ids:manage")
def access_request_settle(access_request_id: int) -> ResponseReturnValue:
    """Somebody has looked into an alarm."""
    db = db_session()
    done = by_staff.settle_alarm(db, the_actor(), _known(access_request_id))
    db.commit()
    return _back(done, "The alarm is closed.")
