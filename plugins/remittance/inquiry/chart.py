"""Paid amounts of the last twelve months: the figures, and the chart that shows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import BarChart, Point, PortalSession, bar_chart, short_money, show_count, show_money

from ..models import IN_DOLLARS, Payment

MONTHS = 12


@dataclass(frozen=True)
class Month:
    """A month's payments in dollars: how many, and cents altogether. `others`: how many there are in other currencies."""

    first: dt.date
    count: int
    paid: int
    others: int = 0

    @property
    def last(self) -> dt.date:
        """Its last day."""
        return (self.first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)

    @property
    def name(self) -> str:
        return f"{self.first:%B %Y}"


def paid_by_month(session: PortalSession, today: dt.date) -> list[Month]:
    """The last twelve months to `today`, oldest first, with what was paid to the payees one may see."""
    starts = _starts(today)
    year: Any = sa.extract("year", Payment.effective_on)
    month: Any = sa.extract("month", Payment.effective_on)
    rows = session.execute(
        sa.select(
            year.label("y"),
            month.label("m"),
            sa.func.count(),
            sa.func.sum(sa.case((IN_DOLLARS, Payment.amount), else_=0)),
            sa.func.sum(sa.case((IN_DOLLARS, 0), else_=1)),
        )
        .where(Payment.effective_on >= starts[0], Payment.effective_on <= today, Payment.adds_amount())
        .group_by("y", "m")
    )
    found = {(int(y), int(m)): (count - int(others), int(paid), int(others)) for y, m, count, paid, others in rows}
    return [Month(first, *found.get((first.year, first.month), (0, 0, 0))) for first in starts]


def _starts(today: dt.date) -> list[dt.date]:
    last = today.year * 12 + today.month - 1
    return [dt.date(number // 12, number % 12 + 1, 1) for number in range(last - MONTHS + 1, last + 1)]


def drawn(months: list[Month], address: Callable[[Month], str]) -> BarChart | None:
    """The months as a chart whose bars lead to their payments; None when nothing was paid in any of them."""
    if not any(month.count for month in months):
        return None
    return bar_chart(
        [
            Point(
                f"{month.first:%b}",
                month.paid,
                short_money(month.paid) if month.paid else "",
                str(month.first.year) if position == 0 or month.first.month == 1 else "",
                address(month) if month.count else "",
                f"{month.name}: {show_count(month.count, 'payment')}, {show_money(month.paid)}",
            )
            for position, month in enumerate(months)
        ]
    )
