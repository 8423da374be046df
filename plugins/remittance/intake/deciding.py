"""What staff decide about two payments of one number: keep both, as payments of their own or as parts of one, let the later take
the earlier's place, void one; and undo.

Nothing is deleted: a payment that is replaced or voided keeps everything it has and counts no more. Every function needs a
whole scope; callers commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal.api import Column, Listing, Order, Person, PortalSession, Sorting, Who, masked_tin, now, page_of, record

from ..models import PAYEE_TIN, REPLACED, VOIDED, Claim, Payment, RemittanceFile, of_same_number
from .in_parts import PARTS, can_be_parts, join_parts, look_like_parts
from .models import SameNumber
from .same_number import MOST_OTHERS, WAITS

KEEP, REPLACE, VOID_LATER, VOID_EARLIER = "kept", "replaced", "later-voided", "earlier-voided"
"""What may be decided; the state of a pair afterwards."""
VERBS = {
    KEEP: "Keep both: they are two payments",
    PARTS: "Keep both: they are parts of one payment, each with some of its claims",
    REPLACE: "The later replaces the earlier",
    VOID_EARLIER: "Void the earlier: it is not a payment",
    VOID_LATER: "Void the later: it is not a payment",
}
DECISIONS = {
    KEEP: "Both kept",
    PARTS: "Parts of one payment",
    REPLACE: "Replaced by the later",
    VOID_EARLIER: "Earlier voided",
    VOID_LATER: "Later voided",
}
MOST_CLAIMS_SHOWN = 50

Later, Earlier = aliased(Payment), aliased(Payment)
PAIRS = Sorting(
    (
        Column("number", "Number", Later.trace_number, "code"),
        Column("earlier", "Earlier", Earlier.amount),
        Column("later", "Later", Later.amount),
        Column("differs", "What differs", SameNumber.differs),
        Column("found", "Found", SameNumber.found_at, "date"),
    ),
    default="-found",
    tie=SameNumber.id,
)


class CannotDecide(Exception):
    """Somebody has decided meanwhile, or a payment's standing has changed: the pair must be looked at again."""


@dataclass(frozen=True)
class Side:
    """One payment of a pair: the TIN masked, and the file it came in."""

    payment: Payment
    tin: str
    file: RemittanceFile


@dataclass(frozen=True)
class ClaimRow:
    """A claim that the two payments do not have in common, or not with the same amounts. The numbers are its places in
    the payments, None where it is not; amounts are cents."""

    control_number: str | None
    earlier: Any
    later: Any


@dataclass(frozen=True)
class SideBySide:
    """Two payments of one number. `claims` are those that differ, `same` counts the others; `others` are further payments of the
    number; `choices` what may be decided now."""

    pair: SameNumber
    earlier: Side
    later: Side
    same: int
    claims: list[ClaimRow]
    others: list[Payment]
    choices: list[tuple[str, str]]
    decided_by: str
    looks_like_parts: bool

    @property
    def differs(self) -> list[str]:
        return self.pair.differs.split()


def count_waiting(session: PortalSession) -> int:
    """How many pairs nobody has decided about."""
    return session.scalar(sa.select(sa.func.count(SameNumber.id)).where(SameNumber.state == WAITS)) or 0


def view_pairs(session: PortalSession, order: Order, *, decided: bool) -> Listing[Any]:
    """One page of the pairs that wait, or of those that are decided, recorded as viewed: pair, earlier and later payment, and who
    decided."""
    rows = (
        sa.select(SameNumber, Earlier, Later, Person.name)
        .join(Earlier, Earlier.id == SameNumber.earlier_id)
        .join(Later, Later.id == SameNumber.payment_id)
        .outerjoin(Person, Person.id == SameNumber.decided_by_id)
        .where(SameNumber.state != WAITS if decided else SameNumber.state == WAITS)
    )
    listing: Listing[Any] = page_of(session, rows, order)
    record(session, "remittance.same-number.listed", decided=decided, page=order.number, shown=len(listing.rows))
    return listing


