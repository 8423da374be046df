"""*Forgot your password or user name?*, for anybody."""

from __future__ import annotations

from flask import Blueprint, Response, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.recovery import asking
from hp_portal.core.recovery.forms import RecoveryForm
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import client_address, counted_address

blueprint = Blueprint("recovery", __name__)
OFTEN = (
    "This was asked for too often. Wait {wait}, then try again. "
    "If it was you who asked, look for our messages: the links in them still work."
)


def _ask_page(form: RecoveryForm, status: int = 200) -> Response:
    return page("recovery/ask.html", form=form, minutes=settings().recovery_link_minutes, status=status)


@blueprint.get("/forgot-password")
@access.public
def ask() -> ResponseReturnValue:
    return _ask_page(RecoveryForm(formdata=None))


@blueprint.post("/forgot-password")
@access.public
def ask_post() -> ResponseReturnValue:
    form, db = RecoveryForm(), db_session()
    if not form.validate_on_submit():
        return _ask_page(form, 422)
    try:
        asking.ask(db, form.typed.data, counted_address(), client_address())
    except TooManyAttempts as error:
        db.rollback()
        asking.note_blocked(db)
        db.commit()
        return too_many(form, error, _ask_page, OFTEN)
    db.commit()
    return redirect_to(url_for("recovery.asked"))


@blueprint.get("/forgot-password/asked")
@access.public
def asked() -> ResponseReturnValue:
    """The same for everybody: it tells nothing of whether there is such an account."""
    return page("recovery/asked.html", minutes=settings().recovery_link_minutes)
