"""The pages on which payments are found. A payment's own pages are in payment_views.py."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from hp_portal.api import (
    KeptGone,
    access,
    db_session,
    page,
    reason_first,
    redirect_to,
    settings,
    the_actor,
    today,
    wants_fragment,
)

from ..blueprint import READ, blueprint
from ..codes.plain_words import payment_word, status_word
from . import chart, inquiries, kept_searches, no_results
from .criteria import CheckNumber, PaymentCriteria
from .forms import ClaimSearchForm, PaymentSearchForm
from .search import PAYMENTS, payees


@blueprint.get("/")
@access.requires(READ)
def index() -> ResponseReturnValue:
    if token := request.args.get("search"):
        return _kept(token)
    number = CheckNumber.of(request.args.get("number", ""))
    if not any(request.args.get(name) for name in _FIELDS):
        if number:
            return _found(PaymentCriteria(number))
        return _newest() if "number" not in request.args else _nothing_typed()
    form = _payment_form(request.args)
    if not form.validate():
        return _page(number=number.typed, payment_form=form, opened="payment", status=422)
    return _found(form.criteria(number))


_FIELDS = ("issued_from", "issued_to", "amount_min", "amount_max", "payee", "zero")


@blueprint.post("/search", endpoint="search")
@access.requires(READ)
def search_claims() -> ResponseReturnValue:
    """What tells of a patient comes by POST; the answer's address has a word for it."""
    form, db = ClaimSearchForm(), db_session()
    if not form.validate_on_submit():
        return _page(claim_form=form, opened="claim", status=422)
    token = kept_searches.keep_claims(db, the_actor(), form.criteria())
    db.commit()
    return redirect_to(url_for("remittance.index", search=token))


def _newest() -> Response:
    db = db_session()
    found = inquiries.see_newest(db, today(settings().payer.zone))
    db.commit()
    return _page(newest=found.payments, months=found.months, drawn=chart.drawn(found.months))


def _nothing_typed() -> Response:
    return _page(problem=no_results.Problem.EMPTY, status=422)


def _found(criteria: PaymentCriteria) -> Response:
    """Payments by number and by what they are like."""
    db = db_session()
    found = inquiries.search_payments(db, criteria, PAYMENTS.read(request.args))
    db.commit()
    listing = found.listing
    if criteria.only_number and listing.total == 1:
        return redirect_to(url_for("remittance.payment", payment_id=listing.rows[0].id))
    return _page(
        number=criteria.number.typed,
        found=listing.at("remittance.index", **criteria.url_values),
        problem=found.problem,
        opened="" if criteria.only_number or listing.total else "payment",
    )


def _kept(token: str) -> Response:
    """Payments by their claims: the search that the word in the address stands for."""
    reason_first()
    db = db_session()
    try:
        criteria = kept_searches.find_claims(db, the_actor(), token)
    except KeptGone:
        return _page(gone=True, status=404)
    found = inquiries.search_by_claims(db, criteria, PAYMENTS.read(request.args))
    db.commit()
    return _page(
        found_claims=found.at("remittance.index", search=token),
        claim_form=ClaimSearchForm(MultiDict(), data=vars(criteria)),
        opened="" if found.total else "claim",
    )


def _payment_form(arguments: MultiDict[str, str]) -> PaymentSearchForm:
    choices = [(str(row.id), f"{row.name} · NPI {row.npi}" if row.npi else row.name) for row in payees(db_session())]
    return PaymentSearchForm(choices, formdata=arguments)


def _page(*, status: int = 200, **shown: Any) -> Response:
    """The search page, or for htmx its results. The forms are made only where the whole page is."""
    context: dict[str, Any] = {
        "number": "",
        "found": None,
        "found_claims": None,
        "newest": None,
        "months": [],
        "drawn": None,
        "problem": None,
        "gone": False,
        "opened": "",
        "payment_form": None,
        "claim_form": None,
        "payment_word": payment_word,
        "status_word": status_word,
        **shown,
    }
    if not wants_fragment():
        context["payment_form"] = context["payment_form"] or _payment_form(request.args)
        context["claim_form"] = context["claim_form"] or ClaimSearchForm(MultiDict())
    return page("remittance/index.html", "results", status=status, **context)
