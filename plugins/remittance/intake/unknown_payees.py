"""Payees that files pay but the payer's record does not have: for the payer's staff to add."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import PortalSession, masked_tin

from ..models import Payment


@dataclass(frozen=True)
class UnknownPayee:
    """A TIN and NPI as files give them, the TIN masked, and what was paid to it (cents)."""

    name: str
    masked_tin: str
    npi: str
    payments: int
    amount: int
    first_on: dt.date | None
    last_on: dt.date | None


def unknown_payees(session: PortalSession, limit: int, offset: int = 0) -> tuple[list[UnknownPayee], int]:
    """The payees of one page, most payments first, and how many there are. Needs a whole scope."""
    count = sa.func.count()
    grouped = (
        sa.select(
            sa.func.max(Payment.id).label("newest"),
            count.label("payments"),
            sa.func.sum(Payment.amount).label("amount"),
            sa.func.min(Payment.effective_on).label("first_on"),
            sa.func.max(Payment.effective_on).label("last_on"),
        )
        .where(Payment.payee_id.is_(None))
        .group_by(Payment.payee_tin_hash, Payment.payee_npi)
    )
    total = session.scalar(sa.select(count).select_from(grouped.subquery())) or 0
    groups = session.execute(grouped.order_by(count.desc(), sa.func.max(Payment.id)).limit(limit).offset(offset)).all()
    newest = {
        row.id: row
        for row in session.execute(
            sa.select(Payment.id, Payment.payee_name, Payment.payee_npi, Payment.payee_tin_sealed).where(
                Payment.id.in_([group.newest for group in groups])
            )
        )
    }
    rows = []
    for group in groups:
        one = newest[group.newest]
        rows.append(
            UnknownPayee(
                one.payee_name or "",
                masked_tin(session, one.payee_tin_sealed),
                one.payee_npi or "",
                group.payments,
                int(group.amount),
                group.first_on,
                group.last_on,
            )
        )
    return rows, total
