"""The same claim in several payments: original, reversal and correction, and what provider-level adjustments refer to.

A reversal and its correction may come in different payments. What ties them is the claim's number with the same payee (the
payer's own, else the provider's with the same member): ASC X12's interpretation 227 says so for recoveries, too.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import DOLLARS, PortalSession, spans

from ..codes.plain_words import REVERSAL
from ..keys import number_key
from ..models import Claim, Payment, ProviderAdjustment
from ..persons import open_person, tokens_of_every_key
from .selections import AnyRow, AnySelect

AGAIN = "again"
LONGEST = 60


@dataclass(frozen=True)
class Appearance:
    """A claim in one payment. Amounts are cents; `role` is original, reversal, correction or empty; `here` is this one.

    `not_counted` says why its amounts do not count: replaced or voided, as its payment, or again: a later payment of the same
    number has the claim, too, and nobody has decided yet what the two are.
    """

    payment_id: int
    number: str
    method: str | None
    issued_on: dt.date | None
    claim: int
    status: str | None
    charged: int | None
    paid: int | None
    role: str
    here: bool
    not_counted: str = ""
    currency: str = DOLLARS


@dataclass(frozen=True)
class History:
    """A claim's appearances, oldest first, and what those that count pay together (None: an amount could not be read, or is in
    another currency)."""

    appearances: list[Appearance]
    net: int | None


@dataclass(frozen=True)
class AdjustmentRow:
    """A provider-level adjustment and the claim it refers to, as far as one is found. `amount` is cents."""

    adjustment: ProviderAdjustment
    payment_id: int | None = None
    claim: int | None = None
    number: str = ""
    patient: str = ""
    elsewhere: bool = False


def history(session: PortalSession, claim: Claim) -> History | None:
    """Where the claim appears, this time included; None when this is the only time."""
    return histories(session, [claim]).get((claim.payment_id, claim.claim))


def histories(session: PortalSession, claims: Sequence[Any]) -> dict[tuple[int, int], History]:
    """The history of each of some claims that appears more than once, by payment and claim: one statement for all of them.

    `claims` are claims or rows with their columns and whose claim it is (`ShownClaim`).
    """
    names = [_Names.of(session, claim) for claim in claims]
    same = _called(names)
    if same is None:
        return {}
    rows = session.execute(
        sa.select(
            Payment.id,
            Payment.trace_number,
            Payment.method,
            Payment.effective_on,
            Payment.currency,
            Claim.claim,
            Claim.status,
            Claim.charged,
            Claim.paid,
            Claim.payee_id,
            Claim.payer_control_key,
            Claim.patient_control_key,
            Claim.member_token,
            Payment.number_key,
            Payment.originator_id,
            Payment.set_aside,
            Payment.in_question,
        )
        .join(Payment, Payment.id == Claim.payment_id)
        .where(Claim.payee_id.in_({one.payee_id for one in names}), same)
        .order_by(Payment.effective_on.asc().nulls_first(), Payment.id, Claim.claim)
        .limit(LONGEST * max(LONGEST, len(names)))
    ).all()
    by_payer: dict[tuple[int, str], list[int]] = defaultdict(list)
    by_account: dict[tuple[int, str, bytes], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        by_payer[row.payee_id, row.payer_control_key or ""].append(place)
        by_account[row.payee_id, row.patient_control_key or "", row.member_token or b""].append(place)
    found = {}
    for one in names:
        places = set(by_payer[one.payee_id, one.payer_key]) if one.payer_key else set()
        for token in one.tokens:
            places |= set(by_account[one.payee_id, one.account_key, token])
        if len(places) > 1:
            found[one.here] = _history([rows[place] for place in sorted(places)[:LONGEST]], one.here)
    return found


@dataclass(frozen=True)
class _Names:
    """What a claim is called: by the payer, and by the provider together with its member (under every listed key)."""

    here: tuple[int, int]
    payee_id: int
    payer_key: str
    account_key: str
    tokens: frozenset[bytes]

    @classmethod
    def of(cls, session: PortalSession, claim: Any) -> _Names:
        member = number_key(claim.member_id or claim.subscriber_id) if claim.patient_control_key else ""
        tokens = {one.number(member) for one in tokens_of_every_key(session.vault)} if member else set()
        return cls(
            (claim.payment_id, claim.claim),
            claim.payee_id or 0,
            claim.payer_control_key or "",
            claim.patient_control_key or "",
            frozenset(token for token in tokens if token),
        )


def _called(names: Sequence[_Names]) -> sa.ColumnElement[bool] | None:
    """A condition: the claim is called as one of these; None when none of them is called anything."""
    known = [one for one in names if one.payee_id]
    same: list[sa.ColumnElement[bool]] = []
    if payer := {one.payer_key for one in known if one.payer_key}:
        same.append(Claim.payer_control_key.in_(payer))
    if tokens := {token for one in known for token in one.tokens}:
        accounts = {one.account_key for one in known if one.tokens}
        same.append(sa.and_(Claim.patient_control_key.in_(accounts), Claim.member_token.in_(tokens)))
    return sa.or_(*same) if same else None


def _history(rows: Sequence[Any], here: tuple[int, int]) -> History:
    left_out = _not_counted(rows)
    statuses = [None if place in left_out else row.status for place, row in enumerate(rows)]
    appearances = [
        Appearance(
            row.id,
            row.trace_number,
            row.method,
            row.effective_on,
            row.claim,
            row.status,
            row.charged,
            row.paid,
            "" if place in left_out else _role(statuses, place),
            (row.id, row.claim) == here,
            left_out.get(place, ""),
            row.currency or DOLLARS,
        )
        for place, row in enumerate(rows)
    ]
    paid = [row.paid for place, row in enumerate(rows) if place not in left_out]
    addable = None not in paid and len({one.currency for one in appearances}) == 1
    return History(appearances, sum(paid) if addable else None)


def _not_counted(rows: Sequence[Any]) -> dict[int, str]:
    """Which of a claim's appearances do not count, by their places, and why.

    While it is not decided what two payments of one number are, a claim that both have with the same status counts once, as the
    later one has it: the payments came in the order of their ids.
    """
    found = {place: row.set_aside for place, row in enumerate(rows) if row.set_aside}
    latest: dict[Any, int] = {}
    for place, row in sorted(enumerate(rows), key=lambda one: one[1].id):
        if not row.in_question or place in found:
            continue
        same = (row.number_key, row.originator_id, row.status)
        if same in latest and rows[latest[same]].id != row.id:
            found[latest[same]] = AGAIN
        latest[same] = place
    return found


def other_claims(found: Iterable[tuple[int, int]]) -> dict[int, str]:
    """Claims that a page shows beside its own, given by payment and claim, as events keep them: `{17: "3-5"}`."""
    by_payment: dict[int, list[int]] = defaultdict(list)
    for payment_id, claim in found:
        by_payment[payment_id].append(claim)
    return {payment_id: spans(numbers) for payment_id, numbers in sorted(by_payment.items())}


def _role(statuses: list[str | None], position: int) -> str:
    if statuses[position] == REVERSAL:
        return "Reversal"
    if REVERSAL in statuses[:position]:
        return "Correction"
    return "Original" if REVERSAL in statuses[position:] else ""


def provider_adjustments(session: PortalSession, payment: Payment) -> list[AdjustmentRow]:
    """The payment's own adjustments in the order of the file, each with the claim its reference names."""
    rows = list(
        session.scalars(
            sa.select(ProviderAdjustment)
            .where(ProviderAdjustment.payment_id == payment.id)
            .order_by(ProviderAdjustment.position)
        )
    )
    claims = _claims_called(session, payment, {row.reference_key for row in rows if row.reference_key})
    return [_linked(session, row, claims.get(row.reference_key or ""), payment) for row in rows]


