"""Paid amounts of the last twelve months: the figures, and the bars that show them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..models import Payment

MONTHS = 12
# The drawing's own units: the page scales it.
WIDTH, HEIGHT, FOOT, HEAD, GAP = 720, 150, 22, 18, 14


@dataclass(frozen=True)
class Month:
    """A month's payments: how many, and cents altogether."""

    first: dt.date
    count: int
    paid: int


@dataclass(frozen=True)
class Bar:
    """A month as it is drawn; `amount` is a rounded figure for the top of the bar."""

    month: Month
    x: float
    y: float
    width: float
    height: float
    amount: str

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


def paid_by_month(session: PortalSession, today: dt.date) -> list[Month]:
    """The last twelve months to `today`, oldest first, with what was paid to the payees one may see."""
    starts = _starts(today)
    year: Any = sa.extract("year", Payment.effective_on)
    month: Any = sa.extract("month", Payment.effective_on)
    rows = session.execute(
        sa.select(year.label("y"), month.label("m"), sa.func.count(Payment.id), sa.func.sum(Payment.amount))
        .where(Payment.effective_on >= starts[0], Payment.effective_on <= today)
        .group_by("y", "m")
    )
    found = {(int(y), int(m)): (count, int(paid or 0)) for y, m, count, paid in rows}
    return [Month(first, *found.get((first.year, first.month), (0, 0))) for first in starts]


def _starts(today: dt.date) -> list[dt.date]:
    last = today.year * 12 + today.month - 1
    return [dt.date(number // 12, number % 12 + 1, 1) for number in range(last - MONTHS + 1, last + 1)]


def bars(months: list[Month]) -> list[Bar]:
    """The months as bars of a drawing `WIDTH` by `HEIGHT`; the highest fills it."""
    most = max((month.paid for month in months), default=0)
    step = WIDTH / len(months)
    drawn = []
    for position, month in enumerate(months):
        height = round(max(0, month.paid) / most * (HEIGHT - FOOT - HEAD), 1) if most > 0 else 0.0
        drawn.append(
            Bar(
                month,
                round(position * step + GAP / 2, 1),
                round(HEIGHT - FOOT - height, 1),
                round(step - GAP, 1),
                height,
                short_money(month.paid) if month.paid else "",
            )
        )
    return drawn


def short_money(cents: int) -> str:
    """`$950`, `$12.4k`, `$1.3M`: for a place too small for the amount itself, which stands in the table."""
    dollars = cents / 100
    for limit, unit in ((1_000_000, "M"), (1_000, "k")):
        if dollars >= limit:
            return f"${dollars / limit:.1f}".removesuffix(".0") + unit
    return f"${dollars:.0f}"
