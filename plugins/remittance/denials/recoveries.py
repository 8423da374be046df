"""Provider-level adjustments (PLB) across payments, in the chains in which they belong together.

A chain is what a payee's adjustments of one kind refer to by one reference (PLB03-2): what is announced in one payment and taken
in another. Balances carried forward (FB) run from payment to payment, and so are one chain of the payee. What has no
reference stands alone. Amounts are signed as the remittance says: a positive one lowers its payment. Nothing here knows more
than payments say: what was paid back by a check of the provider's own shows only where the plan reports it.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import DOLLARS, Listing, PortalSession, page_of, record, spans

from ..inquiry.claim_news import TAKEN_BACK
from ..inquiry.history import other_claims
from ..inquiry.selections import AnyRow, AnySelect
from ..models import Claim, Payment, ProviderAdjustment

PAGE = 25
FORWARD = "FB"
RETURNED = "72"
RECOVERY = (*TAKEN_BACK, RETURNED)
"""Reasons that belong to one recovery: taken back, and returned by the provider itself."""
OPEN, CLOSED, EVERYTHING = "", "settled", "all"
"""Which chains are wanted."""


@dataclass(frozen=True)
class RecoveryCriteria:
    """Which chains: those of one payee or of all, and OPEN, CLOSED or EVERYTHING."""

    payee: int | None = None
    show: str = OPEN

    @property
    def url_values(self) -> Mapping[str, str]:
        """The criteria as a query string has them."""
        values = {"payee": str(self.payee or ""), "show": self.show}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True)
class Step:
    """One adjustment of a chain and its payment. `balance` is what the chain comes to with it; None: an amount before could not
    be read."""

    payment_id: int
    number: str
    method: str | None
    issued_on: dt.date | None
    reason: str | None
    amount: int | None
    balance: int | None


@dataclass(frozen=True)
class NamedClaim:
    """The claim that a reference names, as the latest payment up to the chain's end has it."""

    payment_id: int
    claim: int
    payer_number: str | None
    patient_number: str | None
    trace_number: str


@dataclass(frozen=True)
class NamedPayment:
    """The payment whose number a reference is."""

    payment_id: int
    number: str
    method: str | None


@dataclass(frozen=True)
class Chain:
    """What belongs together, oldest first. `kind` is `FB`, `WO` (a recovery) or another reason, which has no balance."""

    kind: str
    reference: str | None
    payee_name: str | None
    currency: str
    steps: list[Step]
    balance: int | None
    claim: NamedClaim | None = None
    payment: NamedPayment | None = None

    @property
    def runs(self) -> bool:
        """Do its amounts settle each other? Those of interest, for example, do not."""
        return self.kind in (FORWARD, TAKEN_BACK[0])

    @property
    def is_open(self) -> bool:
        """As far as the payments show: more was put off than has been taken since."""
        return self.runs and self.balance is not None and self.balance < 0

    @property
    def state(self) -> str:
        """`open`, `settled`, `taken` (without having been announced in these payments), `unreadable`, or `alone`."""
        if not self.runs:
            return "alone"
        if self.balance is None:
            return "unreadable"
        return "open" if self.balance < 0 else "settled" if self.balance == 0 else "taken"


@dataclass(frozen=True)
class Recoveries:
    """A page of chains, and what all open ones come to: how many, and cents by currency."""

    listing: Listing[Chain]
    open_count: int
    open_amounts: Counter[str]


def _kind() -> sa.ColumnElement[str]:
    reason = ProviderAdjustment.reason
    return sa.case((reason.in_(RECOVERY), TAKEN_BACK[0]), else_=sa.func.coalesce(reason, ""))


