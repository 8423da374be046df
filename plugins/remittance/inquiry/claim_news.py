"""What a list of claims says of each without opening it: why nothing was paid, and what became of it in other payments.

However many claims are asked for, it is the same few statements.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import DOLLARS, PortalSession

from ..codes.plain_words import REVERSAL
from ..models import Adjustment, Claim, Line, Payment, ProviderAdjustment
from .history import Appearance, History, histories

DENIED = "4"
TAKEN_BACK = ("WO", "WU")
"""Provider-level adjustments by which money that was paid is taken back (PLB03)."""
_MOST = 500
# The contract's own reduction explains nothing where nothing at all is paid.
_CONTRACT = ("CO", "45")
# Reasons that say no more than that the remark codes say it.
_SAID_BY_REMARKS = frozenset({"16", "96", "125", "129", "226", "227", "252", "A1"})

CLAIM_COLUMNS: tuple[Any, ...] = (
    Claim.payment_id,
    Claim.claim,
    Claim.person_sealed,
    Claim.payee_id,
    Claim.payer_control_number,
    Claim.patient_control_number,
    Claim.payer_control_key,
    Claim.patient_control_key,
    Claim.service_from,
    Claim.service_to,
    Claim.charged,
    Claim.paid,
    Claim.status,
    Claim.remarks,
)
"""What every list of claims reads of one: what it is called, whose it is (`shower` opens that), and what its news are made of."""

Key = tuple[int, int]


@dataclass(frozen=True)
class Why:
    """Why a claim pays nothing: the group and reason that take off the most, and the remark that says more (or "")."""

    group: str
    reason: str
    remark: str = ""


@dataclass(frozen=True)
class TakenBack:
    """Money that a payment takes back for a claim. `amount` is cents of that payment's `currency`; `here`: it is the payment that
    is being looked at."""

    payment_id: int
    number: str
    method: str | None
    issued_on: dt.date | None
    amount: int
    currency: str
    here: bool


@dataclass(frozen=True)
class ClaimNews:
    """What is worth knowing of a claim. `reversed_by` and `corrected_by` are later than it, the others earlier."""

    why: Why | None = None
    reverses: Appearance | None = None
    corrects: Appearance | None = None
    reversed_by: Appearance | None = None
    corrected_by: Appearance | None = None
    taken_back: tuple[TakenBack, ...] = ()

    @property
    def others(self) -> list[Appearance]:
        """The claims of other payments that it leads to."""
        return [one for one in (self.reverses, self.corrects, self.reversed_by, self.corrected_by) if one is not None]


NOTHING = ClaimNews()


@dataclass(frozen=True)
class News:
    """The news of some claims, and their histories, both by payment and claim."""

    of_claims: Mapping[Key, ClaimNews]
    histories: Mapping[Key, History]

    def __call__(self, claim: Any) -> ClaimNews:
        return self.of_claims.get((claim.payment_id, claim.claim), NOTHING)

    def shown(self, claims: Iterable[Any]) -> list[Key]:
        """The claims that the news of these lead to."""
        return [(one.payment_id, one.claim) for claim in claims for one in self(claim).others]

    def codes(self) -> dict[str, set[str | None]]:
        """The codes it uses, by list, as `glossary.look_up` takes them."""
        whys = [one.why for one in self.of_claims.values() if one.why]
        return {"CARC": {one.reason for one in whys}, "RARC": {one.remark for one in whys if one.remark}}


def news_of(session: PortalSession, claims: Sequence[Any]) -> News:
    """The news of claims, or of rows with a claim's columns and whose claim it is (`ShownClaim`)."""
    past = histories(session, claims)
    taken = _taken_back(session, claims)
    whys = _whys(session, [claim for claim in claims if _pays_nothing(claim)])
    found = {}
    for claim in claims:
        key = (claim.payment_id, claim.claim)
        news = ClaimNews(whys.get(key), **_past(past.get(key)), taken_back=tuple(taken.get(key, ())))
        if news != NOTHING:
            found[key] = news
    return News(found, past)


def _pays_nothing(claim: Any) -> bool:
    return claim.status == DENIED or (claim.status != REVERSAL and claim.paid == 0 and bool(claim.charged))


def _past(history: History | None) -> dict[str, Appearance | None]:
    """What a claim's history says of this one of its appearances."""
    if history is None:
        return {}
    appearances = [one for one in history.appearances if one.here or not one.not_counted]
    here = next((place for place, one in enumerate(appearances) if one.here), None)
    if here is None or appearances[here].not_counted:
        return {}
    earlier, later = appearances[:here], appearances[here + 1 :]
    first_reversal = next((one for one in later if one.status == REVERSAL), None)
    corrected = next((one for one in later if one.role == "Correction"), None)
    if appearances[here].status == REVERSAL:
        paid = next((one for one in reversed(earlier) if one.status != REVERSAL), None)
        return {"reverses": paid, "corrected_by": corrected}
    is_correction = appearances[here].role == "Correction"
    original = next((one for one in reversed(earlier) if one.status != REVERSAL), None) if is_correction else None
    return {"corrects": original, "reversed_by": first_reversal, "corrected_by": corrected if first_reversal else None}


