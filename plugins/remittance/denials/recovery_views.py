"""The page of recoveries: what is taken back, carried forward and adjusted for a payee as a whole."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page, page_number

from ..blueprint import READ, blueprint
from ..codes import glossary
from ..codes.plain_words import payment_word
from ..inquiry.search import payee_choices
from .forms import RecoveryForm
from .recoveries import EVERYTHING, Recoveries, view_recoveries


@blueprint.get("/recoveries")
@access.requires(READ, member_data=True)
def recoveries() -> ResponseReturnValue:
    """Claims are named here, and so a reason is asked for."""
    db = db_session()
    form = RecoveryForm(payee_choices(db), formdata=request.args)
    if not form.validate():
        return _page(form, status=422)
    criteria = form.criteria()
    found = view_recoveries(db, criteria, page_number(request.args))
    used = {"PLB": {step.reason for chain in found.listing.rows for step in chain.steps}}
    meaning = glossary.look_up(db, used, None)
    db.commit()
    at = found.listing.at("remittance.recoveries", **criteria.url_values)
    return _page(form, found=found, chains=at, criteria=criteria, meaning=meaning)


def _page(form: RecoveryForm, *, status: int = 200, **shown: Any) -> Response:
    found: Recoveries | None = None
    context: dict[str, Any] = {
        "form": form,
        "found": found,
        "chains": None,
        "criteria": None,
        "meaning": None,
        "everything": EVERYTHING,
        "words": {"payment_word": payment_word},
        **shown,
    }
    return page("remittance/recoveries/index.html", "chains", status=status, **context)
