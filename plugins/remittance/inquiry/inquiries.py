"""What somebody asks and gets, recorded: the newest payments, payments by what they are like, payments by their claims.

No verb here commits. What tells of a patient is recorded as keyed hashes: whoever knows a number can find who asked for it,
and nobody can read it in the record. What was shown is recorded by the numbers of rows, so that the patients seen can be told.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from hp_portal.api import Listing, Order, PortalSession, record, spans, what_was_shown

from ..keys import name_key, number_key
from . import chart, search
from .criteria import ClaimCriteria, PaymentCriteria
from .no_results import Problem, what_is_wrong
from .selections import AnyRow

_DIGEST = "remittance inquiry"


@dataclass(frozen=True)
class Newest:
    """The latest payments, and what was paid month by month."""

    payments: list[AnyRow]
    months: list[chart.Month]


@dataclass(frozen=True)
class PaymentsFound:
    """One page of the payments found, and what is wrong with a number that found none (None: nothing that can be told)."""

    listing: Listing[AnyRow]
    problem: Problem | None


def see_newest(session: PortalSession, today: dt.date) -> Newest:
    """What shows before any search."""
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
    return Newest(payments, chart.paid_by_month(session, today))


def search_payments(session: PortalSession, criteria: PaymentCriteria, order: Order) -> PaymentsFound:
    """Payments by number and by what they are like. Raises PastTheEnd."""
    listing = search.find_payments(session, criteria, order)
    number = criteria.number
    problem = what_is_wrong(session, number) if number and not listing.total else None
    keys = dict(criteria.url_values)
    if problem is not None:
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
    return PaymentsFound(listing, problem)


def search_by_claims(
    session: PortalSession, criteria: ClaimCriteria, order: Order
) -> Listing[search.PaymentWithClaims]:
    """Payments by the claims in them. Raises PastTheEnd."""
    listing = search.find_claims(session, criteria, order)
    record(
        session,
        "remittance.payment.searched",
        kind="claims",
        keys=_digests(session, criteria),
        claims={found.payment.id: spans(claim.claim for claim in found.claims) for found in listing.rows},
        **what_was_shown(listing, lambda found: found.payment.id),
    )
    return listing


def _digests(session: PortalSession, criteria: ClaimCriteria) -> dict[str, str]:
    asked = {
        "claim_number": number_key(criteria.claim_number),
        "patient_account": number_key(criteria.patient_account),
        "member_id": number_key(criteria.member_id),
        "patient": name_key(criteria.last_name, criteria.first_name).strip(","),
        "service_from": criteria.service_from.isoformat() if criteria.service_from else "",
        "service_to": criteria.service_to.isoformat() if criteria.service_to else "",
    }
    return {name: session.vault.digest(value, _DIGEST).hex() for name, value in asked.items() if value}
