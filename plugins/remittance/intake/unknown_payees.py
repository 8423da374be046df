"""Payees that files pay but the payer's record does not have: for the payer's staff to add."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import (
    DOLLARS,
    Column,
    Listing,
    Order,
    PortalSession,
    SealBroken,
    Sorting,
    masked_tin,
    page_of,
    record,
)

from ..models import PAYEE_TIN, Payment
from .matching import Matched, match_unknown


@dataclass(frozen=True)
class UnknownPayee:
    """A TIN and NPI as files give them, the TIN masked, and what was paid to it: cents of `currency`. Another currency is another
    row. `masked_tin` is None where the TIN cannot be opened, `newest` the id of the newest of the payments."""

    newest: int
    name: str
    masked_tin: str | None
    npi: str
    payments: int
    amount: int
    currency: str
    first_on: dt.date | None
    last_on: dt.date | None


_payments = sa.func.count()
_currency = sa.func.coalesce(Payment.currency, DOLLARS)
_grouped = (
    sa.select(
        _currency.label("currency"),
        sa.func.max(Payment.id).label("newest"),
        _payments.label("payments"),
        sa.func.sum(Payment.amount).label("amount"),
        sa.func.min(Payment.effective_on).label("first_on"),
        sa.func.max(Payment.effective_on).label("last_on"),
    )
    .where(Payment.payee_id.is_(None), Payment.counts())
    .group_by(Payment.payee_tin_hash, Payment.payee_npi, _currency)
)
UNKNOWN_PAYEES = Sorting(
    (
        Column("name", "Name in the file"),
        Column("tin", "Tax ID"),
        Column("npi", "NPI", Payment.payee_npi, "code"),
        Column("payments", "Payments", _payments, "number"),
        Column("amount", "Amount", sa.func.sum(Payment.amount), "number"),
        Column("issued", "Issued", sa.func.max(Payment.effective_on), "date"),
    ),
    default="-payments",
    tie=sa.func.max(Payment.id),
)


def view_unknown_payees(session: PortalSession, order: Order) -> Listing[UnknownPayee]:
    """One page of the payees, recorded as viewed. Needs a whole scope; the caller commits."""
    count = sa.select(sa.func.count()).select_from(_grouped.subquery())
    groups: Listing[Any] = page_of(session, _grouped, order, count=count)
    newest = {
        row.id: row
        for row in session.execute(
            sa.select(Payment.id, Payment.payee_name, Payment.payee_npi, Payment.payee_tin_sealed).where(
                Payment.id.in_([group.newest for group in groups.rows])
            )
        )
    }
    rows = [_payee(session, newest[group.newest], group) for group in groups.rows]
    record(session, "remittance.unknown-payees.viewed", page=order.number, shown=len(rows))
    return groups.with_rows(rows)


def _payee(session: PortalSession, one: Any, group: Any) -> UnknownPayee:
    try:
        shown = masked_tin(session, one.payee_tin_sealed, PAYEE_TIN(one.id))
    except SealBroken:
        shown = None
    return UnknownPayee(
        one.id,
        one.payee_name or "",
        shown,
        one.payee_npi or "",
        group.payments,
        int(group.amount),
        group.currency,
        group.first_on,
        group.last_on,
    )


def match_again_now(session: PortalSession) -> Matched:
    """Look again whether the payer's record has them by now, recorded."""
    matched = match_unknown(session)
    record(session, "remittance.unknown-payees.matched", payments=matched.payments)
    return matched
