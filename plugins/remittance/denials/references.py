"""What the references of provider-level adjustments (PLB03-2) name: claims and payments of the same payee."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..models import Claim, Payment
from ..persons import ShownClaim

_AT_A_TIME = 500


@dataclass(frozen=True)
class NamedClaim:
    """The claim that a reference names, as the latest payment up to the chain's end has it, and its patient's names."""

    payment_id: int
    claim: int
    payer_number: str | None
    patient_number: str | None
    trace_number: str
    last_name: str | None
    first_name: str | None

    @property
    def patient(self) -> str:
        """`LAST, FIRST` as far as it was sent."""
        return ", ".join(filter(None, (self.last_name, self.first_name)))


@dataclass(frozen=True)
class NamedPayment:
    """The payment whose number a reference is."""

    payment_id: int
    number: str
    method: str | None


Named = tuple[str, int | None]
"""A number as it is compared, and the payee that it is said to."""


def named_claim(claim: ShownClaim) -> NamedClaim:
    """What is shown of a row of `claims_called`."""
    return NamedClaim(
        claim.payment_id,
        claim.claim,
        claim.payer_control_number,
        claim.patient_control_number,
        claim.trace_number,
        claim.patient_last_name,
        claim.patient_first_name,
    )


def claims_called(session: PortalSession, keys: list[str]) -> dict[Named, list[Any]]:
    """The claims of these numbers by number and payee, oldest first: a payer's number of a claim, else the provider's own."""
    by_payer: dict[Named, list[Any]] = defaultdict(list)
    by_account: dict[Named, list[Any]] = defaultdict(list)
    for some in _in_parts(keys):
        rows = session.execute(
            sa.select(
                Claim.payment_id,
                Claim.claim,
                Claim.person_sealed,
                Claim.payee_id,
                Claim.payer_control_key,
                Claim.patient_control_key,
                Claim.payer_control_number,
                Claim.patient_control_number,
                Payment.trace_number,
                Payment.effective_on,
            )
            .join(Payment, Payment.id == Claim.payment_id)
            .where(Payment.counts(), sa.or_(Claim.payer_control_key.in_(some), Claim.patient_control_key.in_(some)))
            .order_by(Payment.effective_on.asc().nulls_first(), Claim.payment_id, Claim.claim)
        )
        for row in rows:
            if row.payer_control_key in some:
                by_payer[row.payer_control_key, row.payee_id].append(row)
            if row.patient_control_key in some:
                by_account[row.patient_control_key, row.payee_id].append(row)
    return {**by_account, **by_payer}


def payments_called(session: PortalSession, keys: list[str]) -> dict[Named, Any]:
    """The payments of these numbers by number and payee, the latest of each."""
    found: dict[Named, Any] = {}
    for some in _in_parts(keys):
        rows = session.execute(
            sa.select(Payment.id, Payment.number_key, Payment.payee_id, Payment.trace_number, Payment.method)
            .where(Payment.number_key.in_(some), Payment.counts())
            .order_by(Payment.id)
        )
        found.update({(row.number_key, row.payee_id): row for row in rows})
    return found


def _in_parts(keys: list[str]) -> Iterator[set[str]]:
    """As many at a time as a statement may ask for."""
    for first in range(0, len(keys), _AT_A_TIME):
        yield set(keys[first : first + _AT_A_TIME])
