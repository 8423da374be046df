"""The pages on which payments are found. A payment's own pages are in payment_views.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from hp_portal.api import (
    KeptGone,
    Listing,
    PortalSession,
    access,
    db_session,
    page,
    page_number,
    record,
    redirect_to,
    settings,
    the_actor,
    today,
    wants_fragment,
)

from ..blueprint import READ, blueprint
from ..codes.plain_words import payment_word, status_word
from ..keys import name_key, number_key
from . import chart, kept_searches, no_results, search
from .criteria import NEWEST_FIRST, SORTS, CheckNumber, ClaimCriteria, PaymentCriteria, read_sort
from .forms import ClaimSearchForm, PaymentSearchForm

_DIGEST = "remittance inquiry"
Row = TypeVar("Row")


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
    day = today(settings().payer.zone)
    payments = search.newest_payments(db, day)
    months = chart.paid_by_month(db, day)
    record(db, "remittance.payment.searched", kind="newest", keys={}, shown=len(payments), page=1)
    db.commit()
    return _page(newest=payments, months=months, drawn=chart.drawn(months))


def _nothing_typed() -> Response:
    return _page(problem=no_results.Problem.EMPTY, status=422)


def _found(criteria: PaymentCriteria) -> Response:
    """Payments by number and by what they are like."""
    db, sort, number = db_session(), read_sort(request.args), page_number(request.args)
    found = search.find_payments(db, criteria, sort, number)
    problem = no_results.what_is_wrong(db, criteria.number) if criteria.number and not found.total else None
    record(
        db,
        "remittance.payment.searched",
        kind="number" if criteria.only_number else "payments",
        keys=_keys(db, criteria, problem),
        shown=len(found.rows),
        page=number,
    )
    db.commit()
    if criteria.only_number and found.total == 1:
        return redirect_to(url_for("remittance.payment", payment_id=found.rows[0].id))
    return _page(
        number=criteria.number.typed,
        found=_listing(found, lambda wanted: _url(criteria.url_values, sort, wanted)),
        sorts=_sorts(criteria.url_values, sort),
        problem=problem,
        opened="" if criteria.only_number or found.total else "payment",
    )


def _keys(db: PortalSession, criteria: PaymentCriteria, problem: no_results.Problem | None) -> dict[str, str]:
    """What was asked, for the audit. What looks like no payment's number may be a member's number or a name that was typed
    in the wrong place: it is not kept readable."""
    keys = dict(criteria.url_values)
    if problem is not None:
        keys["number"] = db.vault.digest(criteria.number.key, _DIGEST).hex()
    return keys


def _kept(token: str) -> Response:
    """Payments by their claims: the search that the word in the address stands for."""
    db, sort, number = db_session(), read_sort(request.args), page_number(request.args)
    try:
        criteria = kept_searches.find_claims(db, the_actor(), token)
    except KeptGone:
        return _page(gone=True, status=404)
    found = search.find_claims(db, criteria, sort, number)
    record(
        db,
        "remittance.payment.searched",
        kind="claims",
        keys=_digests(db, criteria),
        shown=len(found.rows),
        page=number,
    )
    db.commit()
    values = {"search": token}
    return _page(
        found_claims=_listing(found, lambda wanted: _url(values, sort, wanted)),
        sorts=_sorts(values, sort),
        claim_form=ClaimSearchForm(MultiDict(), data=vars(criteria)),
        opened="" if found.total else "claim",
    )


def _digests(db: PortalSession, criteria: ClaimCriteria) -> dict[str, str]:
    """Keyed hashes of what was asked: whoever knows a number can find who asked for it, and nobody can read it here."""
    asked = {
        "claim_number": number_key(criteria.claim_number),
        "patient_account": number_key(criteria.patient_account),
        "member_id": number_key(criteria.member_id),
        "patient": name_key(criteria.last_name, criteria.first_name).strip(","),
        "service_from": criteria.service_from.isoformat() if criteria.service_from else "",
        "service_to": criteria.service_to.isoformat() if criteria.service_to else "",
    }
    return {name: db.vault.digest(value, _DIGEST).hex() for name, value in asked.items() if value}


def _payment_form(arguments: MultiDict[str, str]) -> PaymentSearchForm:
    payees = [(str(row.id), f"{row.name} · NPI {row.npi}" if row.npi else row.name) for row in _payees()]
    return PaymentSearchForm(payees, formdata=arguments)


def _payees() -> list[Any]:
    return search.payees(db_session())


def _url(values: Mapping[str, str], sort: str, number: int = 1) -> str:
    changed: dict[str, Any] = dict(values)
    if sort != NEWEST_FIRST:
        changed["sort"] = sort
    if number > 1:
        changed["page"] = number
    # Put together here: url_for would look for the route once more for every link of the table's head.
    return f"{url_for('remittance.index')}?{urlencode(changed)}"


def _listing(found: Listing[Row], address: Callable[[int], str]) -> Listing[Row]:
    """The listing with addresses for its pages."""
    return replace(found, address=lambda page=1: address(page))


def _sorts(values: Mapping[str, str], sort: str) -> dict[str, tuple[str, str | None]]:
    """For each column the address that sorts by it, or turns the direction round, and how it is sorted now."""
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    addresses = {}
    for name in SORTS:
        # Dates and amounts are first wanted from the top, names and numbers from the beginning.
        first = f"-{name}" if name in ("date", "amount") else name
        turned = name if descending else f"-{name}"
        direction = ("descending" if descending else "ascending") if name == column else None
        addresses[name] = (_url(values, turned if name == column else first), direction)
    return addresses


def _page(*, status: int = 200, **shown: Any) -> Response:
    """The search page, or for htmx its results. The forms are made only where the whole page is."""
    context: dict[str, Any] = {
        "number": "",
        "found": None,
        "found_claims": None,
        "newest": None,
        "months": [],
        "drawn": None,
        "sorts": {},
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