def _key() -> list[sa.Label[Any]]:
    """What tells a chain: payee, currency, kind, reference, and for what stands alone its own place."""
    is_forward = ProviderAdjustment.reason.is_not_distinct_from(FORWARD)
    alone = sa.and_(ProviderAdjustment.reference_key.is_(None), sa.not_(is_forward))
    return [
        Payment.payee_id.label("payee_id"),
        sa.func.coalesce(Payment.currency, DOLLARS).label("currency"),
        _kind().label("kind"),
        sa.case((is_forward, ""), else_=sa.func.coalesce(ProviderAdjustment.reference_key, "")).label("reference"),
        sa.case((alone, ProviderAdjustment.payment_id), else_=0).label("alone_in"),
        sa.case((alone, ProviderAdjustment.position), else_=0).label("alone_at"),
    ]


def _joined(*columns: Any, payee: int | None) -> AnySelect:
    found = (
        sa.select(*columns)
        .select_from(Payment)
        .join(ProviderAdjustment, ProviderAdjustment.payment_id == Payment.id)
        .where(Payment.counts())
    )
    return found.where(Payment.payee_id == payee) if payee else found


def _chains(criteria: RecoveryCriteria) -> sa.Subquery:
    key = _key()
    return (
        _joined(
            *key,
            sa.func.sum(ProviderAdjustment.amount).label("balance"),
            (sa.func.count() - sa.func.count(ProviderAdjustment.amount)).label("unreadable"),
            sa.func.max(Payment.effective_on).label("last_on"),
            sa.func.max(Payment.id).label("last_in"),
            payee=criteria.payee,
        )
        .group_by(*(column.element for column in key))
        .subquery("chains")
    )


def view_recoveries(session: PortalSession, criteria: RecoveryCriteria, page: int) -> Recoveries:
    """A page of chains, the latest first, recorded with the payments and claims that it shows. Raises PastTheEnd."""
    chains = _chains(criteria)
    is_open = sa.and_(
        chains.c.kind.in_((FORWARD, TAKEN_BACK[0])), sa.or_(chains.c.balance < 0, chains.c.unreadable > 0)
    )
    wanted = sa.select(chains)
    if criteria.show != EVERYTHING:
        wanted = wanted.where(is_open if criteria.show == OPEN else sa.not_(is_open))
    ordered = wanted.order_by(chains.c.last_on.desc().nulls_last(), chains.c.last_in.desc(), *list(chains.c)[:6])
    listing: Listing[AnyRow] = page_of(session, ordered, page, size=PAGE)
    amounts: Counter[str] = Counter()
    count = 0
    owed = sa.select(chains.c.currency, sa.func.count(), sa.func.sum(chains.c.balance)).where(
        is_open, chains.c.unreadable == 0
    )
    for currency, of_currency, balance in session.execute(owed.group_by(chains.c.currency)):
        count += of_currency
        amounts[currency] = int(balance)
    found = _whole(session, listing.rows)
    record(
        session,
        "remittance.recovery.listed",
        filter=dict(criteria.url_values),
        page=listing.number,
        shown=len(found),
        payments=spans(
            number
            for chain in found
            for number in (
                *(step.payment_id for step in chain.steps),
                *([chain.payment.payment_id] if chain.payment else []),
            )
        ),
        claims=other_claims({(one.claim.payment_id, one.claim.claim) for one in found if one.claim}),
    )
    return Recoveries(listing.with_rows(found), count, amounts)


def _whole(session: PortalSession, rows: list[AnyRow]) -> list[Chain]:
    """The chains of a page with their steps, and what their references name."""
    if not rows:
        return []
    steps = _steps(session, rows)
    references = {row.reference for row in rows if row.reference}
    claims, payments = _claims_called(session, references), _payments_called(session, references)
    return [_chain(row, steps[_of(row)], claims, payments) for row in rows]


def _of(row: Any) -> tuple[Any, ...]:
    return tuple(row[:6])


