"""Requests for contact that delegates reported as suspicious."""

from __future__ import annotations

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.delegates import requests
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.render import db_session, page, redirect_to

MANAGE = "staff:contact-requests:manage"


class SettlementForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    settlement = StringField(
        "What you found",
        [DataRequired("Say what you found: the organization reads it."), Length(3, 500, "Use 3 to 500 characters.")],
        filters=[one_line],
    )


def _page(form: SettlementForm, wrong: int | None = None, status: int = 200) -> ResponseReturnValue:
    db = db_session()
    found = requests.view_reported(db)
    db.commit()
    return page("staff/contact_requests.html", requests=found, form=form, wrong=wrong, status=status)


@blueprint.get("/contact-requests")
@access.staff(MANAGE)
def contact_requests() -> ResponseReturnValue:
    return _page(SettlementForm(formdata=None))


@blueprint.post("/contact-requests/<id:request_id>/settle")
@access.staff(MANAGE)
def contact_requests_settle(request_id: int) -> ResponseReturnValue:
    form, db = SettlementForm(), db_session()
    if not form.validate_on_submit():
        return _page(form, request_id, 422)
    done = requests.settle(db, the_actor(), request_id, form.settlement.data)
    db.commit()
    flash("The report is closed." if done else "The report was closed before.", "good" if done else "warn")
    return redirect_to(url_for("staff.contact_requests"))
