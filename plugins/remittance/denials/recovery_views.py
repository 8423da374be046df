"""The page of recoveries: what is taken back, carried forward and adjusted for a payee as a whole."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, can, db_session, hand_over, page, page_number, show_count, the_actor

from ..blueprint import DOWNLOAD, READ, blueprint
from ..codes import glossary
from ..codes.plain_words import adjustment_word, payment_word
from ..downloads.reasons import choices, read_reason
from ..inquiry.search import payee_choices
from . import recovery_documents as documents
from .counting import TooMuch
from .documents import newest_payment
from .forms import RecoveryForm
from .recoveries import EVERYTHING, Recoveries, figures, view_recoveries
from .views import days_of


@blueprint.get("/recoveries")
@access.requires(READ, member_data=True)
def recoveries() -> ResponseReturnValue:
    """Claims are named here, and so a reason is asked for."""
    form = _form()
    if not form.validate():
        return _page(form, status=422)
    try:
        return _found(form)
    except TooMuch as error:
        return _page(form, too_much=error, status=422)


@blueprint.get("/recoveries/csv")
@access.requires(DOWNLOAD, member_data=True)
def recoveries_csv() -> ResponseReturnValue:
    return _download(documents.CSV, "as CSV file")


@blueprint.get("/recoveries/xlsx")
@access.requires(DOWNLOAD, member_data=True)
def recoveries_xlsx() -> ResponseReturnValue:
    return _download(documents.XLSX, "as Excel workbook")


def _download(kind: str, how: str) -> ResponseReturnValue:
    reason, form, db = read_reason(request.args, the_actor().reason), _form(), db_session()
    if not form.validate():
        return _page(form, status=422)
    criteria = form.criteria()
    try:
        steps = figures(db, criteria).steps
    except TooMuch as error:
        return _page(form, too_much=error, status=422)
    wanted = {"criteria": dict(criteria.url_values), "newest": newest_payment(db), "reason": reason}
    title = f"Recoveries, {days_of(criteria)}, {show_count(steps, 'adjustment')}, {how}"
    return hand_over(kind, wanted, title=title, small=steps <= documents.MOST_AT_ONCE[kind])


def _found(form: RecoveryForm) -> Response:
    """A page of what was asked for. Raises TooMuch."""
    db, criteria = db_session(), form.criteria()
    found = view_recoveries(db, criteria, page_number(request.args))
    used = {"PLB": {step.reason for chain in found.listing.rows for step in chain.steps}}
    meaning = glossary.look_up(db, used, None)
    db.commit()
    at = found.listing.at("remittance.recoveries", **criteria.url_values)
    shown: dict[str, Any] = {}
    if can(DOWNLOAD):
        shown["downloads"] = [
            ("CSV", url_for("remittance.recoveries_csv")),
            ("Excel", url_for("remittance.recoveries_xlsx")),
        ]
        shown["reasons"], shown["usual_reason"] = choices(the_actor().reason)
    any_day = url_for(
        "remittance.recoveries", **dict[str, Any](criteria.but(issued_from=None, issued_to=None).url_values)
    )
    return _page(form, found=found, chains=at, criteria=criteria, meaning=meaning, any_day=any_day, **shown)


def _form() -> RecoveryForm:
    return RecoveryForm(payee_choices(db_session()), formdata=request.args)


def _page(form: RecoveryForm, *, status: int = 200, **shown: Any) -> Response:
    found: Recoveries | None = None
    context: dict[str, Any] = {
        "form": form,
        "found": found,
        "chains": None,
        "criteria": None,
        "meaning": None,
        "everything": EVERYTHING,
        "too_much": None,
        "downloads": [],
        "words": {"payment_word": payment_word, "adjustment_word": adjustment_word},
        **shown,
    }
    return page("remittance/recoveries/index.html", "chains", status=status, **context)