def _steps(session: PortalSession, rows: list[AnyRow]) -> dict[tuple[Any, ...], list[AnyRow]]:
    key = _key()
    elements = [column.element for column in key]
    statement = _joined(
        *key,
        Payment.id,
        Payment.trace_number,
        Payment.method,
        Payment.effective_on,
        Payment.payee_name,
        ProviderAdjustment.reason.label("why"),
        ProviderAdjustment.reference.label("named"),
        ProviderAdjustment.amount,
        payee=None,
    ).where(
        Payment.payee_id.in_({row.payee_id for row in rows}),
        sa.or_(*(sa.and_(*(one == value for one, value in zip(elements, _of(row), strict=True))) for row in rows)),
    )
    found: dict[tuple[Any, ...], list[AnyRow]] = defaultdict(list)
    in_order = statement.order_by(Payment.effective_on.asc().nulls_first(), Payment.id, ProviderAdjustment.position)
    for row in session.execute(in_order):
        found[_of(row)].append(row)
    return found


def _chain(
    row: Any,
    rows: list[Any],
    claims: dict[tuple[str, int | None], list[Any]],
    payments: dict[tuple[str, int | None], Any],
) -> Chain:
    steps, balance = [], 0
    readable = True
    for one in rows:
        readable = readable and one.amount is not None
        balance += one.amount or 0
        steps.append(
            Step(
                one.id,
                one.trace_number,
                one.method,
                one.effective_on,
                one.why,
                one.amount,
                balance if readable else None,
            )
        )
    last = rows[-1].effective_on or dt.date.max
    of_claim = claims.get((row.reference, row.payee_id), [])
    before = [one for one in of_claim if (one.effective_on or dt.date.min) <= last] or of_claim
    claim, payment = before[-1] if before else None, payments.get((row.reference, row.payee_id))
    return Chain(
        row.kind,
        next((one.named for one in rows if one.named), None),
        rows[-1].payee_name,
        row.currency,
        steps,
        balance if readable else None,
        NamedClaim(
            claim.payment_id, claim.claim, claim.payer_control_number, claim.patient_control_number, claim.trace_number
        )
        if claim
        else None,
        NamedPayment(payment.id, payment.trace_number, payment.method) if payment and not claim else None,
    )


def _claims_called(session: PortalSession, keys: set[str]) -> dict[tuple[str, int | None], list[Any]]:
    """The claims of these numbers by number and payee, oldest first: a payer's number of a claim, else the provider's own."""
    if not keys:
        return {}
    rows = session.execute(
        sa.select(
            Claim.payment_id,
            Claim.claim,
            Claim.payee_id,
            Claim.payer_control_key,
            Claim.patient_control_key,
            Claim.payer_control_number,
            Claim.patient_control_number,
            Payment.trace_number,
            Payment.effective_on,
        )
        .join(Payment, Payment.id == Claim.payment_id)
        .where(Payment.counts(), sa.or_(Claim.payer_control_key.in_(keys), Claim.patient_control_key.in_(keys)))
        .order_by(Payment.effective_on.asc().nulls_first(), Claim.payment_id, Claim.claim)
    ).all()
    by_payer: dict[tuple[str, int | None], list[Any]] = defaultdict(list)
    by_account: dict[tuple[str, int | None], list[Any]] = defaultdict(list)
    for row in rows:
        if row.payer_control_key in keys:
            by_payer[row.payer_control_key, row.payee_id].append(row)
        if row.patient_control_key in keys:
            by_account[row.patient_control_key, row.payee_id].append(row)
    return {**by_account, **by_payer}


def _payments_called(session: PortalSession, keys: set[str]) -> dict[tuple[str, int | None], Any]:
    """The payments of these numbers by number and payee, the latest of each."""
    if not keys:
        return {}
    rows = session.execute(
        sa.select(Payment.id, Payment.number_key, Payment.payee_id, Payment.trace_number, Payment.method)
        .where(Payment.number_key.in_(keys), Payment.counts())
        .order_by(Payment.id)
    )
    return {(row.number_key, row.payee_id): row for row in rows}