def _linked(session: PortalSession, row: ProviderAdjustment, claim: AnyRow | None, payment: Payment) -> AdjustmentRow:
    if claim is None:
        return AdjustmentRow(row)
    person = open_person(session.vault, claim.person_sealed, claim.payment_id, claim.claim)
    patient = ", ".join(filter(None, (person.patient_last_name, person.patient_first_name)))
    return AdjustmentRow(
        row, claim.payment_id, claim.claim, claim.trace_number, patient, elsewhere=claim.payment_id != payment.id
    )


def _claims_called(session: PortalSession, payment: Payment, keys: set[str]) -> dict[str, AnyRow]:
    """For each reference the claim of that number: in this payment, else of the same payee, else of another one
    that may be seen; the latest one up to this payment's date first."""
    if not keys:
        return {}
    statement: AnySelect = (
        sa.select(
            Claim.payment_id,
            Claim.claim,
            Claim.payee_id,
            Claim.payer_control_key,
            Claim.patient_control_key,
            Claim.person_sealed,
            Payment.trace_number,
            Payment.effective_on,
            Payment.set_aside,
        )
        .join(Payment, Payment.id == Claim.payment_id)
        .where(sa.or_(Claim.payer_control_key.in_(keys), Claim.patient_control_key.in_(keys)))
        .order_by(Claim.payment_id, Claim.claim)
    )
    rows = session.execute(statement).all()
    best: dict[str, AnyRow] = {}
    for row in sorted(rows, key=lambda row: _nearness(row, payment)):
        for key in (row.payer_control_key, row.patient_control_key):
            if key in keys:
                best[key] = row
    return best


def _nearness(row: AnyRow, payment: Payment) -> tuple[bool, bool, bool, bool, dt.date]:
    issued = row.effective_on or dt.date.min
    return (
        row.payment_id == payment.id,
        row.set_aside is None,
        row.payee_id == payment.payee_id,
        issued <= (payment.effective_on or dt.date.max),
        issued,
    )
