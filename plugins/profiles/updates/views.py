"""The public form of provider updates."""

from __future__ import annotations

from flask import Response, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import TooManyAttempts, access, db_session, page, redirect_to, send_public_form, too_many

from ..blueprint import public_blueprint
from .cases import UPDATE
from .forms import UpdateForm

OFTEN = "Too many forms were sent from here, or to this e-mail address. Wait {wait}, and look in your spam folder meanwhile."


def _page(form: UpdateForm, status: int = 200) -> Response:
    return page("profiles/updates/form.html", form=form, status=status)


@public_blueprint.get("/updates")
@access.public
def update() -> ResponseReturnValue:
    return _page(UpdateForm(formdata=None))


@public_blueprint.post("/updates")
@access.public
def update_post() -> ResponseReturnValue:
    form, db = UpdateForm(), db_session()
    if not form.validate_on_submit():
        return _page(form, 422)
    try:
        send_public_form(db, UPDATE, form.contact, form.values())
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, _page, OFTEN)
    db.commit()
    return redirect_to(url_for("case_status.sent"))
