"""The denied lines themselves: a page of those of one reason, with their claims' news; or all of them, for files."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Column, Listing, Order, PortalSession, Sorting, page_of

from ..inquiry.claim_news import CLAIM_COLUMNS, News, news_of
from ..inquiry.selections import AnyRow, AnySelect
from ..models import Claim, Line, Payment
from ..persons import ShownClaim, shower
from .counting import currency, denied_lines
from .criteria import Code, DenialCriteria

PAGE = 50

# As the statement below labels them.
_adjusted: sa.ColumnClause[int] = sa.column("adjusted")
_charged: sa.ColumnClause[int] = sa.column("charged")
_service: sa.ColumnClause[dt.date] = sa.column("service_from")
LINES = Sorting(
    (
        Column("claim", "Claim", Claim.payer_control_key, "code"),
        Column("service", "Date of service", _service, "date"),
        Column("procedure", "Procedure"),
        Column("payment", "Payment", Payment.number_key, "code"),
        Column("issued", "Issued", Payment.effective_on, "date"),
        Column("charged", "Charged", _charged, "number"),
        Column("paid", "Paid", kind="number"),
        Column("adjusted", "Taken off", _adjusted, "number"),
        Column("since", "Status and news"),
    ),
    default="-issued",
    tie=Claim.payment_id,
)


@dataclass(frozen=True)
class LinesPage:
    """A page of denied lines, and of each of their claims the columns, whose it is, and its news."""

    listing: Listing[AnyRow]
    claims: Mapping[tuple[int, int], ShownClaim]
    news: News

    def claim(self, row: Any) -> ShownClaim:
        return self.claims[row.payment_id, row.claim]

    def remarks(self, row: Any) -> str:
        return remarks_of(row)


def list_lines(session: PortalSession, criteria: DenialCriteria, code: Code, order: Order, total: int) -> LinesPage:
    """One page of the lines of one reason, of which there are `total`. Raises PastTheEnd."""
    # The number of all lines is known, and so no statement counts them again.
    rows = _rows(session, criteria, code).order_by(*order.order_by(), Claim.claim, sa.column("line").nulls_first())
    listing: Listing[AnyRow] = page_of(session, rows, order.number, count=sa.select(sa.literal(total)), size=PAGE)
    claims = _claims(session, listing.rows)
    return LinesPage(dataclasses.replace(listing, order=order), claims, news_of(session, list(claims.values())))


def every_line(session: PortalSession, criteria: DenialCriteria) -> Iterator[AnyRow]:
    """All lines of all reasons, by payment as they were issued."""
    rows = _rows(session, criteria, None)
    ordered = rows.order_by(
        Payment.effective_on, Claim.payment_id, Claim.claim, sa.column("line").nulls_first(), "group", "reason"
    )
    yield from session.execute(ordered, execution_options={"yield_per": 2_000})


def remarks_of(row: Any) -> str:
    """The remarks that count for a denied line, with blanks between: its own, and those of its claim."""
    return " ".join(filter(None, (row.line_remarks, row.claim_remarks)))


def claims_in(session: PortalSession, criteria: DenialCriteria) -> list[tuple[int, int]]:
    """The claims that have such a line, by payment and claim."""
    denied = denied_lines(session, criteria)
    rows = session.execute(sa.select(denied.c.payment_id, denied.c.claim).distinct())
    return [(payment, claim) for payment, claim in rows]


def _rows(session: PortalSession, criteria: DenialCriteria, code: Code | None) -> AnySelect:
    denied = denied_lines(session, criteria, code)
    whole = denied.c.line.is_(None)

    def of(line: Any, claim: Any) -> Any:
        """A fact of the service line, or of the claim where all of it is adjusted."""
        return sa.case((whole, claim), else_=sa.func.coalesce(line, claim))

    return (
        sa.select(
            denied.c.payment_id,
            denied.c.claim,
            denied.c.line.label("line"),
            denied.c.group.label("group"),
            denied.c.reason.label("reason"),
            denied.c.reversed.label("reversed"),
            denied.c.amount.label("adjusted"),
            denied.c.unreadable.label("unreadable"),
            Payment.trace_number,
            Payment.method,
            Payment.effective_on,
            Payment.payee_name,
            Payment.payee_npi,
            currency.label("currency"),
            Claim.payer_control_number,
            Claim.patient_control_number,
            Claim.status,
            Claim.remarks.label("claim_remarks"),
            of(Line.service_from, Claim.service_from).label("service_from"),
            of(Line.service_to, Claim.service_to).label("service_to"),
            Line.procedure,
            Line.modifiers,
            Line.revenue_code,
            Line.remarks.label("line_remarks"),
            sa.case((whole, Claim.charged), else_=Line.charged).label("charged"),
            sa.case((whole, Claim.paid), else_=Line.paid).label("paid"),
        )
        .select_from(denied)
        .join(Payment, Payment.id == denied.c.payment_id)
        .join(Claim, sa.and_(Claim.payment_id == denied.c.payment_id, Claim.claim == denied.c.claim))
        .outerjoin(
            Line,
            sa.and_(Line.payment_id == denied.c.payment_id, Line.claim == denied.c.claim, Line.line == denied.c.line),
        )
    )


def _claims(session: PortalSession, rows: list[AnyRow]) -> dict[tuple[int, int], ShownClaim]:
    wanted = {(row.payment_id, row.claim) for row in rows}
    found = session.execute(
        sa.select(*CLAIM_COLUMNS)
        .where(sa.tuple_(Claim.payment_id, Claim.claim).in_(wanted))
        .order_by(Claim.payment_id, Claim.claim)
    )
    return {(row.payment_id, row.claim): row for row in map(shower(session), found)}