def _taken_back(session: PortalSession, claims: Sequence[Any]) -> dict[Key, list[TakenBack]]:
    """What payments take back for each claim, by a reference to its number: those that are not older than the claim's own."""
    keys = {key for claim in claims for key in (claim.payer_control_key, claim.patient_control_key) if key}
    if not keys:
        return {}
    rows = session.execute(
        sa.select(
            Payment.id,
            Payment.trace_number,
            Payment.method,
            Payment.effective_on,
            Payment.payee_id,
            sa.func.coalesce(Payment.currency, DOLLARS).label("currency"),
            ProviderAdjustment.amount,
            ProviderAdjustment.reference_key,
        )
        .join(Payment, Payment.id == ProviderAdjustment.payment_id)
        .where(
            ProviderAdjustment.reference_key.in_(keys),
            ProviderAdjustment.reason.in_(TAKEN_BACK),
            ProviderAdjustment.amount > 0,
            Payment.counts(),
        )
        .order_by(Payment.effective_on.asc().nulls_first(), Payment.id, ProviderAdjustment.position)
        .limit(_MOST)
    ).all()
    if not rows:
        return {}
    by_reference: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_reference[row.reference_key].append(row)
    of_claims = Payment.id.in_({claim.payment_id for claim in claims})
    issued = {
        row.id: row.effective_on
        for row in session.execute(sa.select(Payment.id, Payment.effective_on).where(of_claims))
    }
    found = {}
    for claim in claims:
        key, since = (claim.payment_id, claim.claim), issued.get(claim.payment_id) or dt.date.min
        # The provider's own numbers are only known to be its own.
        named = {id(row): row for row in by_reference[claim.payer_control_key or ""]}
        named |= {
            id(row): row for row in by_reference[claim.patient_control_key or ""] if row.payee_id == claim.payee_id
        }
        found[key] = [
            TakenBack(
                row.id,
                row.trace_number,
                row.method,
                row.effective_on,
                row.amount,
                row.currency,
                here=row.id == claim.payment_id,
            )
            for row in named.values()
            if (row.effective_on or dt.date.max) >= since
        ]
    return found


def _whys(session: PortalSession, claims: Sequence[Any]) -> dict[Key, Why]:
    """Why claims pay nothing, by payment and claim."""
    if not claims:
        return {}
    wanted = {(claim.payment_id, claim.claim) for claim in claims}
    payments, numbers = {payment for payment, _ in wanted}, {number for _, number in wanted}
    rows = session.execute(
        sa.select(
            Adjustment.payment_id,
            Adjustment.claim,
            Adjustment.group,
            Adjustment.reason,
            sa.func.sum(Adjustment.amount).label("taken"),
        )
        .where(Adjustment.payment_id.in_(payments), Adjustment.claim.in_(numbers), Adjustment.reason.is_not(None))
        .group_by(Adjustment.payment_id, Adjustment.claim, Adjustment.group, Adjustment.reason)
        .order_by(Adjustment.payment_id, Adjustment.claim, sa.func.min(Adjustment.position))
    ).all()
    of_claim: dict[Key, list[Any]] = defaultdict(list)
    for row in rows:
        of_claim[row.payment_id, row.claim].append(row)
    remarks = _remarks(session, claims)
    found = {}
    for key in wanted & of_claim.keys():
        most = max(of_claim[key], key=lambda row: ((row.group, row.reason) != _CONTRACT, row.taken or 0))
        remark = remarks.get(key, "") if most.reason in _SAID_BY_REMARKS else ""
        found[key] = Why(most.group or "", most.reason, remark)
    return found


def _remarks(session: PortalSession, claims: Sequence[Any]) -> dict[Key, str]:
    """The first remark of each claim that has one."""
    found = {(one.payment_id, one.claim): one.remarks.split()[0] for one in claims if (one.remarks or "").split()}
    rows = session.execute(
        sa.select(Line.payment_id, Line.claim, Line.remarks)
        .where(
            Line.payment_id.in_({one.payment_id for one in claims}),
            Line.claim.in_({one.claim for one in claims}),
            Line.remarks.is_not(None),
        )
        .order_by(Line.payment_id, Line.claim, Line.line)
    )
    for payment, claim, remarks in rows:
        if codes := (remarks or "").split():
            found.setdefault((payment, claim), codes[0])
    return found
