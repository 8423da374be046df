"""What somebody asks and gets, recorded: the newest payments, payments by what they are like, payments by their claims.

No verb here commits. What tells of a patient is recorded as keyed hashes: whoever knows a number can find who asked for it,
and nobody can read it in the record. What was shown is recorded by the numbers of rows, so that the patients seen can be told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from hp_portal.api import Listing, Order, PortalSession, record, spans, what_was_shown

from ..keys import name_key, number_key
from ..persons import ShownClaim
from . import chart, search
from .any_number import AnyNumber, Kind
from .claim_news import News, news_of
from .criteria import CheckNumber, ClaimCriteria, PaymentCriteria
from .history import other_claims
from .no_results import Problem, what_is_wrong
from .search import Found
from .selections import AnyRow

_DIGEST = "remittance inquiry"


@dataclass(frozen=True)
class Newest:
    """The latest payments, what was paid month by month, and how many payments are new since when; None: a first visit."""

    payments: list[AnyRow]
    months: list[chart.Month]
    since: dt.datetime | None
    new: int


@dataclass(frozen=True)
class PaymentsFound:
    """One page of the payments found, what they pay together, how many are not in that sum, and what is wrong with a number that
    found none (None: nothing that can be told)."""

    listing: Listing[AnyRow]
    amount: int | None
    not_in_sum: int
    problem: Problem | None


@dataclass(frozen=True)
class ClaimsFound:
    """One page of the claims found, what is paid for them together, how many are not in that sum, and their news."""

    listing: Listing[ShownClaim]
    amount: int | None
    not_in_sum: int
    news: News


def see_newest(session: PortalSession, today: dt.date, last: dt.datetime | None) -> Newest:
    """What shows before any search. `last`: when the person was here before."""
    payments = search.newest_payments(session, today)
    rows = spans(row.id for row in payments)
    record(
        session,
        "remittance.payment.searched",
        kind="newest",
        keys={},
        page=1,
        sort="-date",
        shown=len(payments),
        rows=rows,
        claims={},
    )
    since = search.new_since(last) if last else None
    new = search.count_new(session, since) if since else 0
    return Newest(payments, chart.paid_by_month(session, today), since, new)


def search_payments(
    session: PortalSession, criteria: PaymentCriteria, order: Order, found: Found[AnyRow] | None = None
) -> PaymentsFound:
    """Payments by number and by what they are like. `found`: them, where they are known already. Raises PastTheEnd."""
    found = found or search.find_payments(session, criteria, order)
    listing, number = found.listing, criteria.number
    problem = what_is_wrong(session, number) if number and not listing.total else None
    keys = dict(criteria.url_values)
    if number and not listing.total:
        # It may be a member's number or a name that was typed in the wrong place.
        keys["number"] = session.vault.digest(number.key, _DIGEST).hex()
    record(
        session,
        "remittance.payment.searched",
        kind="number" if criteria.only_number else "payments",
        keys=keys,
        claims={},
        **what_was_shown(listing, lambda row: row.id),
    )
    return PaymentsFound(listing, found.amount, found.not_in_sum, problem)


def payments_called(session: PortalSession, number: AnyNumber) -> CheckNumber | None:
    """The number by which payments that one may see are called, of the keys of what was typed. None: no payment is."""
    return next((called for called in _called(session, number) if search.is_payment(session, called.key)), None)


def find_called(session: PortalSession, number: AnyNumber, order: Order) -> tuple[CheckNumber, Found[AnyRow]] | None:
    """As `payments_called`, with one page of these payments. Raises PastTheEnd."""
    for called in _called(session, number):
        # Where there is no payment there is no second page of them either.
        if order.number == 1 or search.is_payment(session, called.key):
            found = search.find_payments(session, PaymentCriteria(called), order)
            if found.listing.total:
                return called, found
    return None


def _called(session: PortalSession, number: AnyNumber) -> Iterator[CheckNumber]:
    """What payments may be called by, the likeliest first."""
    if number.kind not in (Kind.UNKNOWN, Kind.PAYMENT) and search.has_claims(session, number):
        return  # what says that it is a claim's or a member's is looked for there first
    for key in number.keys:
        # What was typed may say more than the number: only its own key stands for it.
        yield CheckNumber.of(number.typed) if number_key(number.typed) == key else CheckNumber(key, key)


def search_in_vain(session: PortalSession, number: AnyNumber) -> Problem | None:
    """Nothing has this number, recorded; what is wrong with it, as far as can be told."""
    keys = {"number": session.vault.digest(number.keys[0], _DIGEST).hex()} if number.keys else {}
    record(
        session,
        "remittance.payment.searched",
        kind="number",
        keys=keys,
        page=1,
        sort="-date",
        shown=0,
        rows="",
        claims={},
    )
    return what_is_wrong(session, CheckNumber.of(number.bare))


def search_by_claims(session: PortalSession, criteria: ClaimCriteria, order: Order) -> ClaimsFound:
    """Claims by what they are like. Raises PastTheEnd."""
    found = search.find_claims(session, criteria, order)
    rows = found.listing.rows
    news = news_of(session, rows)
    shown = {(row.payment_id, row.claim) for row in rows} | set(news.shown(rows))
    record(
        session,
        "remittance.payment.searched",
        kind="claims",
        keys=_digests(session, criteria),
        claims=other_claims(shown),
        **what_was_shown(found.listing, lambda row: row.payment_id),
    )
    return ClaimsFound(found.listing, found.amount, found.not_in_sum, news)


def _digests(session: PortalSession, criteria: ClaimCriteria) -> dict[str, str]:
    asked = {
        "number": next(iter(AnyNumber.of(criteria.number).keys), ""),
        "claim_number": number_key(criteria.claim_number),
        "patient_account": number_key(criteria.patient_account),
        "member_id": number_key(criteria.member_id),
        "patient": name_key(criteria.last_name, criteria.first_name).strip(","),
        "service_from": criteria.service_from.isoformat() if criteria.service_from else "",
        "service_to": criteria.service_to.isoformat() if criteria.service_to else "",
    }
    return {name: session.vault.digest(value, _DIGEST).hex() for name, value in asked.items() if value}
