"""Payments that have the number of another one: found while a file is imported, for the payer's staff to decide.

A number is the trace's (TRN02 with TRN03). It should be one payment's alone, but files say otherwise: a second payee, one EFT
told in two files, a correction that was sent under the old number, a date or an amount left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal.api import PortalSession, now

from ..keys import number_key
from ..models import Claim, Payment, same_claim
from ..x12.records import CLAIM, Transaction
from .matching import TIN, PayeeMatcher, plain_tin
from .models import SameNumber

PAYEE, AMOUNT, DATE, METHOD, CONTENTS = "payee", "amount", "date", "method", "contents"
"""What differs between two payments of one number; CONTENTS when it is none of the others."""
WAITS = "waits"
MOST_OTHERS = 20
"""As many other payments of a number are shown beside one."""
_AT_A_TIME = 1_000
_PAYER_CONTROL = CLAIM.index("payer_control_number")


# Made once: an import asks it in every step.
_LATEST = (
    sa.select(
        Payment.id,
        Payment.amount,
        Payment.effective_on,
        Payment.method,
        Payment.payee_id,
        Payment.payee_npi,
        Payment.payee_name,
        Payment.payee_tin_hash,
        Payment.number_key,
        Payment.trace_number,
        Payment.originator_id,
    )
    .where(
        Payment.id.in_(
            sa.select(sa.func.max(Payment.id))
            .where(Payment.number_key.in_(sa.bindparam("numbers", expanding=True)), Payment.counts())
            .group_by(
                Payment.number_key,
                Payment.trace_number,
                Payment.originator_id,
                Payment.payee_id,
                Payment.payee_tin_hash,
                Payment.payee_npi,
            )
        )
    )
    .order_by(Payment.id)
)


@dataclass(frozen=True)
class Pair:
    """A payment, the earlier one that has its number, and what differs."""

    payment_id: int
    earlier_id: int
    differs: tuple[str, ...]


@dataclass(frozen=True)
class _Payment:
    """What of a payment tells whether another one of its number is to be looked at. `day` is ISO 8601.

    `claims` are the payer's numbers of its claims, None for a payment that is stored: they are asked for when they matter.
    """

    id: int
    amount: int
    day: str | None
    method: str | None
    payee_id: int | None
    npi: str | None
    name: str | None
    tin_hashes: frozenset[bytes]
    claims: frozenset[str] | None = None

    def same_payee(self, other: _Payment) -> bool:
        if self.payee_id is not None and self.payee_id == other.payee_id:
            return True
        if self.npi != other.npi:
            return False
        if self.tin_hashes or other.tin_hashes:
            return not self.tin_hashes.isdisjoint(other.tin_hashes)
        return self.npi is not None or self.name == other.name

    def differs(self, other: _Payment) -> tuple[str, ...]:
        found = {
            PAYEE: not self.same_payee(other),
            AMOUNT: self.amount != other.amount,
            DATE: self.day != other.day,
            METHOD: self.method != other.method,
        }
        return tuple(name for name, is_so in found.items() if is_so) or (CONTENTS,)


class SameNumbers:
    """The payments of one import that have the number of another payment: in the database, or earlier in the same file."""

    def __init__(self, session: PortalSession, payees: PayeeMatcher) -> None:
        self._session = session
        self._payees = payees
        self._found: list[Pair] = []

    def look(self, new: Sequence[Transaction]) -> dict[int, Pair]:
        """Which of these payments, new and about to be stored, are to be looked at, by their ids."""
        numbers = [_number(one) for one in new]
        of_number = self._stored({key for key, *_ in numbers})
        pairs: dict[int, Pair] = {}
        for number, transaction in zip(numbers, new, strict=True):
            one = self._payment(transaction)
            earlier = of_number.setdefault(number, [])
            if earlier and (pair := self._pair(one, earlier)):
                pairs[one.id] = pair
            earlier.append(one)
        self._found += pairs.values()
        return pairs

    def store(self) -> None:
        """Put what was found before the staff. Comes when the payments are in the database."""
        session, found = self._session, self._found
        moment = now()
        for start in range(0, len(found), _AT_A_TIME):
            slice_ = found[start : start + _AT_A_TIME]
            session.execute(
                sa.insert(SameNumber),
                [
                    {
                        "payment_id": pair.payment_id,
                        "earlier_id": pair.earlier_id,
                        "differs": " ".join(pair.differs),
                        "found_at": moment,
                        "state": WAITS,
                    }
                    for pair in slice_
                ],
            )
            here = [pair.payment_id for pair in slice_]
            session.execute(
                sa.update(SameNumber).where(SameNumber.payment_id.in_(here), _overlaps()).values(overlaps=True),
                execution_options={"synchronize_session": False},
            )
            earlier = {pair.earlier_id for pair in slice_} | self._store_repeated(here, moment)
            repeated = sa.select(SameNumber.earlier_id).where(SameNumber.payment_id.in_(here), SameNumber.overlaps)
            session.execute(
                sa.update(Payment).where(Payment.id.in_(repeated), ~Payment.repeated).values(repeated=True),
                execution_options={"synchronize_session": False},
            )
            session.execute(
                sa.update(Payment).where(Payment.id.in_(earlier), ~Payment.in_question).values(in_question=True),
                execution_options={"synchronize_session": False},
            )

    def _store_repeated(self, here: Sequence[int], moment: dt.datetime) -> set[int]:
        """Pairs with further payments of the number, not the latest of it, that have a claim of one of these: their ids."""
        known = sa.exists().where(SameNumber.payment_id == _later.id, SameNumber.earlier_id == _earlier.id)
        rows = self._session.execute(_in_several(here).where(sa.not_(known))).all()
        pairs = [
            {
                "payment_id": later.id,
                "earlier_id": earlier.id,
                "differs": " ".join(_from_row(later).differs(_from_row(earlier))),
                "found_at": moment,
                "state": WAITS,
                "overlaps": True,
            }
            for later, earlier in rows
        ]
        if pairs:
            self._session.execute(sa.insert(SameNumber), pairs)
        return {earlier.id for _, earlier in rows}

    def _stored(self, keys: set[str]) -> dict[_Number, list[_Payment]]:
        """The payments that count and have one of these numbers: the latest one of each payee."""
        found: dict[_Number, list[_Payment]] = {}
        wanted = sorted(keys)
        for start in range(0, len(wanted), _AT_A_TIME):
            for row in self._session.execute(_LATEST, {"numbers": wanted[start : start + _AT_A_TIME]}):
                number = _named(row.number_key, row.trace_number, row.originator_id)
                found.setdefault(number, []).append(_from_row(row))
        return found

    def _payment(self, transaction: Transaction) -> _Payment:
        tin = plain_tin(_text(transaction, "payee_tin"))
        npi = _text(transaction, "payee_npi")
        return _Payment(
            transaction.number,
            cast(int, transaction.fact("amount")),
            _text(transaction, "effective_on"),
            _text(transaction, "method"),
            self._payees.find(tin, npi),
            npi,
            _text(transaction, "payee_name"),
            frozenset(self._session.vault.digests(tin, TIN)) if tin else frozenset(),
            # Asked for only where nothing is paid: see _have_a_claim_in_common.
            None if transaction.fact("amount") else frozenset(_payer_controls(transaction)),
        )

    def _pair(self, one: _Payment, earlier: Sequence[_Payment]) -> Pair | None:
        """The latest payment of the same payee, else the latest of all, when the two are to be looked at."""
        newest_first = sorted(earlier, key=lambda other: (one.same_payee(other), other.id), reverse=True)
        for other in newest_first:
            if not self._are_notices_of_their_own(one, other):
                return Pair(one.id, other.id, one.differs(other))
        return None

    def _are_notices_of_their_own(self, one: _Payment, other: _Payment) -> bool:
        """Where nothing is paid, the number may be a placeholder: for another payee, or of another date without a claim that
        both have, it says nothing."""
        if one.amount or other.amount:
            return False
        if not one.same_payee(other):
            return True
        if one.day == other.day or one.day is None or other.day is None:
            return False
        return not self._have_a_claim_in_common(one, other)

    def _have_a_claim_in_common(self, one: _Payment, other: _Payment) -> bool:
        ours = one.claims or frozenset()
        if other.claims is not None:
            return not ours.isdisjoint(other.claims)
        theirs = self._session.scalars(
            sa.select(Claim.payer_control_key).where(Claim.payment_id == other.id, Claim.payer_control_key.is_not(None))
        )
        return not ours.isdisjoint(theirs)


def _overlaps() -> sa.ColumnElement[bool]:
    """A condition: both payments of a pair have a claim with the same status."""
    one, other = aliased(Claim), aliased(Claim)
    same = sa.or_(*same_claim(one, other))
    return (
        sa.select(one.payment_id)
        .select_from(one)
        .join(other, sa.and_(same, one.status.is_not_distinct_from(other.status)))
        .where(one.payment_id == SameNumber.payment_id, other.payment_id == SameNumber.earlier_id)
        .exists()
    )


_later, _earlier = aliased(Payment), aliased(Payment)


def _in_several(here: Sequence[int]) -> sa.Select[Payment, Payment]:
    """These payments, each with every earlier one of its number and payee that counts and has a claim of it."""
    one, other = aliased(Claim), aliased(Claim)
    # Each by itself, so that a database finds the other claims by an index.
    found = sa.union(
        *(
            sa.select(one.payment_id.label("later"), other.payment_id.label("earlier"))
            .join(
                other, sa.and_(same, one.status.is_not_distinct_from(other.status), other.payment_id < one.payment_id)
            )
            .where(one.payment_id.in_(here))
            for same in same_claim(one, other)
        )
    ).subquery()
    return (
        sa.select(_later, _earlier)
        .select_from(found)
        .join(_later, _later.id == found.c.later)
        .join(_earlier, _earlier.id == found.c.earlier)
        .where(
            _earlier.set_aside.is_(None),
            _earlier.number_key == _later.number_key,
            sa.or_(_later.number_key != "", _earlier.trace_number == _later.trace_number),
            _earlier.originator_id.is_not_distinct_from(_later.originator_id),
            _earlier.payee_id.is_not_distinct_from(_later.payee_id),
            _earlier.payee_npi.is_not_distinct_from(_later.payee_npi),
        )
        .order_by(_later.id, _earlier.id)
    )


_Number = tuple[str, str | None, str | None]
"""How the number is compared, the number itself where nothing is left to compare, and who gave it."""


def _named(key: str, trace_number: str, originator_id: str | None) -> _Number:
    return key, None if key else trace_number, originator_id


def _number(transaction: Transaction) -> _Number:
    trace_number = _text(transaction, "trace_number") or ""
    return _named(number_key(trace_number), trace_number, _text(transaction, "originator_id"))


def _text(transaction: Transaction, column: str) -> str | None:
    return cast(str | None, transaction.fact(column))


def _payer_controls(transaction: Transaction) -> Iterator[str]:
    for row in transaction.rows.claims:
        if key := number_key(cast(str | None, row[_PAYER_CONTROL])):
            yield key


def _from_row(row: Any) -> _Payment:
    return _Payment(
        row.id,
        row.amount,
        row.effective_on.isoformat() if row.effective_on else None,
        row.method,
        row.payee_id,
        row.payee_npi,
        row.payee_name,
        frozenset([row.payee_tin_hash]) if row.payee_tin_hash else frozenset(),
    )
