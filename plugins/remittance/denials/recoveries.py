"""Provider-level adjustments (PLB) across payments, in the chains in which they belong together.

A chain is what a payee's adjustments of one kind refer to by one reference (PLB03-2): what is announced in one payment and taken
in another. Balances carried forward (FB) run from payment to payment, and so are one chain of the payee. What has no
reference stands alone. Amounts are signed as the remittance says: a positive one lowers its payment. Nothing here knows more
than payments say: what was paid back by a check of the provider's own shows only where the plan reports it.
A chain is of a span of days when one of its payments is; its balance is of all of them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from hp_portal.api import DOLLARS, Listing, PortalSession, page_of, record, spans

from ..inquiry.claim_news import TAKEN_BACK
from ..inquiry.history import other_claims
from ..inquiry.selections import AnyRow, AnySelect
from ..models import Payment, ProviderAdjustment
from ..persons import ShownClaim, shower
from .counting import TooMuch, repeated, undated
from .references import Named, NamedClaim, NamedPayment, claims_called, named_claim, payments_called

PAGE = 25
MOST_ADJUSTMENTS = 25_000
"""Provider-level adjustments that a request looks at: less than a second of the processor."""
MOST_STEPS = 20
"""Adjustments of one chain that a page shows, the latest; a balance carried forward may have one in every payment of years."""
FORWARD = "FB"
RETURNED = "72"
RECOVERY = (*TAKEN_BACK, RETURNED)
"""Reasons that belong to one recovery: taken back, and returned by the provider itself."""
OPEN, CLOSED, EVERYTHING = "", "settled", "all"
"""Which chains are wanted."""
_PARTS = 6


@dataclass(frozen=True)
class RecoveryCriteria:
    """Which chains: those of one payee or of all, with a payment of a span of days, and OPEN, CLOSED or EVERYTHING.

    Both ends of the span belong to it; None: any. `newest`: no payment with a greater id, for what must stay as it was asked for;
    it stands in no address.
    """

    payee: int | None = None
    show: str = OPEN
    issued_from: dt.date | None = None
    issued_to: dt.date | None = None
    newest: int | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> RecoveryCriteria:
        """The criteria that `url_values` has written. Raises ValueError for anything else."""
        first, last = values.get("issued_from"), values.get("issued_to")
        return cls(
            int(values["payee"]) if "payee" in values else None,
            values.get("show", OPEN),
            dt.date.fromisoformat(first) if first else None,
            dt.date.fromisoformat(last) if last else None,
        )

    @property
    def url_values(self) -> Mapping[str, str]:
        """The criteria as a query string has them."""
        values = {
            "payee": str(self.payee or ""),
            "show": self.show,
            "issued_from": self.issued_from.isoformat() if self.issued_from else "",
            "issued_to": self.issued_to.isoformat() if self.issued_to else "",
        }
        return {name: value for name, value in values.items() if value}

    def but(self, **changes: Any) -> RecoveryCriteria:
        """The same with something else."""
        return replace(self, **changes)


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
class Chain:
    """What belongs together, oldest first. `kind` is `FB`, `WO` (a recovery) or another reason, which has no balance.

    `earlier`: how many older steps there are that a page does not show; balances are with them.
    """

    kind: str
    reference: str | None
    payee_name: str | None
    payee_npi: str | None
    currency: str
    steps: list[Step]
    balance: int | None
    claim: NamedClaim | None = None
    payment: NamedPayment | None = None
    earlier: int = 0

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
    """A page of chains, and what all come to. `undated`: how many payments have no date and are left out for it;
    `repeated`: how many a later payment of their number repeats."""

    listing: Listing[Chain]
    figures: Figures
    undated: int
    repeated: int


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


def _joined(*columns: Any, criteria: RecoveryCriteria) -> AnySelect:
    found = (
        sa.select(*columns)
        .select_from(Payment)
        .join(ProviderAdjustment, ProviderAdjustment.payment_id == Payment.id)
        .where(Payment.adds())
    )
    if criteria.payee:
        found = found.where(Payment.payee_id == criteria.payee)
    return found if criteria.newest is None else found.where(Payment.id <= criteria.newest)


def _chains(criteria: RecoveryCriteria) -> sa.Subquery:
    """Every chain that has a payment of the days, by what tells it: what it comes to, and how long it is."""
    key = _key()
    found = _joined(
        *key,
        sa.func.sum(ProviderAdjustment.amount).label("balance"),
        (sa.func.count() - sa.func.count(ProviderAdjustment.amount)).label("unreadable"),
        sa.func.count().label("steps"),
        sa.func.max(Payment.effective_on).label("last_on"),
        sa.func.max(Payment.id).label("last_in"),
        criteria=criteria,
    ).group_by(*(column.element for column in key))
    days = []
    if criteria.issued_from is not None:
        days.append(Payment.effective_on >= criteria.issued_from)
    if criteria.issued_to is not None:
        days.append(Payment.effective_on <= criteria.issued_to)
    if days:
        found = found.having(sa.func.max(sa.case((sa.and_(*days), 1), else_=0)) == 1)
    return found.subquery("chains")


def _is_open(chains: sa.Subquery) -> sa.ColumnElement[bool]:
    """More was put off than taken, or nobody can tell."""
    runs = chains.c.kind.in_((FORWARD, TAKEN_BACK[0]))
    return sa.and_(runs, sa.or_(chains.c.balance < 0, chains.c.unreadable > 0))


def _wanted(criteria: RecoveryCriteria, chains: sa.Subquery) -> list[sa.ColumnElement[bool]]:
    if criteria.show == EVERYTHING:
        return []
    return [_is_open(chains) if criteria.show == OPEN else sa.not_(_is_open(chains))]


def _in_order(criteria: RecoveryCriteria) -> AnySelect:
    """The chains that are wanted, the latest first."""
    chains = _chains(criteria)
    found: AnySelect = sa.select(chains).where(*_wanted(criteria, chains))
    return found.order_by(chains.c.last_on.desc().nulls_last(), chains.c.last_in.desc(), *list(chains.c)[:_PARTS])


def check_size(session: PortalSession, criteria: RecoveryCriteria) -> None:
    """Raises TooMuch. To be asked before anything is counted. Days make it no less: a balance is of all of them."""
    of_payee = [Payment.payee_id == criteria.payee] if criteria.payee else []
    every = sa.select(sa.func.sum(Payment.provider_adjustment_count)).where(Payment.counts(), *of_payee)
    adjustments = int(session.scalar(every) or 0)
    if adjustments > MOST_ADJUSTMENTS:
        raise TooMuch(adjustments, MOST_ADJUSTMENTS)


@dataclass(frozen=True)
class Figures:
    """How many chains are wanted and how many adjustments they have; and of the payee and the days, whichever are shown, how many
    are open and what is to be taken: negative cents by currency."""

    chains: int
    steps: int
    open_count: int
    open_amounts: Counter[str]


def figures(session: PortalSession, criteria: RecoveryCriteria) -> Figures:
    """What all chains come to that fit, in one statement. Raises TooMuch."""
    check_size(session, criteria)
    chains = _chains(criteria)
    wanted = sa.and_(sa.true(), *_wanted(criteria, chains))
    is_open = sa.and_(_is_open(chains), chains.c.unreadable == 0)
    rows = session.execute(
        sa.select(
            chains.c.currency,
            sa.func.count(sa.case((wanted, 1))).label("chains"),
            sa.func.sum(sa.case((wanted, chains.c.steps), else_=0)).label("steps"),
            sa.func.count(sa.case((is_open, 1))).label("open"),
            sa.func.sum(sa.case((is_open, chains.c.balance), else_=0)).label("owed"),
        ).group_by(chains.c.currency)
    ).all()
    amounts = Counter({row.currency: int(row.owed) for row in rows if row.open})
    return Figures(
        sum(row.chains for row in rows), int(sum(row.steps for row in rows)), sum(row.open for row in rows), amounts
    )


def view_recoveries(session: PortalSession, criteria: RecoveryCriteria, page: int) -> Recoveries:
    """A page of chains, the latest first, recorded with the payments and claims that it shows. Raises TooMuch, PastTheEnd."""
    known = figures(session, criteria)
    every = sa.select(sa.literal(known.chains))
    listing: Listing[AnyRow] = page_of(session, _in_order(criteria), page, count=every, size=PAGE)
    found = _whole(session, listing.rows, criteria, most_steps=MOST_STEPS)
    record(
        session,
        "remittance.recovery.listed",
        filter=dict(criteria.url_values),
        page=listing.number,
        shown=len(found),
        payments=spans(payments_in(found)),
        claims=other_claims(claims_in(found)),
    )
    return Recoveries(listing.with_rows(found), known, undated(session, criteria), repeated(session, criteria))


def every_chain(session: PortalSession, criteria: RecoveryCriteria) -> list[Chain]:
    """All chains that are wanted, in the order of the pages."""
    return _whole(session, list(session.execute(_in_order(criteria))), criteria)


def payments_in(chains: Iterable[Chain]) -> Iterator[int]:
    """The payments that chains name."""
    for chain in chains:
        yield from (step.payment_id for step in chain.steps)
        if chain.payment:
            yield chain.payment.payment_id


def claims_in(chains: Iterable[Chain]) -> set[tuple[int, int]]:
    """The claims that chains name, by payment and claim."""
    return {(chain.claim.payment_id, chain.claim.claim) for chain in chains if chain.claim}


def _whole(
    session: PortalSession, rows: list[AnyRow], criteria: RecoveryCriteria, most_steps: int | None = None
) -> list[Chain]:
    """The chains with their steps, `most_steps` of each at most, the latest; and what their references name."""
    if not rows:
        return []
    steps = _steps(session, rows, criteria, most_steps)
    references = sorted({row.reference for row in rows if row.reference})
    claims, payments = claims_called(session, references), payments_called(session, references)
    shown = shower(session)
    return [_chain(row, steps[_of(row)], claims, payments, shown) for row in rows]


def _of(row: Any) -> tuple[Any, ...]:
    return tuple(row[:_PARTS])


def _steps(
    session: PortalSession, rows: list[AnyRow], criteria: RecoveryCriteria, most: int | None
) -> dict[tuple[Any, ...], list[AnyRow]]:
    """The adjustments of chains, the `most` latest of each: those of a page by their keys, more of them with all the others of
    their payees."""
    key = _key()
    elements = [column.element for column in key]
    statement = _joined(
        *key,
        Payment.id,
        Payment.trace_number,
        Payment.method,
        Payment.effective_on,
        Payment.payee_name,
        Payment.payee_npi,
        ProviderAdjustment.reason.label("why"),
        ProviderAdjustment.reference.label("named"),
        ProviderAdjustment.amount,
        ProviderAdjustment.position,
        *([] if most is None else [_place(elements).label("place")]),
        criteria=criteria,
    ).where(Payment.payee_id.in_({row.payee_id for row in rows}))
    if len(rows) <= PAGE:
        one_of = (sa.and_(*(one == value for one, value in zip(elements, _of(row), strict=True))) for row in rows)
        statement = statement.where(sa.or_(*one_of))
    steps = statement.subquery("steps")
    in_order = sa.select(steps).order_by(steps.c.effective_on.asc().nulls_first(), steps.c.id, steps.c.position)
    found: dict[tuple[Any, ...], list[AnyRow]] = defaultdict(list)
    for row in session.execute(in_order if most is None else in_order.where(steps.c.place <= most)):
        found[_of(row)].append(row)
    return found


def _place(key: list[Any]) -> sa.ColumnElement[int]:
    """Which adjustment of its chain one is: 1 for the latest."""
    latest = (Payment.effective_on.desc().nulls_last(), Payment.id.desc(), ProviderAdjustment.position.desc())
    return sa.func.row_number().over(partition_by=key, order_by=latest)


def _chain(
    row: Any,
    rows: list[Any],
    claims: dict[Named, list[Any]],
    payments: dict[Named, Any],
    shown: Callable[[Any], ShownClaim],
) -> Chain:
    earlier = row.steps - len(rows)
    steps, balance = [], int(row.balance or 0) - sum(one.amount or 0 for one in rows)
    readable = row.unreadable == sum(one.amount is None for one in rows)
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
        rows[-1].payee_npi,
        row.currency,
        steps,
        balance if readable else None,
        named_claim(shown(claim)) if claim else None,
        NamedPayment(payment.id, payment.trace_number, payment.method) if payment and not claim else None,
        earlier,
    )
