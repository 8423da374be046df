"""A payment with everything below it, as the files need it."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import PortalSession, masked_tin, record, show_money

from ..intake.standing import Standing, standing_of
from ..models import PAYEE_TIN, Adjustment, Claim, Line, Payment, ProviderAdjustment
from ..verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class ClaimParts:
    """A claim with its lines and adjustments, all in the order of the 835."""

    claim: Claim
    lines: tuple[Line, ...]
    adjustments: tuple[Adjustment, ...]

    def adjustments_at(self, line: int | None) -> list[Adjustment]:
        """The adjustments of a line, or with None those of the claim as a whole."""
        return [found for found in self.adjustments if found.line == line]

    def remarks_at(self, line: int | None) -> str:
        """The remarks that count for an adjustment of a line: those of the claim and of the line."""
        of_line = (found.remarks for found in self.lines if found.line == line)
        return " ".join(filter(None, (self.claim.remarks, *of_line)))


@dataclass(frozen=True, slots=True)
class Remittance:
    """A payment, the verdict on its balance, some or all of its claims, and its provider adjustments. `payee_tin` is masked;
    `standing` says whether the payment counts, and other payments of its number."""

    payment: Payment
    verdict: Verdict
    payee_tin: str
    standing: Standing
    claims: tuple[ClaimParts, ...]
    provider_adjustments: tuple[ProviderAdjustment, ...]

    def money(self, cents: int | None) -> str:
        """An amount as people read it, in the payment's currency."""
        return show_money(cents, self.payment.currency)

    @property
    def contacts(self) -> list[dict[str, str]]:
        """The payer's contacts in the 835: kind, name, phone, extension, email, url, fax, as far as they were sent."""
        found: list[dict[str, str]] = json.loads(self.payment.payer_contacts or "[]")
        return found


def find_payment(session: PortalSession, payment_id: int) -> Payment | None:
    """The payment alone, or None when the session's organization may not see it or there is none."""
    return session.scalar(sa.select(Payment).where(Payment.id == payment_id))


def find_remittance(session: PortalSession, payment_id: int) -> Remittance | None:
    """A whole payment, or None when the session's organization may not see it or there is none."""
    payment = find_payment(session, payment_id)
    if payment is None:
        return None
    claims = session.scalars(sa.select(Claim).where(Claim.payment_id == payment_id).order_by(Claim.claim))
    lines = session.scalars(sa.select(Line).where(Line.payment_id == payment_id).order_by(Line.claim, Line.line))
    adjustments = session.scalars(
        sa.select(Adjustment).where(Adjustment.payment_id == payment_id).order_by(Adjustment.claim, Adjustment.position)
    )
    provider_adjustments = session.scalars(
        sa.select(ProviderAdjustment)
        .where(ProviderAdjustment.payment_id == payment_id)
        .order_by(ProviderAdjustment.position)
    )
    return Remittance(
        payment,
        judge(session, payment),
        masked_tin(session, payment.payee_tin_sealed, PAYEE_TIN(payment.id)),
        standing_of(session, payment),
        _together(claims, lines, adjustments),
        tuple(provider_adjustments),
    )


def claim_rows(session: PortalSession, payment_id: int, claim: int) -> int | None:
    """How many lines and adjustments a claim has; None when the session's organization may not see it or there is none."""
    if session.scalar(sa.select(Claim.claim).where(Claim.payment_id == payment_id, Claim.claim == claim)) is None:
        return None
    of_claim = [
        sa.select(sa.func.count()).select_from(model).where(model.payment_id == payment_id, model.claim == claim)
        for model in (Line, Adjustment)
    ]
    return sum(session.scalar(count) or 0 for count in of_claim)


def find_claim(session: PortalSession, payment_id: int, claim: int) -> Remittance | None:
    """A payment with one claim alone, counted from 1, as another payer may see it: nothing of the other patients.

    None when the session's organization may not see it or there is none.
    """
    payment = find_payment(session, payment_id)
    claims = session.scalars(sa.select(Claim).where(Claim.payment_id == payment_id, Claim.claim == claim)).all()
    if payment is None or not claims:
        return None
    lines = session.scalars(
        sa.select(Line).where(Line.payment_id == payment_id, Line.claim == claim).order_by(Line.line)
    )
    adjustments = session.scalars(
        sa.select(Adjustment)
        .where(Adjustment.payment_id == payment_id, Adjustment.claim == claim)
        .order_by(Adjustment.position)
    )
    return Remittance(
        payment,
        judge(session, payment),
        masked_tin(session, payment.payee_tin_sealed, PAYEE_TIN(payment.id)),
        standing_of(session, payment),
        _together(claims, lines, adjustments),
        (),
    )


def record_download(session: PortalSession, payment: Payment, kind: str, reason: str, claim: int | None = None) -> None:
    """Put into the record that a payment, or one claim of it, leaves as a file of this kind. The caller commits."""
    if claim is None:
        record(session, "remittance.payment.downloaded", reason=reason, payment=payment.id, format=kind)
    else:
        record(session, "remittance.claim.downloaded", reason=reason, payment=payment.id, claim=claim, format=kind)


def dates(first: dt.date | None, last: dt.date | None) -> Iterator[dt.date]:
    """The one or two different dates of a span."""
    if first:
        yield first
    if last and last != first:
        yield last


def patient_name(claim: Claim) -> str:
    """`LAST, FIRST MIDDLE` as far as it was sent."""
    given = " ".join(filter(None, (claim.patient_first_name, claim.patient_middle_name)))
    return ", ".join(filter(None, (claim.patient_last_name, given)))


def _together(
    claims: Iterable[Claim], lines: Iterable[Line], adjustments: Iterable[Adjustment]
) -> tuple[ClaimParts, ...]:
    lines_of: dict[int, list[Line]] = defaultdict(list)
    adjustments_of: dict[int, list[Adjustment]] = defaultdict(list)
    for line in lines:
        lines_of[line.claim].append(line)
    for adjustment in adjustments:
        adjustments_of[adjustment.claim].append(adjustment)
    return tuple(
        ClaimParts(claim, tuple(lines_of[claim.claim]), tuple(adjustments_of[claim.claim])) for claim in claims
    )


_AT_A_TIME = 500


def all_seen(session: PortalSession, payments: Collection[int]) -> bool:
    """May all of these payments still be seen? To be asked before a file leaves that was made before."""
    ids = sorted(set(payments))
    seen = 0
    for first in range(0, len(ids), _AT_A_TIME):
        some = sa.select(sa.func.count(Payment.id)).where(Payment.id.in_(ids[first : first + _AT_A_TIME]))
        seen += session.scalar(some) or 0
    return seen == len(ids)
