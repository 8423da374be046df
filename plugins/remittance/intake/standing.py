"""Whether a payment counts, and which other payments have its number, as far as one may see them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession, settings, show_date, show_money

from ..codes.plain_words import payment_word
from ..models import REPLACED, Payment, of_same_number
from ..parts import Parts, parts_of
from .same_number import MOST_OTHERS

MOST_NAMED = 5
"""So many other payments of a number are named beside one; the others are counted."""
PART, REPEATED, IN_QUESTION = "part", "repeated", "in question"


@dataclass(frozen=True)
class Other:
    """Another payment of the number: it replaces the one in question, is replaced by it, or stands beside it."""

    id: int
    number: str
    method: str | None
    issued_on: dt.date | None
    amount: int
    set_aside: str | None
    replaced_by_id: int | None
    part_of_id: int | None

    def __str__(self) -> str:
        day = f" of {show_date(self.issued_on)}" if self.issued_on else " without a date"
        return f"{payment_word(self.method)} {self.number}{day}, {show_money(self.amount)}"


@dataclass(frozen=True)
class Standing:
    """Whether a payment counts. `replaced_by` is what counts instead, when one may see it; `replaces` what it has replaced;
    `beside` other payments of the number that count, too. `in_question`: staff have not decided yet what they are;
    `repeated`: a later one has its claims, so that sums leave it out until then. `parts`: it came in several, of which
    `other_parts` are the others. Of many other payments the first are there; `beside_count` counts those beside it."""

    set_aside: str | None
    at: dt.datetime | None
    in_question: bool
    repeated: bool
    replaced_by: Other | None
    replaces: list[Other]
    beside: list[Other]
    parts: Parts | None
    other_parts: list[Other]
    beside_count: int

    @property
    def shown(self) -> list[Other]:
        """The first of those beside it: as many as a page names."""
        return self.beside[:MOST_NAMED]

    @property
    def is_replaced(self) -> bool:
        return self.set_aside == REPLACED

    @property
    def words_alone(self) -> str:
        """A sentence for a document if the payment does not count; nothing of other payments."""
        if not self.set_aside:
            return ""
        on = f" on {show_date(self.at.astimezone(settings().payer.zone).date())}" if self.at else ""
        return f"{self.set_aside.capitalize()} by the payer{on}: this payment does not count any more."

    @property
    def words(self) -> str:
        """A sentence or two for a document; empty where there is nothing to say."""
        if self.set_aside:
            return " ".join(
                filter(None, (self.words_alone, f"{self.replaced_by} counts instead." if self.replaced_by else ""))
            )
        said = [self.parts.words] if self.parts else []
        said += [f"Replaces {other}." for other in self.replaces]
        if self.in_question and self.beside:
            others = (
                "Another payment has this number"
                if self.beside_count == 1
                else f"{self.beside_count:,} other payments have this number, among them"
            )
            said.append(
                f"{others}{':' if self.beside_count == 1 else ''} {self.beside[0]}. The payer has not decided yet which counts."
            )
        return " ".join(said)


def standing_word(payment: Payment) -> str | None:
    """Why a payment's amounts are in no sum, or may not be: `replaced`, `voided`, `repeated` (a later payment of its number has
    its claims), `in question` (it has the number of another payment), `part` (its claims are, its amount is with the first
    part). None for every other payment."""
    found = standing_of_claims(payment)
    return PART if payment.later_part and found in (None, IN_QUESTION) else found


def standing_of_claims(payment: Payment) -> str | None:
    """The same of its claims: those of a payment in parts are in sums, whichever part they came in."""
    return payment.set_aside or (REPEATED if payment.repeated else IN_QUESTION if payment.in_question else None)


def adds(payment: Any) -> bool:
    """Are a payment's claims in sums? The same as `Payment.adds()`, of a row that has been read."""
    return payment.set_aside is None and not payment.repeated


def adds_amount(payment: Any) -> bool:
    """Is a payment's own amount in sums? The same as `Payment.adds_amount()`, of a row that has been read."""
    return adds(payment) and not payment.later_part


def standing_of(session: PortalSession, payment: Payment) -> Standing:
    """How a payment stands, within the session's scope."""
    # Those that this one replaces, is replaced by, or is a part with come first: of a number there may be any number.
    related = [Payment.replaced_by_id == payment.id]
    if payment.replaced_by_id is not None:
        related.append(Payment.id == payment.replaced_by_id)
    if payment.part_of_id is not None:
        related.append(Payment.part_of_id == payment.part_of_id)
    others_of_number = sa.and_(of_same_number(payment), Payment.id != payment.id)
    rows = session.execute(
        sa.select(
            Payment.id,
            Payment.trace_number,
            Payment.method,
            Payment.effective_on,
            Payment.amount,
            Payment.set_aside,
            Payment.replaced_by_id,
            Payment.part_of_id,
        )
        .where(others_of_number)
        .order_by(sa.case((sa.or_(*related), 0), else_=1), Payment.id.desc())
        .limit(MOST_OTHERS)
    )
    others = [Other(*row) for row in rows]
    counts = payment.set_aside is None
    of_parts = [other for other in others if payment.part_of_id is not None and other.part_of_id == payment.part_of_id]
    beside = [other for other in others if counts and other.set_aside is None and other not in of_parts]
    beside_count = len(beside)
    if counts and len(others) == MOST_OTHERS:
        counted = sa.select(sa.func.count(Payment.id)).where(others_of_number, Payment.counts())
        beside_count = (session.scalar(counted) or 0) - len(of_parts)
    return Standing(
        payment.set_aside,
        payment.set_aside_at,
        payment.in_question,
        payment.repeated,
        next((other for other in others if other.id == payment.replaced_by_id), None),
        [other for other in others if counts and other.replaced_by_id == payment.id],
        beside,
        parts_of(session, payment),
        of_parts,
        beside_count,
    )
