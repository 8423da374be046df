"""Marking payments and claims as posted, for everybody of the office, and taking the mark back."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, redirect_to, the_actor

from ..blueprint import POST, blueprint
from ..codes.plain_words import payment_word
from ..models import Payment
from ..office import posting
from . import claims
from .payment_views import KEPT_IN_ADDRESS, payment_or_404, payment_page

_MOST = 500
"""Claims that are chosen at once: more than a page has."""


@blueprint.post("/payments/<id:payment_id>/posted")
@access.requires(POST, member_data=True)
def post_claims(payment_id: int) -> ResponseReturnValue:
    """Mark all claims of a payment, or those that were chosen, as posted, or take the mark back (`deed`)."""
    db = db_session()
    found = payment_or_404(db, payment_id)
    chosen = None if request.form.get("all") else _chosen()
    if chosen is not None and not chosen:
        return payment_page(db, found, "", "", nothing_chosen=True, status=422)
    count = _do(found, chosen)
    db.commit()
    flash(_said(found, chosen is None, count), "good" if count else "info")
    values: dict[str, Any] = {name: request.args[name] for name in KEPT_IN_ADDRESS if request.args.get(name)}
    anchor = "posted" if chosen is None else "claims-of-payment"
    return redirect_to(url_for("remittance.payment", payment_id=payment_id, **values, _anchor=anchor))


@blueprint.post("/payments/<id:payment_id>/claims/<id(32):number>/posted")
@access.requires(POST, member_data=True)
def post_claim(payment_id: int, number: int) -> ResponseReturnValue:
    """Mark one claim as posted, or take the mark back, on the claim's own page."""
    db = db_session()
    found = payment_or_404(db, payment_id)
    if claims.open_claim(db, payment_id, number) is None:
        abort(404)
    count = _do(found, [number])
    db.commit()
    flash(_said(found, False, count), "good" if count else "info")
    return redirect_to(url_for("remittance.claim", payment_id=payment_id, number=number))


def _chosen() -> list[int]:
    numbers = [int(value) for value in request.form.getlist("claim")[:_MOST] if value.isascii() and value.isdigit()]
    return [number for number in numbers if number < 2**31]


def _takes_back() -> bool:
    return request.form.get("deed") == "take-back"


def _do(found: Payment, chosen: list[int] | None) -> int:
    verb = posting.take_back if _takes_back() else posting.post
    return verb(db_session(), the_actor(), found, chosen)


def _said(found: Payment, everything: bool, count: int) -> str:
    """What was done, for the top of the next page."""
    word = f"{payment_word(found.method)} {found.trace_number}"
    if not count:
        return "Nothing to take back: not marked as posted." if _takes_back() else "Marked as posted before."
    what = word if everything and (count == found.claim_count or not found.claim_count) else _claims(count)
    return f"{what}: no longer marked as posted." if _takes_back() else f"{what}: marked as posted."


def _claims(count: int) -> str:
    return f"{count:,} {'claim' if count == 1 else 'claims'}"
