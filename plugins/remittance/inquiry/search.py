"""Finding payments: by number, by what a payment is like, by the claims in it.

Every statement selects from models, so the scope of the signed-in organization is added to it; a payment of somebody
else and one that does not exist are the same to all of this. The search by number is the portal's busiest request: its
statements are made once and select only the columns that a row shows.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import (
    Column,
    Listing,
    Order,
    Payee,
    PortalSession,
    Sorting,
    page_of,
    select_rows,
)

from ..keys import name_key, number_key
from ..models import Claim, Payment
from ..persons import ShownClaim, shower
from .criteria import ClaimCriteria, PaymentCriteria
from .selections import AnyRow, AnySelect

PAGE = 25
# As many of a payment's claims a result shows; the payment's page has them all.
CLAIMS_SHOWN = 10
NEWEST = 8
LATELY = dt.timedelta(days=45)

_rows: AnySelect = sa.select(
    Payment.id,
    Payment.trace_number,
    Payment.method,
    Payment.effective_on,
    Payment.payee_name,
    Payment.payee_npi,
    Payment.claim_count,
    Payment.amount,
    Payment.set_aside,
)
PAYMENTS = Sorting(
    (
        Column("number", "Number", Payment.trace_number, "code"),
        Column("date", "Issued", Payment.effective_on, "date"),
        Column("payee", "Payee", Payment.payee_name),
        Column("claims", "Claims", kind="number"),
        Column("amount", "Amount", Payment.amount, "number"),
    ),
    default="-date",
    tie=Payment.id,
)

_limit = sa.bindparam("wanted_rows", type_=sa.Integer())
_offset = sa.bindparam("offset_rows", type_=sa.Integer())
_key = sa.bindparam("number_key", type_=sa.Text())
_by_number = {
    sort: _rows.where(Payment.number_key == _key).order_by(*PAYMENTS.order_by(sort)).limit(_limit).offset(_offset)
    for name in PAYMENTS.names
    for sort in (name, f"-{name}")
}
_count_by_number = sa.select(sa.func.count(Payment.id)).where(Payment.number_key == _key)
_newest = _rows.order_by(*PAYMENTS.order_by("-date")).limit(NEWEST)
_newest_since = (
    _rows.where(Payment.effective_on >= sa.bindparam("since")).order_by(*PAYMENTS.order_by("-date")).limit(NEWEST)
)


@dataclass(frozen=True)
class PaymentWithClaims:
    """A payment of the results, the claims in it that match, and how many more of them there are."""

    payment: AnyRow
    claims: list[ShownClaim]
    more: int


def newest_payments(session: PortalSession, today: dt.date) -> list[AnyRow]:
    """The latest payments to the payees one may see.

    Whoever is paid often has enough of them in the last weeks, and the index finds those without sorting years of payments.
    """
    rows = list(session.execute(_newest_since, {"since": today - LATELY}).all())
    return rows if len(rows) == NEWEST else list(session.execute(_newest).all())


def find_payments(session: PortalSession, criteria: PaymentCriteria, order: Order) -> Listing[AnyRow]:
    """One page of the payments that fit. Raises PastTheEnd."""
    if not criteria.only_number:
        return page_of(session, _rows.where(*_conditions(criteria)), order)
    before = (order.number - 1) * PAGE
    values = {"number_key": criteria.number.key, "wanted_rows": PAGE, "offset_rows": before}
    rows = list(select_rows(session, _by_number[order.sort], values).all())
    total = before + len(rows)
    if len(rows) == PAGE or (before and not rows):
        total = session.scalar(_count_by_number, {"number_key": criteria.number.key}) or 0
    return Listing(rows, order.number, PAGE, total, order)


def _conditions(criteria: PaymentCriteria) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if criteria.number:
        where.append(Payment.number_key == criteria.number.key)
    if criteria.issued_from:
        where.append(Payment.effective_on >= criteria.issued_from)
    if criteria.issued_to:
        where.append(Payment.effective_on <= criteria.issued_to)
    if criteria.amount_min is not None:
        where.append(Payment.amount >= criteria.amount_min)
    if criteria.amount_max is not None:
        where.append(Payment.amount <= criteria.amount_max)
    if criteria.payee is not None:
        where.append(Payment.payee_id == criteria.payee)
    if criteria.zero:
        where.append(Payment.amount == 0)
    return where


def find_claims(session: PortalSession, criteria: ClaimCriteria, order: Order) -> Listing[PaymentWithClaims]:
    """One page of the payments that have a matching claim, each with those claims. Raises PastTheEnd."""
    matching = _claim_conditions(session, criteria)
    with_claims = Payment.id.in_(sa.select(Claim.payment_id).where(*matching))
    listing: Listing[AnyRow] = page_of(session, _rows.where(with_claims), order)
    claims = _claims_of(session, [row.id for row in listing.rows], matching)
    return listing.with_rows(
        [
            PaymentWithClaims(row, claims[row.id][:CLAIMS_SHOWN], max(0, len(claims[row.id]) - CLAIMS_SHOWN))
            for row in listing.rows
        ]
    )


def _claims_of(
    session: PortalSession, payments: list[int], matching: list[sa.ColumnElement[bool]]
) -> dict[int, list[ShownClaim]]:
    found: dict[int, list[ShownClaim]] = defaultdict(list)
    if not payments:
        return found
    statement: AnySelect = sa.select(
        Claim.payment_id,
        Claim.claim,
        Claim.person_sealed,
        Claim.payer_control_number,
        Claim.patient_control_number,
        Claim.service_from,
        Claim.service_to,
        Claim.status,
        Claim.paid,
    )
    shown = shower(session)
    for row in session.execute(
        statement.where(Claim.payment_id.in_(payments), *matching).order_by(Claim.payment_id, Claim.claim)
    ):
        found[row.payment_id].append(shown(row))
    return found


def _claim_conditions(session: PortalSession, criteria: ClaimCriteria) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if key := number_key(criteria.claim_number):
        where.append(sa.or_(Claim.payer_control_key == key, Claim.patient_control_key == key))
    if key := number_key(criteria.patient_account):
        where.append(Claim.patient_control_key == key)
    if key := number_key(criteria.member_id):
        where.append(Claim.member_is(session, key))
    if number_key(criteria.last_name):
        where.append(Claim.name_begins(session, name_key(criteria.last_name, criteria.first_name)))
    if criteria.service_from:
        where.append(sa.func.coalesce(Claim.service_to, Claim.service_from) >= criteria.service_from)
    if criteria.service_to:
        where.append(Claim.service_from <= criteria.service_to)
    # Without a condition every claim would match: nothing that is no more than punctuation finds anything.
    return where if where else [sa.false()]


def payees(session: PortalSession) -> list[AnyRow]:
    """The payees one may see, to choose from: id, name, NPI."""
    statement: AnySelect = sa.select(Payee.id, Payee.name, Payee.npi).order_by(Payee.name, Payee.id)
    return list(session.execute(statement).all())
