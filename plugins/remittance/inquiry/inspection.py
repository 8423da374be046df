"""A payment that a provider reports, opened by the payer's staff: found by its number, with a reason that is kept.

Staff see every payment, so every verb needs a whole scope. A reason opens the payments it was given for, for an hour.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import Actor, KeptGone, Listing, Order, PortalSession, find_kept, keep_values, record, what_was_shown

from ..keys import number_key
from ..models import Payment
from ..persons import ShownClaim
from .claims import OpenClaim, Wanted, list_claims, open_claim
from .selections import AnyRow

_KIND = "remittance inspection"
_TTL = dt.timedelta(hours=1)
MOST = 20


@dataclass(frozen=True)
class Found:
    """Payments with the number, at most `MOST`, and the word that opens their pages."""

    payments: list[AnyRow]
    word: str


def seek(session: PortalSession, actor: Actor, number: str, reason: str) -> Found:
    """Find payments by number, recorded with the reason. The caller commits."""
    key = number_key(number)
    rows = session.execute(
        sa.select(
            Payment.id,
            Payment.trace_number,
            Payment.method,
            Payment.effective_on,
            Payment.payee_name,
            Payment.payee_npi,
            Payment.claim_count,
            Payment.amount,
            Payment.currency,
        )
        .where(Payment.number_key == key)
        .order_by(Payment.effective_on.desc(), Payment.id.desc())
        .limit(MOST)
    ).all()
    # What is no payment's number may be a member's, typed in the wrong place: it is not kept readable.
    shown = number if rows else session.vault.digest(key, "remittance inquiry").hex()
    record(session, "remittance.payment.sought", reason=reason, number=shown, found=len(rows))
    if not rows:
        return Found([], "")
    word = keep_values(session, actor, _KIND, {"reason": reason, "payments": [row.id for row in rows]}, _TTL)
    return Found(list(rows), word)


def reason_of(session: PortalSession, actor: Actor, word: str, payment_id: int) -> str | None:
    """The reason that was given for opening this payment; None when none was, or too long ago."""
    try:
        kept = find_kept(session, actor, _KIND, word)
    except KeptGone:
        return None
    return str(kept["reason"]) if payment_id in kept["payments"] else None


def inspect_claims(session: PortalSession, payment: Payment, order: Order, reason: str) -> Listing[ShownClaim]:
    """One page of a payment's claims, recorded with the reason. The caller commits."""
    listing = list_claims(session, payment.id, Wanted(order)).listing
    record(
        session,
        "remittance.payment.inspected",
        reason=reason,
        payment=payment.id,
        number=payment.trace_number,
        **what_was_shown(listing, lambda row: row.claim),
    )
    return listing


def inspect_one(session: PortalSession, payment_id: int, number: int, reason: str) -> OpenClaim | None:
    """A claim with everything below it, recorded with the reason; None when there is none. The caller commits."""
    opened = open_claim(session, payment_id, number)
    if opened is not None:
        record(session, "remittance.claim.inspected", reason=reason, payment=payment_id, claim=number)
    return opened
