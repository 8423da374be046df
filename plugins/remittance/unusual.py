"""Adjustments that are unusual, and claims that reverse others: each with an index of these rows alone.

A database uses such an index only for a statement that says the index's condition word for word, with its values in it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .models import Adjustment, Claim

USUAL = ("CO-45", "PR-1", "PR-2", "PR-3")
"""Group and reason of the adjustments that almost every line has: what the contract takes off, the patient's share."""
REVERSES = "22"
"""The status (CLP02) of a claim that takes an earlier one back."""


def _as_written(name: str, value: Any, *, expanding: bool = False) -> sa.BindParameter[Any]:
    return sa.bindparam(name, value, expanding=expanding, literal_execute=True, unique=True, type_=sa.Text())


def is_unusual() -> sa.ColumnElement[bool]:
    """A condition of adjustments: none of `USUAL`."""
    nothing, joint = _as_written("nothing", ""), _as_written("joint", "-")
    group, reason = (sa.func.coalesce(part, nothing) for part in (Adjustment.group, Adjustment.reason))
    return group.concat(joint).concat(reason).not_in(_as_written("usual", list(USUAL), expanding=True))


def is_reversal(claim: type[Claim]) -> sa.ColumnElement[bool]:
    """A condition of claims, or of an alias of them: the claim takes an earlier one back."""
    return claim.status == _as_written("reversal", REVERSES)


sa.Index(
    "ix_remittance_adjustment_unusual",
    Adjustment.payment_id,
    Adjustment.claim,
    Adjustment.line,
    Adjustment.group,
    Adjustment.reason,
    Adjustment.amount,
    sqlite_where=is_unusual(),
    postgresql_where=is_unusual(),
)
sa.Index(
    "ix_remittance_claim_reversals",
    Claim.payee_id,
    sqlite_where=is_reversal(Claim),
    postgresql_where=is_reversal(Claim),
)