def view_pair(session: PortalSession, pair_id: int) -> SideBySide | None:
    """A pair side by side, recorded as viewed; None when there is none."""
    pair = session.get(SameNumber, pair_id)
    if pair is None:
        return None
    earlier, later = _side(session, pair.earlier_id), _side(session, pair.payment_id)
    claims = list(_claims(session, pair))
    different = [row for row in claims if not _equal(row)]
    person = session.get(Person, pair.decided_by_id) if pair.decided_by_id else None
    record(session, "remittance.same-number.viewed", payment=pair.payment_id, earlier=pair.earlier_id)
    return SideBySide(
        pair,
        earlier,
        later,
        len(claims) - len(different),
        different,
        _others(session, later.payment, (pair.earlier_id, pair.payment_id)),
        [(verb, VERBS[verb]) for verb in _possible(earlier.payment, later.payment)] if pair.state == WAITS else [],
        person.name if person else "",
        pair.id in look_like_parts(session, [(pair, earlier.payment, later.payment)]),
    )


def decide(
    session: PortalSession,
    pair_id: int,
    verb: str,
    reason: str,
    *,
    person_id: int | None = None,
    batch_id: int | None = None,
    who: Who | None = None,
) -> None:
    """Do what staff decided about a pair that waits, recorded with the reason. Raises CannotDecide.

    `batch_id`: the decision about many that it belongs to (deciding_many.py); `who` acts, where that is not the session's.
    """
    pair = _changed(
        session, pair_id, was=(WAITS,), state=verb, at=now(), by=person_id, reason=reason, batch_id=batch_id
    )
    payments = session.scalars(sa.select(Payment).where(Payment.id.in_((pair.payment_id, pair.earlier_id)))).all()
    by_id = {payment.id: payment for payment in payments}
    if verb not in _possible(by_id[pair.earlier_id], by_id[pair.payment_id]):
        raise CannotDecide
    if verb == REPLACE:
        _set_aside(session, pair.earlier_id, REPLACED, pair.payment_id)
    elif verb in (VOID_LATER, VOID_EARLIER):
        _set_aside(session, pair.payment_id if verb == VOID_LATER else pair.earlier_id, VOIDED)
    _question(session, pair)
    join_parts(session, pair)
    _record(session, "remittance.same-number.decided", pair, verb, reason, who)


def undo(session: PortalSession, pair_id: int, reason: str, *, who: Who | None = None) -> None:
    """Take a decision back, recorded with the reason: the pair waits again, and what was set aside counts again. Raises
    CannotDecide."""
    before = session.scalar(sa.select(SameNumber.state).where(SameNumber.id == pair_id)) or WAITS
    pair = _changed(session, pair_id, was=(before,) if before != WAITS else (), state=WAITS)
    target = pair.payment_id if before == VOID_LATER else pair.earlier_id
    if before not in (KEEP, PARTS):
        session.execute(
            sa.update(Payment)
            .where(Payment.id == target)
            .values(set_aside=None, set_aside_at=None, replaced_by_id=None),
        )
    _question(session, pair)
    join_parts(session, pair)
    _record(session, "remittance.same-number.undone", pair, before, reason, who)


def _record(session: PortalSession, event: str, pair: SameNumber, decision: str, reason: str, who: Who | None) -> None:
    record(session, event, reason=reason, who=who, payment=pair.payment_id, earlier=pair.earlier_id, decision=decision)


def _changed(
    session: PortalSession,
    pair_id: int,
    *,
    was: tuple[str, ...],
    state: str,
    at: Any = None,
    by: int | None = None,
    reason: str | None = None,
    batch_id: int | None = None,
) -> SameNumber:
    """The pair in its new state, when it was in one of these: two people cannot both decide."""
    found = session.execute(
        sa.update(SameNumber)
        .where(SameNumber.id == pair_id, SameNumber.state.in_(was))
        .values(state=state, decided_at=at, decided_by_id=by, reason=reason, batch_id=batch_id)
        .returning(SameNumber.id)
    ).one_or_none()
    if found is None:
        raise CannotDecide
    return session.scalars(
        sa.select(SameNumber).where(SameNumber.id == pair_id), execution_options={"populate_existing": True}
    ).one()


