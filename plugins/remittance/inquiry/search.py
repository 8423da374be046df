"""Finding payments: by number, by what a payment is like, by the claims in it.

Every statement selects from models, so the scope of the signed-in organization is added to it; a payment of somebody
else and one that does not exist are the same to all of this. The search by number is the portal's busiest request: its
statements are made once and select only the columns that a row shows.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Listing, Payee, PortalSession, is_postgresql, select_rows

from ..keys import name_key, number_key
from ..models import Claim, Payment
from .criteria import SORTS, ClaimCriteria, PaymentCriteria
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
)
_sort_columns = {
    "date": Payment.effective_on,
    "number": Payment.trace_number,
    "payee": Payment.payee_name,
    "amount": Payment.amount,
}


def _order(sort: str) -> tuple[sa.UnaryExpression[Any], ...]:
    column: Any = _sort_columns[sort.removeprefix("-")]
    if sort.startswith("-"):
        return (column.desc().nulls_last(), Payment.id.desc())
    return (column.asc().nulls_last(), Payment.id.asc())


_limit = sa.bindparam("wanted_rows", type_=sa.Integer())
_offset = sa.bindparam("offset_rows", type_=sa.Integer())
_key = sa.bindparam("number_key", type_=sa.Text())
_by_number = {
    sort: _rows.where(Payment.number_key == _key).order_by(*_order(sort)).limit(_limit).offset(_offset)
    for name in SORTS
    for sort in (name, f"-{name}")
}
_newest = _rows.order_by(*_order("-date")).limit(NEWEST)
_newest_since = _rows.where(Payment.effective_on >= sa.bindparam("since")).order_by(*_order("-date")).limit(NEWEST)


@dataclass(frozen=True)
class PaymentWithClaims:
    """A payment of the results, the claims in it that match, and how many more of them there are."""

    payment: AnyRow
    claims: list[AnyRow]
    more: int


def newest_payments(session: PortalSession, today: dt.date) -> list[AnyRow]:
    """The latest payments to the payees one may see.

    Whoever is paid often has enough of them in the last weeks, and the index finds those without sorting years of payments.
    """
    rows = list(session.execute(_newest_since, {"since": today - LATELY}).all())
    return rows if len(rows) == NEWEST else list(session.execute(_newest).all())


def find_payments(session: PortalSession, criteria: PaymentCriteria, sort: str, number: int) -> Listing[AnyRow]:
    """One page of the payments that fit; `number` is the page, `sort` one of `SORTS`, with `-` for descending."""
    if criteria.only_number:
        values = {"number_key": criteria.number.key, "wanted_rows": PAGE, "offset_rows": (number - 1) * PAGE}
        rows = list(select_rows(session, _by_number[sort], values).all())
    else:
        statement = _rows.where(*_conditions(criteria)).order_by(*_order(sort)).limit(PAGE).offset((number - 1) * PAGE)
        rows = list(session.execute(statement).all())
    return Listing(rows, number, PAGE, _total(session, rows, number, lambda: _conditions(criteria)))


def _total(
    session: PortalSession, rows: list[AnyRow], number: int, where: Callable[[], list[sa.ColumnElement[bool]]]
) -> int:
    """How many there are; counted only where the page does not tell."""
    if 0 < len(rows) < PAGE or (number == 1 and not rows):
        return (number - 1) * PAGE + len(rows)
    return session.scalar(sa.select(sa.func.count(Payment.id)).where(*where())) or 0


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


def find_claims(session: PortalSession, criteria: ClaimCriteria, sort: str, number: int) -> Listing[PaymentWithClaims]:
    """One page of the payments that have a matching claim, each with those claims."""
    matching = _claim_conditions(session, criteria)
    where: list[sa.ColumnElement[bool]] = [Payment.id.in_(sa.select(Claim.payment_id).where(*matching))]
    rows = list(
        session.execute(_rows.where(*where).order_by(*_order(sort)).limit(PAGE).offset((number - 1) * PAGE)).all()
    )
    claims = _claims_of(session, [row.id for row in rows], matching)
    found = [
        PaymentWithClaims(row, claims[row.id][:CLAIMS_SHOWN], max(0, len(claims[row.id]) - CLAIMS_SHOWN))
        for row in rows
    ]
    return Listing(found, number, PAGE, _total(session, rows, number, lambda: where))


def _claims_of(
    session: PortalSession, payments: list[int], matching: list[sa.ColumnElement[bool]]
) -> dict[int, list[AnyRow]]:
    found: dict[int, list[AnyRow]] = defaultdict(list)
    if not payments:
        return found
    statement: AnySelect = sa.select(
        Claim.payment_id,
        Claim.claim,
        Claim.patient_last_name,
        Claim.patient_first_name,
        Claim.payer_control_number,
        Claim.patient_control_number,
        Claim.service_from,
        Claim.service_to,
        Claim.status,
        Claim.paid,
    )
    for row in session.execute(
        statement.where(Claim.payment_id.in_(payments), *matching).order_by(Claim.payment_id, Claim.claim)
    ):
        found[row.payment_id].append(row)
    return found


def _claim_conditions(session: PortalSession, criteria: ClaimCriteria) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if key := number_key(criteria.claim_number):
        where.append(sa.or_(Claim.payer_control_key == key, Claim.patient_control_key == key))
    if key := number_key(criteria.patient_account):
        where.append(Claim.patient_control_key == key)
    if key := number_key(criteria.member_id):
        where.append(Claim.member_key == key)
    if number_key(criteria.last_name):
        where.append(_name_begins(session, name_key(criteria.last_name, criteria.first_name)))
    if criteria.service_from:
        where.append(sa.func.coalesce(Claim.service_to, Claim.service_from) >= criteria.service_from)
    if criteria.service_to:
        where.append(Claim.service_from <= criteria.service_to)
    # Without a condition every claim would match: nothing that is no more than punctuation finds anything.
    return where if where else [sa.false()]


def _name_begins(session: PortalSession, prefix: str) -> sa.ColumnElement[bool]:
    """A name that starts so. SQLite compares bytes and can use the index for a span, but not for LIKE."""
    if is_postgresql(session):
        return Claim.patient_key.startswith(prefix, autoescape=True)
    return sa.and_(Claim.patient_key >= prefix, Claim.patient_key < prefix + "\U0010ffff")


def payees(session: PortalSession) -> list[AnyRow]:
    """The payees one may see, to choose from: id, name, NPI."""
    statement: AnySelect = sa.select(Payee.id, Payee.name, Payee.npi).order_by(Payee.name, Payee.id)
    return list(session.execute(statement).all())
