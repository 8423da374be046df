"""The same claim in several payments: original, reversal and correction, and what provider-level adjustments refer to.

A reversal and its correction may come in different payments. What ties them is the claim's number with the same payee (the
payer's own, else the provider's with the same member): ASC X12's interpretation 227 says so for recoveries, too.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import PortalSession, spans

from ..keys import number_key
from ..models import Claim, Payment, ProviderAdjustment
from ..persons import open_person
from .selections import AnyRow, AnySelect

REVERSAL = "22"
LONGEST = 60


@dataclass(frozen=True)
class Appearance:
    """A claim in one payment. Amounts are cents; `role` is original, reversal, correction or empty; `here` is this one."""

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


@dataclass(frozen=True)
class History:
    """A claim's appearances, oldest first, and what they pay together (None: an amount could not be read)."""

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
    same = []
    if claim.payer_control_key:
        same.append(Claim.payer_control_key == claim.payer_control_key)
    if claim.patient_control_key and (member := number_key(claim.member_id or claim.subscriber_id)):
        same.append(
            sa.and_(
                Claim.patient_control_key == claim.patient_control_key,
                Claim.member_is(session, member),
            )
        )
    if not same or claim.payee_id is None:
        return None
    rows = session.execute(
        sa.select(
            Payment.id,
            Payment.trace_number,
            Payment.method,
            Payment.effective_on,
            Claim.claim,
            Claim.status,
            Claim.charged,
            Claim.paid,
        )
        .join(Payment, Payment.id == Claim.payment_id)
        .where(Claim.payee_id == claim.payee_id, sa.or_(*same))
        .order_by(Payment.effective_on.asc().nulls_first(), Payment.id, Claim.claim)
        .limit(LONGEST)
    ).all()
    if len(rows) < 2:
        return None
    here = (claim.payment_id, claim.claim)
    statuses = [row.status for row in rows]
    appearances = [
        Appearance(*row, _role(statuses, position), (row.id, row.claim) == here) for position, row in enumerate(rows)
    ]
    paid = [row.paid for row in rows]
    return History(appearances, None if None in paid else sum(paid))


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


def _nearness(row: AnyRow, payment: Payment) -> tuple[bool, bool, bool, dt.date]:
    issued = row.effective_on or dt.date.min
    return (
        row.payment_id == payment.id,
        row.payee_id == payment.payee_id,
        issued <= (payment.effective_on or dt.date.max),
        issued,
    )
