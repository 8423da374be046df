"""Payments that somebody chose to download together: kept under a word, looked at again, and taken in parts of a fitting size."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from hp_portal.api import (
    Actor,
    PortalSession,
    find_kept,
    keep_values,
    record,
    show_date,
    spans,
)

from ..codes.plain_words import payment_word
from ..intake.standing import adds, adds_amount
from ..models import Payment, PaymentText

MOST_CHOSEN = 5000
"""Payments that can be chosen at a time."""
MOST_TOGETHER = 500
"""Payments in one file."""
MOST_ROWS = 50_000
"""Claims, lines and adjustments in one file, unless a payment alone has more."""
_KIND = "remittance payments together"
Named = tuple[int, str]
"""A payment's id, and what it is called."""


@dataclass(frozen=True, slots=True)
class ChosenPayment:
    """A payment that was chosen and that one may see. `rows`: its claims, lines and adjustments."""

    id: int
    number: str
    method: str | None
    issued_on: dt.date | None
    payee_name: str | None
    payee_npi: str | None
    amount: int
    currency: str | None
    set_aside: str | None
    in_question: bool
    repeated: bool
    later_part: bool
    part_of_id: int | None
    rows: int

    @property
    def name(self) -> str:
        """`EFT 0012345 of Mar 2, 2026`."""
        return name_of(self.method, self.number, self.issued_on)


@dataclass(frozen=True)
class Sum:
    """What payments that count pay in one currency (None: US dollars), cents."""

    currency: str | None
    count: int
    amount: int


@dataclass(frozen=True)
class Chosen:
    """One part of what was chosen: payments by date, the names of those that one may not see any more, and which part it is of
    how many. `kept`: bytes that their 835 texts take; `without_text`: ids of those of which none is kept."""

    payments: Sequence[ChosenPayment]
    missing: Sequence[Named]
    number: int
    parts: Sequence[tuple[dt.date | None, dt.date | None, int]]
    total: int
    kept: int
    without_text: frozenset[int]

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.payments)

    @property
    def set_aside(self) -> Sequence[ChosenPayment]:
        """Those that the payer has replaced or voided."""
        return [one for one in self.payments if one.set_aside]

    @property
    def in_question(self) -> Sequence[ChosenPayment]:
        """Those that have the number of another payment, of which nobody has decided yet which counts."""
        return [one for one in self.payments if one.in_question and not one.set_aside]

    @property
    def later_parts(self) -> Sequence[ChosenPayment]:
        """Those whose amount stands in sums with another part of the same payment."""
        return [one for one in self.payments if one.later_part]

    @property
    def named(self) -> list[Named]:
        """All of the part, those that are missing last."""
        return [*((one.id, one.name) for one in self.payments), *self.missing]

    @property
    def in_835(self) -> int:
        """How many of them a joint 835 has: those that count, are not sent again, and of which text is kept."""
        return sum(adds(one) and one.id not in self.without_text for one in self.payments)

    @property
    def sums(self) -> list[Sum]:
        return sums_of(self.payments)


class Summed(Protocol):
    """What of a payment its sum needs."""

    @property
    def amount(self) -> int: ...
    @property
    def currency(self) -> str | None: ...
    @property
    def set_aside(self) -> str | None: ...
    @property
    def repeated(self) -> bool: ...
    @property
    def later_part(self) -> bool: ...


def sums_of(payments: Iterable[Summed]) -> list[Sum]:
    """Sums of payments, each currency for itself, dollars first; what is replaced, voided or sent again stands in none, and a
    payment that came in parts stands in them with its first part."""
    found: dict[str | None, tuple[int, int]] = {}
    for one in payments:
        if adds_amount(one):
            key = None if one.currency == "USD" else one.currency
            count, total = found.get(key, (0, 0))
            found[key] = count + 1, total + one.amount
    return [Sum(currency, *found[currency]) for currency in sorted(found, key=lambda one: one or "")]


def name_of(method: str | None, number: str, issued_on: dt.date | None) -> str:
    day = f" of {show_date(issued_on)}" if issued_on else ""
    return f"{payment_word(method)} {number}{day}"


def keep_chosen(session: PortalSession, actor: Actor, ids: Sequence[int]) -> str | None:
    """Keep these of the payments that one may see for some hours; the word for them, or None when there are none."""
    found = [(one.id, one.name) for one in _visible(session, ids)]
    return keep_values(session, actor, _KIND, {"payments": found}) if found else None


def find_chosen(session: PortalSession, actor: Actor, word: str, part: int = 1) -> Chosen:
    """One part of what was chosen, as one may see it now; the last for a number that is too high. Raises KeptGone."""
    kept: list[Named] = [(one, name) for one, name in find_kept(session, actor, _KIND, word)["payments"]]
    payments = _visible(session, [one for one, _ in kept])
    seen = {one.id for one in payments}
    missing = [(one, name) for one, name in kept if one not in seen]
    parts = _parts(payments) or [[]]
    number = min(part, len(parts))
    taken = parts[number - 1]
    texts = _kept_sizes(session, [one.id for one in taken])
    return Chosen(
        taken,
        missing if number == len(parts) else [],
        number,
        [(one[0].issued_on, one[-1].issued_on, len(one)) if one else (None, None, 0) for one in parts],
        len(payments),
        sum(texts.values()),
        frozenset(one.id for one in taken if one.id not in texts),
    )


def view_chosen(session: PortalSession, actor: Actor, word: str, part: int) -> Chosen:
    """As `find_chosen`, recorded as looked at. Raises KeptGone. The caller commits."""
    chosen = find_chosen(session, actor, word, part)
    record(
        session,
        "remittance.payment.searched",
        kind="chosen",
        keys={},
        page=chosen.number,
        sort="date",
        shown=len(chosen.payments),
        rows=spans(one.id for one in chosen.payments),
        claims={},
    )
    return chosen


def _visible(session: PortalSession, ids: Sequence[int]) -> list[ChosenPayment]:
    wanted: sa.Select[*tuple[Any, ...]] = (
        sa.select(
            Payment.id,
            Payment.trace_number,
            Payment.method,
            Payment.effective_on,
            Payment.payee_name,
            Payment.payee_npi,
            Payment.amount,
            Payment.currency,
            Payment.set_aside,
            Payment.in_question,
            Payment.repeated,
            Payment.later_part,
            Payment.part_of_id,
            Payment.claim_count + Payment.line_count + Payment.adjustment_count + Payment.provider_adjustment_count,
        )
        .where(Payment.id.in_(ids))
        .order_by(Payment.effective_on.asc().nulls_last(), Payment.id)
    )
    return [ChosenPayment(*row) for row in session.execute(wanted)]


def _parts(payments: Sequence[ChosenPayment]) -> list[list[ChosenPayment]]:
    """In their order, each part as large as a file may be. A payment that is too large has a part of its own."""
    parts: list[list[ChosenPayment]] = []
    rows = 0
    for one in payments:
        if not parts or len(parts[-1]) == MOST_TOGETHER or rows + one.rows > MOST_ROWS:
            parts.append([])
            rows = 0
        parts[-1].append(one)
        rows += one.rows
    return parts


def _kept_sizes(session: PortalSession, ids: Sequence[int]) -> dict[int, int]:
    size = sa.func.length(PaymentText.sealed)
    rows = session.execute(sa.select(PaymentText.payment_id, size).where(PaymentText.payment_id.in_(ids)))
    return {row.payment_id: row[1] for row in rows}
