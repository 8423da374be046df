"""The pages on which payments are found. A payment's own pages are in payment_views.py."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from hp_portal.api import (
    KeptGone,
    access,
    db_session,
    last_visit,
    page,
    reason_first,
    redirect_to,
    settings,
    the_actor,
    today,
    wants_fragment,
)

from ..blueprint import READ, blueprint
from ..codes import glossary
from ..codes.plain_words import payment_word, status_word
from ..office.saved_searches import saved_searches
from ..verdict import claim_marks
from . import chart, inquiries, kept_searches, no_results, search
from .any_number import AnyNumber
from .criteria import CheckNumber, ClaimCriteria, PaymentCriteria
from .forms import ClaimSearchForm, PaymentSearchForm
from .news import new_words
from .posted import claims_posted, payments_posted
from .search import CLAIMS_FOUND, PAYMENTS, payee_choices
from .selections import AnyRow

WORDS: dict[str, Any] = {
    "payment_word": payment_word,
    "words": {"payment_word": payment_word, "status_word": status_word, "claim_marks": claim_marks},
}


@blueprint.get("/")
@access.requires(READ)
def index() -> ResponseReturnValue:
    if token := request.args.get("search"):
        return _kept(token)
    number = CheckNumber.of(request.args.get("number", ""))
    if _FIELDS.isdisjoint(name for name, typed in request.args.items() if typed):
        if number:
            return _by_number(AnyNumber.of(number.typed))
        return _newest() if "number" not in request.args else _nothing_typed()
    form = payment_form_of(request.args)
    if not form.validate():
        return _page(number=number.typed, payment_form=form, opened="payment", status=422)
    day = today(settings().payer.zone)
    return _found(form.criteria(number, day, lambda: search.new_since(last_visit(db_session(), the_actor()))))


@blueprint.post("/find")
@access.requires(READ)
def find() -> ResponseReturnValue:
    """The box for any number. It is posted, since it may be a member's; a payment's may stand in the address afterwards."""
    number = AnyNumber.of(request.form.get("number", ""))
    return _by_number(number, posted=True) if number.typed else _nothing_typed()


_FIELDS = frozenset(
    ("period", "issued_from", "issued_to", "amount_min", "amount_max", "payee", "zero", "new", "unposted")
)


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
    found = inquiries.see_newest(db, today(settings().payer.zone), last_visit(db, the_actor()))
    posted = payments_posted(db, found.payments)
    db.commit()
    return _page(
        newest=found.payments,
        posted=posted,
        months=found.months,
        month_url=_month_url,
        drawn=chart.drawn(found.months, _month_url),
        since=found.since,
        new=new_words(found.new) if found.new else "",
    )


def _month_url(month: chart.Month) -> str:
    """Where the payments of a month are."""
    return url_for("remittance.index", issued_from=month.first.isoformat(), issued_to=month.last.isoformat())


def _nothing_typed() -> Response:
    return _page(nothing=True, problem=no_results.Problem.EMPTY, status=422)


def _by_number(number: AnyNumber, *, posted: bool = False) -> Response:
    """Payments with this number, else claims. What was posted stands in the address only when it is a payment's."""
    db = db_session()
    several = bool(number.more) and not search.is_one_number(db, number)
    if several:
        others = "the other one was" if number.more == 1 else f"the {number.more} others were"
        flash(
            f"You typed {number.more + 1} numbers. The first was looked for; {others} not. Look for one at a time.",
            "warn",
        )
    if called := inquiries.find_called(db, number, PAYMENTS.read(request.args)):
        return _found(PaymentCriteria(called[0]), also=number, known=called[1], whole_page=several)
    token = kept_searches.keep_claims(db, the_actor(), ClaimCriteria(number=number.typed))
    to = url_for("remittance.index", search=token)
    if search.has_claims(db, number):
        db.commit()
        return redirect_to(to)
    if posted and (several or not wants_fragment()):
        db.commit()
        return redirect_to(to)
    response = _in_vain(number, token)
    if posted:
        response.headers["HX-Push-Url"] = to
    return response


def _in_vain(number: AnyNumber, token: str) -> Response:
    db = db_session()
    problem = inquiries.search_in_vain(db, number)
    db.commit()
    again = url_for("remittance.index", search=token)
    return _page(number=number.typed, nothing=True, problem=problem, bare=number.bare, again=again)


