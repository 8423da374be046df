"""A payment that came in several parts, as staff say (intake/in_parts.py): each states the amount and has some claims."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import PortalSession, settings, show_count, show_date, show_money

from .codes.plain_words import payment_word
from .models import Claim, Payment, of_same_number
from .x12.balance import difference, holds

_MOST_DESCRIBED = 5


@dataclass(frozen=True)
class Part:
    """One part of a payment: an id, how many claims, what they and the provider-level adjustments come to (cents, None: an amount
    could not be read), how many claims do not add up, and when it was imported."""

    id: int
    claim_count: int
    claims_paid: int | None
    adjusted: int | None
    unbalanced_claims: int
    imported_at: dt.datetime | None

    @property
    def comes_to(self) -> int | None:
        """Its claims less its provider-level adjustments."""
        return comes_to(self.claims_paid, self.adjusted)

    def described(self, currency: str | None) -> str:
        """`3 claims, $120.00, imported on Mar 4, 2026`."""
        said = [show_count(self.claim_count, "claim")]
        if self.comes_to is not None:
            said.append(show_money(self.comes_to, currency))
        if self.imported_at:
            said.append(f"imported on {show_date(self.imported_at.astimezone(settings().payer.zone).date())}")
        return ", ".join(said)


@dataclass(frozen=True)
class Parts:
    """All parts of a payment that count, as one of them shows them: that one and the others. `amount` is what each states, in
    cents of `currency` (None: US dollars)."""

    named: str
    amount: int
    currency: str | None
    here: Part
    others: tuple[Part, ...]

    @property
    def comes_to(self) -> int | None:
        """What the claims of all parts less their adjustments are."""
        return sum_of(one.comes_to for one in (self.here, *self.others))

    @property
    def others_come_to(self) -> int | None:
        return sum_of(one.comes_to for one in self.others)

    @property
    def difference(self) -> int | None:
        """How much the payment is off, all parts together; None where a figure could not be read."""
        return difference(self.amount, self.comes_to, 0)

    @property
    def unbalanced_elsewhere(self) -> int:
        """Claims of the other parts that do not add up."""
        return sum(one.unbalanced_claims for one in self.others)

    @property
    def holds(self) -> bool:
        return holds(self.difference, self.here.unbalanced_claims + self.unbalanced_elsewhere)

    @property
    def words(self) -> str:
        """Two sentences: what it is a part of, and whether all parts together balance."""
        described = [one.described(self.currency) for one in self.others[:_MOST_DESCRIBED]]
        others = "; ".join([*described, *(["…"] if len(self.others) > len(described) else [])])
        which = "its other part" if len(self.others) == 1 else f"its {len(self.others)} other parts"
        return (
            f"Part of {self.named}, {self._money(self.amount)}; together with {which} ({others}) {self._verdict()} "
            "Sums include the amount once."
        )

    def _verdict(self) -> str:
        off = self.difference
        if self.holds:
            return "it balances."
        if off is None or self.comes_to is None:
            return "it cannot be proved: an amount could not be read."
        if off:
            more = "less" if off > 0 else "more"
            return (
                f"it does not balance: all parts come to {self._money(self.comes_to)}, which is {self._money(abs(off))} {more} "
                "than the payment."
            )
        return "it does not balance: a claim in one of the parts does not add up."

    def _money(self, cents: int) -> str:
        return show_money(cents, self.currency)


def comes_to(claims_paid: int | None, adjusted: int | None) -> int | None:
    """Claims less provider-level adjustments, None where one could not be read."""
    return None if claims_paid is None or adjusted is None else claims_paid - adjusted


def sum_of(amounts: Iterable[int | None]) -> int | None:
    """Their sum, None when one of them is not known."""
    total = 0
    for one in amounts:
        if one is None:
            return None
        total += one
    return total


def parts_of(session: PortalSession, payment: Payment) -> Parts | None:
    """The parts that one may see of a payment that came in several; None for every other payment."""
    if payment.part_of_id is None:
        return None
    off = sa.select(sa.func.count(Claim.claim)).where(Claim.payment_id == Payment.id, ~Claim.balanced).scalar_subquery()
    rows = session.execute(
        sa.select(
            Payment.id, Payment.claim_count, Payment.claims_paid, Payment.provider_adjusted, off, Payment.imported_at
        )
        .where(of_same_number(payment), Payment.part_of_id == payment.part_of_id)
        .order_by(Payment.id)
    )
    parts = {row.id: Part(*row) for row in rows}
    here = parts.pop(payment.id, None)
    if here is None or not parts:
        return None
    named = f"{payment_word(payment.method)} {payment.trace_number}"
    return Parts(named, payment.amount, payment.currency, here, tuple(parts.values()))
