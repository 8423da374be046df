"""Finding payments, by number and by what a payment is like, and claims.

Every statement selects from models, so the scope of the signed-in organization is added to it; a payment of somebody
else and one that does not exist are the same to all of this. The search by number is the portal's busiest request: its
statements are made once and select only the columns that a row shows.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from hp_portal.api import (
    DOLLARS,
    Column,
    Listing,
    Order,
    Payee,
    PortalSession,
    Sorting,
    now,
    page_of,
    select_rows,
)

from ..intake.standing import adds, adds_amount
from ..keys import name_key, number_key
from ..models import IN_DOLLARS, Claim, Payment
from ..office.posting import has_marks, unposted
from ..persons import ShownClaim, shower
from .any_number import AnyNumber
from .claim_news import CLAIM_COLUMNS
from .criteria import ClaimCriteria, PaymentCriteria
from .selections import AnyRow, AnySelect

PAGE = 25
NEWEST = 8
LATELY = dt.timedelta(days=45)
MOST_NEW = 100
Row = TypeVar("Row")

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
    Payment.in_question,
    Payment.repeated,
    Payment.later_part,
    Payment.part_of_id,
    Payment.currency,
    has_marks().label("has_marks"),
)
PAYMENTS = Sorting(
    (
        Column("number", "Number", Payment.trace_number, "code"),
        Column("date", "Issued", Payment.effective_on, "date"),
        Column("payee", "Payee", Payment.payee_name),
        Column("claims", "Claims", kind="number"),
        Column("amount", "Amount", Payment.amount, "number"),
        Column("posted", "Posted"),
    ),
    default="-date",
    tie=Payment.id,
)


def _sum_of(amount: Any, adding: sa.ColumnElement[bool]) -> AnySelect:
    """The sum of what counts and is in dollars, and how many rows are in it."""
    return sa.select(sa.func.sum(amount), sa.func.count(Payment.id)).where(adding, IN_DOLLARS)


_amounts = _sum_of(Payment.amount, Payment.adds_amount())


_limit = sa.bindparam("wanted_rows", type_=sa.Integer())
_offset = sa.bindparam("offset_rows", type_=sa.Integer())
_key = sa.bindparam("number_key", type_=sa.Text())
_by_number = {
    sort: _rows.where(Payment.number_key == _key).order_by(*PAYMENTS.order_by(sort)).limit(_limit).offset(_offset)
    for name in PAYMENTS.names
    for sort in (name, f"-{name}")
}
_count_by_number = sa.select(sa.func.count(Payment.id)).where(Payment.number_key == _key)
_sum_by_number = _amounts.where(Payment.number_key == _key)
_id_by_number = sa.select(Payment.id).where(Payment.number_key == _key).limit(1)
_with_moment = _rows.add_columns(Payment.imported_at)
_newest = _with_moment.order_by(*PAYMENTS.order_by("-date")).limit(NEWEST)
_newest_since = (
    _with_moment.where(Payment.effective_on >= sa.bindparam("since"))
    .order_by(*PAYMENTS.order_by("-date"))
    .limit(NEWEST)
)


CLAIMS_FOUND = Sorting(
    (
        Column("patient", "Patient"),
        Column("claim", "Claim", Claim.payer_control_key, "code"),
        Column("service", "Service", Claim.service_from, "date"),
        Column("payment", "Payment", Payment.number_key, "code"),
        Column("issued", "Issued", Payment.effective_on, "date"),
        Column("charged", "Charged", Claim.charged, "number"),
        Column("paid", "Paid", Claim.paid, "number"),
        Column("status", "Status and news"),
    ),
    default="-issued",
    tie=Claim.payment_id,
)
_claim_rows: AnySelect = sa.select(
    *CLAIM_COLUMNS,
    Claim.balanced,
    Claim.patient_adjusted,
    Payment.currency,
    Payment.trace_number,
    Payment.method,
    Payment.effective_on,
    Payment.set_aside,
    Payment.in_question,
    Payment.repeated,
    Payment.part_of_id,
).join(Payment, Payment.id == Claim.payment_id)


@dataclass(frozen=True)
class Found(Generic[Row]):
    """A page of what was found, and the amounts of all of it together: cents, None where one could not be read. `not_in_sum`: how
    many rows are of payments that were replaced, voided or sent again, are later parts of one, or are in another currency than US
    dollars."""

    listing: Listing[Row]
    amount: int | None
    not_in_sum: int = 0


def newest_payments(session: PortalSession, today: dt.date) -> list[AnyRow]:
    """The latest payments to the payees one may see.

    Whoever is paid often has enough of them in the last weeks, and the index finds those without sorting years of payments.
    """
    rows = list(session.execute(_newest_since, {"since": today - LATELY}).all())
    return rows if len(rows) == NEWEST else list(session.execute(_newest).all())


def new_since(last_visit: dt.datetime | None) -> dt.datetime:
    """Since when payments are new to somebody: the last visit, or some weeks when that is longer ago or there was none."""
    return max(last_visit, now() - LATELY) if last_visit else now() - LATELY


def count_new(session: PortalSession, since: dt.datetime) -> int:
    """How many payments were imported since then, as a search for them shows them, counted up to `MOST_NEW`."""
    return len(session.scalars(sa.select(Payment.id).where(Payment.imported_at > since).limit(MOST_NEW)).all())


def find_payments(session: PortalSession, criteria: PaymentCriteria, order: Order) -> Found[AnyRow]:
    """One page of the payments that fit, with what they pay together. Raises PastTheEnd."""
    if not criteria.only_number:
        where = _conditions(criteria)
        listing: Listing[AnyRow] = page_of(session, _rows.where(*where), order)
        return _found(session, listing, "amount", _amounts.where(*where))
    before = (order.number - 1) * PAGE
    values = {"number_key": criteria.number.key, "wanted_rows": PAGE, "offset_rows": before}
    rows = list(select_rows(session, _by_number[order.sort], values).all())
    total = before + len(rows)
    if len(rows) == PAGE or (before and not rows):
        total = session.scalar(_count_by_number, {"number_key": criteria.number.key}) or 0
    listing = Listing(rows, order.number, PAGE, total, order)
    return _found(session, listing, "amount", _sum_by_number, number_key=criteria.number.key)


def payment_ids(session: PortalSession, criteria: PaymentCriteria, most: int) -> list[int]:
    """The payments that fit, up to so many of them, the latest first."""
    found = sa.select(Payment.id).where(*_conditions(criteria))
    return list(session.scalars(found.order_by(*PAYMENTS.order_by("-date")).limit(most)))


def _found(
    session: PortalSession, listing: Listing[Row], amount: str, statement: AnySelect, **values: str
) -> Found[Row]:
    """With the sum of all that was found: asked for only where the page does not have all of it."""
    if listing.pages == 1:
        adding = adds_amount if amount == "amount" else adds
        every: list[Any] = list(listing.rows)
        rows = [row for row in every if adding(row) and row.currency in (None, DOLLARS)]
        amounts = [getattr(row, amount) for row in rows]
        return Found(listing, None if None in amounts else sum(amounts), len(every) - len(rows))
    together, count = session.execute(statement, values).one()
    return Found(listing, int(together or 0), listing.total - count)


def _conditions(criteria: PaymentCriteria) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if criteria.number:
        where.append(Payment.number_key == criteria.number.key)
    if criteria.issued_from:
        where.append(Payment.effective_on >= criteria.issued_from)
    if criteria.issued_to:
        where.append(Payment.effective_on <= criteria.issued_to)
    # A debit is found by the amount that people read on it, without its sign.
    if criteria.amount_min is not None:
        where.append(sa.func.abs(Payment.amount) >= criteria.amount_min)
    if criteria.amount_max is not None:
        where.append(sa.func.abs(Payment.amount) <= criteria.amount_max)
    if criteria.payee is not None:
        where.append(Payment.payee_id == criteria.payee)
    if criteria.zero:
        where.append(Payment.amount == 0)
    if criteria.new_since is not None:
        where.append(Payment.imported_at > criteria.new_since)
    if criteria.unposted:
        where.append(unposted())
    return where


def find_claims(session: PortalSession, criteria: ClaimCriteria, order: Order) -> Found[ShownClaim]:
    """One page of the claims that fit, with what is paid for them together. Raises PastTheEnd."""
    where = _claim_conditions(session, criteria)
    rows = _claim_rows.where(*where)
    listing: Listing[ShownClaim] = page_of(
        session, rows.order_by(*order.order_by(), Claim.claim), order.number, make=shower(session), size=PAGE
    )
    paid = (
        _sum_of(Claim.paid, Payment.adds())
        .select_from(Claim)
        .join(Payment, Payment.id == Claim.payment_id)
        .where(*where)
    )
    return _found(session, replace(listing, order=order), "paid", paid)


def is_payment(session: PortalSession, key: str) -> bool:
    """Is a payment that one may see called so?"""
    return session.scalar(_id_by_number, {"number_key": key}) is not None


def is_one_number(session: PortalSession, number: AnyNumber) -> bool:
    """Is all that was typed together, blanks and all, the number of a payment or claim that one may see?"""
    return is_payment(session, number.keys[0]) or has_claims(session, replace(number, keys=number.keys[:1]))


def has_claims(session: PortalSession, number: AnyNumber) -> bool:
    """Is this the number of a claim, of a patient's account or of a member, in a payment that one may see?"""
    return session.scalar(sa.select(Claim.claim).where(_is_called(session, number)).limit(1)) is not None


def _is_called(session: PortalSession, number: AnyNumber) -> sa.ColumnElement[bool]:
    return sa.or_(
        Claim.payer_control_key.in_(number.keys),
        Claim.patient_control_key.in_(number.keys),
        *(Claim.member_is(session, key) for key in number.keys),
    )


def _claim_conditions(session: PortalSession, criteria: ClaimCriteria) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if (number := AnyNumber.of(criteria.number)).keys:
        where.append(_is_called(session, number))
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


def payee_choices(session: PortalSession) -> list[tuple[str, str]]:
    """The payees one may see, as a form's choices: pairs of id and name, the first one for all of them."""
    statement: AnySelect = sa.select(Payee.id, Payee.name, Payee.npi).order_by(Payee.name, Payee.id)
    rows = session.execute(statement)
    named = [(str(row.id), f"{row.name} · NPI {row.npi}" if row.npi else row.name) for row in rows]
    return [("", "Every payee you can see"), *named]
