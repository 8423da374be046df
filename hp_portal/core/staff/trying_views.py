"""What a proof would answer to somebody who registers: tried by staff, counted nowhere, and without anything of the payment."""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.applications.menu import plugins
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.forms import PROOF_FORMS
from hp_portal.core.registration.proving import MoreAsked
from hp_portal.core.staff import registrations as reading
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.registration_forms import TryForm
from hp_portal.core.staff.registrations import Tried
from hp_portal.core.web.render import db_session, page, settings

TRY = "staff:registrations:try"


@blueprint.get("/try-proof")
@access.staff(TRY)
def try_proof() -> ResponseReturnValue:
    return _page(TryForm(formdata=None), None, 200)


@blueprint.post("/try-proof")
@access.staff(TRY)
def try_proof_answer() -> ResponseReturnValue:
    form, db = TryForm(), db_session()
    if not form.validate_on_submit():
        return _page(form, None, 422)
    # The form of that way says what is missing, in the words that the person reads.
    asked = PROOF_FORMS[form.path.data]()
    if not asked.validate():
        for field in asked:
            if field.errors and field.name in form:
                form[field.name].errors = field.errors
        return _page(form, None, 422)
    typed = Typed(path=form.path.data)
    asked.fill(typed)
    try:
        tried = reading.try_proof(db, settings(), plugins(), typed)
    except MoreAsked as error:
        form.form_errors = [str(error)]
        return _page(form, None, 422)
    db.commit()
    return _page(form, tried, 200)


def _page(form: TryForm, tried: Tried | None, status: int) -> Response:
    return page("staff/registration_try.html", form=form, tried=tried, days=settings().proof_days, status=status)
