"""Payments that are parts of one: which pairs look like it, and what follows when staff say that they are.

A part states the whole amount and has some of the claims. Which payments are parts of one is worked out from the decisions
about pairs, so that undoing one of them, in whatever order, leaves what the others say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..models import Payment, of_same_number
from ..parts import comes_to, sum_of
from .models import SameNumber
from .same_number import WAITS

PARTS, _REPLACED = "parts", "replaced"
_LINKS = (PARTS, _REPLACED)
"""Decisions that hold parts together: what replaces a part takes its place."""
_NO_SYNC = {"synchronize_session": False}


def can_be_parts(earlier: Payment, later: Payment) -> bool:
    """May staff say that the two are parts of one payment? Both count, are of one payee, and state one amount."""
    return (
        earlier.set_aside is None
        and later.set_aside is None
        and bool(earlier.amount)
        and _whole(earlier) == _whole(later)
    )


def _whole(payment: Any) -> tuple[Any, ...]:
    """What parts of one payment have in common. A payee that stands in no record is told by its numbers."""
    payee = (payment.payee_id,) if payment.payee_id is not None else (None, payment.payee_npi, payment.payee_tin_hash)
    return (payee, payment.amount, payment.currency)


def look_like_parts(session: PortalSession, pairs: Iterable[tuple[SameNumber, Payment, Payment]]) -> set[int]:
    """The pairs that wait and look like parts of one payment, by their ids: the claims of both, or of all payments of the number,
    come to the amount that each states, and no claim is in two of them."""
    found, asked = set(), []
    for pair, earlier, later in pairs:
        if pair.state != WAITS or pair.overlaps or not can_be_parts(earlier, later):
            continue
        if sum_of(comes_to(one.claims_paid, one.provider_adjusted) for one in (earlier, later)) == later.amount:
            found.add(pair.id)
        else:
            asked.append((pair.id, later))
    wholes = _wholes(session, [later for _, later in asked])
    return found | {key for key, later in asked if _key(later) in wholes}


def _key(payment: Any) -> tuple[Any, ...]:
    return (payment.number_key, payment.originator_id, *_whole(payment))


def _wholes(session: PortalSession, payments: Sequence[Payment]) -> set[tuple[Any, ...]]:
    """Numbers of which all payments together come to the amount that each states, and none is repeated by another."""
    keys = {one.number_key for one in payments if one.number_key}
    if not keys:
        return set()
    unread = Payment.claims_paid.is_(None) | Payment.provider_adjusted.is_(None)
    by = (
        Payment.number_key,
        Payment.originator_id,
        Payment.payee_id,
        Payment.payee_npi,
        Payment.payee_tin_hash,
        Payment.amount,
        Payment.currency,
    )
    rows = session.execute(
        sa.select(
            *by,
            sa.func.sum(Payment.claims_paid).label("claims_paid"),
            sa.func.sum(Payment.provider_adjusted).label("provider_adjusted"),
        )
        .where(Payment.number_key.in_(keys), Payment.counts(), Payment.amount != 0)
        .group_by(*by)
        .having(sa.func.sum(sa.case((unread | Payment.repeated, 1), else_=0)) == 0)
    )
    return {_key(row) for row in rows if int(row.claims_paid) - int(row.provider_adjusted) == row.amount}


def join_parts(session: PortalSession, pair: SameNumber) -> None:
    """Work out anew which payments of a pair's number are parts of the same one, after the pair was decided or undone.

    The first part that counts has the amount in sums. What was replaced or voided is no part, and one part alone is none either.
    """
    later = session.get_one(Payment, pair.payment_id)
    of_number = of_same_number(later)
    links = sa.join(SameNumber, Payment, Payment.id == SameNumber.payment_id)
    here = sa.select(Payment.part_of_id).where(Payment.id.in_((pair.payment_id, pair.earlier_id)))
    said = sa.select(SameNumber.id).select_from(links).where(SameNumber.state == PARTS, of_number).limit(1)
    if session.scalar(said) is None and not any(session.scalars(here)):
        return
    rows = session.execute(
        sa.select(SameNumber.payment_id, SameNumber.earlier_id, SameNumber.state)
        .select_from(links)
        .where(SameNumber.state.in_(_LINKS), of_number)
    ).all()
    marked = sa.update(Payment).where(of_number, Payment.part_of_id.is_not(None))
    session.execute(marked.values(part_of_id=None, later_part=False), execution_options=_NO_SYNC)
    for linked in _linked([(row.payment_id, row.earlier_id, row.state == PARTS) for row in rows]):
        counting = sa.select(Payment.id).where(Payment.id.in_(linked), Payment.counts()).order_by(Payment.id)
        parts = session.scalars(counting).all()
        if len(parts) > 1:
            joined = sa.update(Payment).where(Payment.id.in_(parts))
            values = {"part_of_id": parts[0], "later_part": Payment.id != parts[0]}
            session.execute(joined.values(values), execution_options=_NO_SYNC)


def _linked(links: Sequence[tuple[int, int, bool]]) -> list[set[int]]:
    """Payments that decisions hold together, as far as one of these says that two are parts. A link is two payments and whether
    it says so."""
    of: dict[int, set[int]] = {}
    for one, other, _ in links:
        together = of.get(one, {one}) | of.get(other, {other})
        of.update(dict.fromkeys(together, together))
    parts = {id(of[one]): of[one] for one, _, are_parts in links if are_parts}
    return list(parts.values())