def _found(
    criteria: PaymentCriteria,
    also: AnyNumber | None = None,
    known: search.Found[AnyRow] | None = None,
    *,
    whole_page: bool = False,
) -> Response:
    """Payments by number and by what they are like. `also`: what was typed, which may be the number of claims, too.
    `known`: the page of payments, where it was found already. `whole_page`: more is to be said than of the results."""
    db = db_session()
    found = inquiries.search_payments(db, criteria, PAYMENTS.read(request.args), known)
    claims = ""
    if also is not None and (request.method == "POST" or found.listing.total == 1) and search.has_claims(db, also):
        token = kept_searches.keep_claims(db, the_actor(), ClaimCriteria(number=also.typed))
        claims = url_for("remittance.index", search=token)
    listing = found.listing
    posted = payments_posted(db, listing.rows)
    db.commit()
    if criteria.only_number and listing.total == 1 and not claims:
        return redirect_to(url_for("remittance.payment", payment_id=listing.rows[0].id))
    here = url_for("remittance.index", **dict[str, Any](criteria.url_values)) if request.method == "POST" else ""
    if here and (whole_page or not wants_fragment()):
        return redirect_to(claims or here)
    response = _page(
        number=criteria.number.typed,
        found=listing.at("remittance.index", **criteria.url_values),
        criteria=criteria.url_values,
        ticked=bool(request.args.get("ticked")),
        amount=found.amount,
        not_in_sum=found.not_in_sum,
        posted=posted,
        claims_too=claims,
        save_url=url_for("remittance.save_search", **dict[str, Any](criteria.url_values)),
        problem=found.problem,
        nothing=not listing.total,
        opened="" if criteria.only_number or listing.total else "payment",
    )
    if here:
        response.headers["HX-Push-Url"] = here
    return response


def _kept(token: str) -> Response:
    """Claims: the search that the word in the address stands for. A number may be a payment's by now, or a payment's as well."""
    db = db_session()
    try:
        criteria = kept_searches.find_claims(db, the_actor(), token)
    except KeptGone:
        return _page(gone=True, status=404)
    number = AnyNumber.of(criteria.number)
    payment = inquiries.payments_called(db, number) if number.typed else None
    if number.typed and not search.has_claims(db, number):
        return _in_vain(number, token) if payment is None else _found(PaymentCriteria(payment))
    reason_first()
    found = inquiries.search_by_claims(db, criteria, CLAIMS_FOUND.read(request.args))
    used = glossary.look_up(db, found.news.codes(), None)
    posted = claims_posted(db, found.listing.rows, found.news)
    db.commit()
    return _page(
        number=number.typed,
        found_claims=found.listing.at("remittance.index", search=token),
        save_url=url_for("remittance.save_search", search=token),
        amount=found.amount,
        not_in_sum=found.not_in_sum,
        news=found.news,
        posted=posted,
        meaning=used,
        payments_too=url_for("remittance.index", number=payment.key) if payment is not None else "",
        claim_form=ClaimSearchForm(MultiDict(), data=vars(criteria)),
        nothing=not found.listing.total,
        opened="" if found.listing.total else "claim",
    )


def payment_form_of(arguments: MultiDict[str, str]) -> PaymentSearchForm:
    """The form of a search by what a payment is like, with the payees that one may see to choose from."""
    return PaymentSearchForm(payee_choices(db_session()), formdata=arguments)


def _page(*, status: int = 200, **shown: Any) -> Response:
    """The search page, or for htmx its results. The forms are made only where the whole page is."""
    context: dict[str, Any] = {
        "number": "",
        "found": None,
        "criteria": {},
        "ticked": False,
        "found_claims": None,
        "amount": None,
        "not_in_sum": 0,
        "posted": None,
        "news": None,
        "meaning": None,
        "claims_too": "",
        "save_url": "",
        "saved": [],
        "payments_too": "",
        "nothing": False,
        "bare": "",
        "again": "",
        "newest": None,
        "months": [],
        "month_url": None,
        "drawn": None,
        "since": None,
        "new": "",
        "problem": None,
        "gone": False,
        "opened": "",
        "payment_form": None,
        "claim_form": None,
        **WORDS,
        **shown,
    }
    if not wants_fragment():
        context["payment_form"] = context["payment_form"] or payment_form_of(request.args)
        context["claim_form"] = context["claim_form"] or ClaimSearchForm(MultiDict())
        context["saved"] = saved_searches(db_session(), the_actor())
    return page("remittance/index.html", "results", status=status, **context)
