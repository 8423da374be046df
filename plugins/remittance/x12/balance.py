"""Does a payment add up? Told here, for the reader and for every page and document."""

from __future__ import annotations


def difference(amount: int | None, claims_paid: int | None, adjusted: int | None) -> int | None:
    """How much a payment is off, in cents: what claims pay less provider-level adjustments is the payment (ASC X12
    005010X221A1, 1.10.2.1). None: one of the three is not known."""
    if amount is None or claims_paid is None or adjusted is None:
        return None
    return amount - (claims_paid - adjusted)


def holds(off: int | None, unbalanced_claims: int) -> bool:
    """All three balances: the payment is not off, and no claim is, neither itself nor in one of its lines."""
    return off == 0 and not unbalanced_claims
