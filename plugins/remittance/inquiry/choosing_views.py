"""From a list of payments to those of them that are downloaded together."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, last_visit, page, redirect_to, settings, show_count, the_actor, today

from ..blueprint import DOWNLOAD, blueprint
from ..downloads.chosen import MOST_CHOSEN, keep_chosen
from . import search
from .criteria import CheckNumber, PaymentCriteria
from .search_views import payment_form_of

_DIGITS = 18


@blueprint.post("/payments/together", endpoint="choose")
@access.requires(DOWNLOAD)
def choose() -> ResponseReturnValue:
    """Rows that were ticked, or with `all` whatever a search finds: kept, and shown on a page of their own."""
    form, db = request.form, db_session()
    criteria = _criteria()
    back = url_for("remittance.index", **dict[str, Any](criteria.url_values if criteria else {}))
    if form.get("all"):
        ids = search.payment_ids(db, criteria, MOST_CHOSEN + 1) if criteria else []
    else:
        ids = [int(text) for text in form.getlist("payment") if text.isdecimal() and len(text) <= _DIGITS]
    if len(ids) > MOST_CHOSEN:
        found = "These are more payments than can be chosen at a time"
        most = f"At most {show_count(MOST_CHOSEN, 'payment')} can be. Choose a shorter span of dates, or one payee."
        return page("remittance/together_none.html", title=found, words=most, back=back, status=422)
    word = keep_chosen(db, the_actor(), ids)
    if word is None:
        words = "Tick the payments that you want in the list, then choose Download together."
        return page("remittance/together_none.html", title="No payment is chosen", words=words, back=back, status=422)
    db.commit()
    return redirect_to(url_for("remittance.together", chosen=word))


def _criteria() -> PaymentCriteria | None:
    """The search that the list showed, None when what was sent is none."""
    form = payment_form_of(request.form)
    if not form.validate():
        return None
    number = CheckNumber.of(request.form.get("number", ""))
    return form.criteria(
        number, today(settings().payer.zone), lambda: search.new_since(last_visit(db_session(), the_actor()))
    )