def _set_aside(session: PortalSession, payment_id: int, how: str, instead: int | None = None) -> None:
    done = session.execute(
        sa.update(Payment)
        .where(Payment.id == payment_id, Payment.counts())
        .values(set_aside=how, set_aside_at=now(), replaced_by_id=instead)
        .returning(Payment.id)
    ).one_or_none()
    if done is None:
        raise CannotDecide


def _question(session: PortalSession, pair: SameNumber) -> None:
    """Mark both payments as in question as long as a pair that they are in waits, and the earlier one as repeated."""
    waits = sa.exists().where(
        SameNumber.state == WAITS, sa.or_(SameNumber.payment_id == Payment.id, SameNumber.earlier_id == Payment.id)
    )
    repeats = sa.exists().where(SameNumber.state == WAITS, SameNumber.overlaps, SameNumber.earlier_id == Payment.id)
    session.execute(
        sa.update(Payment)
        .where(Payment.id.in_((pair.payment_id, pair.earlier_id)))
        .values(in_question=waits, repeated=repeats),
        execution_options={"synchronize_session": False},
    )


def _possible(earlier: Payment, later: Payment) -> list[str]:
    """What can be decided: nothing is replaced or voided twice, and what does not count replaces nothing."""
    verbs = [KEEP]
    if can_be_parts(earlier, later):
        verbs.append(PARTS)
    if earlier.set_aside is None and later.set_aside is None:
        verbs.append(REPLACE)
    if earlier.set_aside is None:
        verbs.append(VOID_EARLIER)
    if later.set_aside is None:
        verbs.append(VOID_LATER)
    # In the order in which they are offered.
    return [verb for verb in VERBS if verb in verbs]


def _side(session: PortalSession, payment_id: int) -> Side:
    payment, file = session.execute(
        sa.select(Payment, RemittanceFile)
        .join(RemittanceFile, RemittanceFile.id == Payment.file_id)
        .where(Payment.id == payment_id)
    ).one()
    return Side(payment, masked_tin(session, payment.payee_tin_sealed, PAYEE_TIN(payment.id)), file)


def _others(session: PortalSession, payment: Payment, shown: tuple[int, int]) -> list[Payment]:
    """Further payments of the number, the newest first."""
    return list(
        session.scalars(
            sa.select(Payment)
            .where(of_same_number(payment), Payment.id.not_in(shown))
            .order_by(Payment.id.desc())
            .limit(MOST_OTHERS)
        )
    )


_claim_columns = (
    Claim.claim,
    Claim.payer_control_key,
    Claim.patient_control_key,
    Claim.payer_control_number,
    Claim.status,
    Claim.charged,
    Claim.paid,
)


def _claims(session: PortalSession, pair: SameNumber) -> Iterator[ClaimRow]:
    """The claims of both, each with its counterpart: the same claim number with the same status, in the order of the files."""
    earlier, later = (_claims_by_number(session, key) for key in (pair.earlier_id, pair.payment_id))
    for number in {**earlier, **later}:
        for one, other in zip_longest(earlier.get(number, ()), later.get(number, ())):
            yield ClaimRow((one or other).payer_control_number, one, other)


def _claims_by_number(session: PortalSession, payment_id: int) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    rows = session.execute(sa.select(*_claim_columns).where(Claim.payment_id == payment_id).order_by(Claim.claim))
    for row in rows:
        found[row.payer_control_key or row.patient_control_key, row.status].append(row)
    return found


def _equal(row: ClaimRow) -> bool:
    one, other = row.earlier, row.later
    return bool(one and other) and (one.charged, one.paid) == (other.charged, other.paid)
