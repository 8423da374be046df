"""Denied and reduced lines counted by reason, and listed. What counts as one is said here, once.

A line here is a service line with one reason, or a claim as a whole where the remittance adjusts the claim. The same reason
twice on a line is one line, its amounts added.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal.api import DOLLARS, PortalSession, is_postgresql

from ..inquiry.claim_news import DENIED
from ..inquiry.selections import AnySelect
from ..models import Adjustment, Claim, Payment, same_claim
from ..unusual import REVERSES, is_reversal, is_unusual
from .criteria import CONTRACT, NOT_REVERSED, REVERSED_ONLY, SHARE, Code, DenialCriteria, OfDays

MOST_LINES = 150_000
"""The service lines of the payments that are looked at in a request: less than a second of the processor."""
MOST_LINES_WITH_USUAL = 40_000
"""The same where what the contract takes off or the patient owes counts, too: almost every line has such an adjustment."""

currency = sa.func.coalesce(Payment.currency, DOLLARS)


@dataclass(frozen=True)
class Count:
    """How many lines and claims, and what they come to: cents by currency. `unreadable` amounts are in no sum."""

    lines: int = 0
    claims: int = 0
    amounts: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0

    def __add__(self, other: Count) -> Count:
        amounts = Counter(self.amounts)
        amounts.update(other.amounts)
        return Count(self.lines + other.lines, self.claims + other.claims, amounts, self.unreadable + other.unreadable)


NOTHING = Count()


@dataclass(frozen=True)
class Reason:
    """What was denied for one group and reason. `count` is of those that are wanted; `reversed` those among all of the reason
    that a later payment reverses."""

    code: Code
    count: Count
    reversed: Count

    def share(self, whole: int) -> float | None:
        """Which part it has of so many cents, 0 to 1; None where it has none."""
        own = self.count.amounts[DOLLARS]
        return own / whole if own and whole >= own else None


@dataclass(frozen=True)
class Denials:
    """Denials by reason, the greatest amounts first. In `together` a line or claim with several reasons is counted once, and
    so in `reversed`; the amounts are sums of those of the reasons."""

    reasons: list[Reason]
    together: Count
    reversed: Count

    @property
    def dollars(self) -> int:
        """Cents of all reasons together, of which each has its share."""
        return self.together.amounts[DOLLARS]


class TooMuch(Exception):
    """The payments that are asked for have more rows than `most`, which a page looks at: service lines, or provider-level
    adjustments."""

    def __init__(self, rows: int, most: int) -> None:
        super().__init__(f"{rows} rows, not {most}")
        self.rows = rows
        self.most = most


def check_size(session: PortalSession, criteria: DenialCriteria) -> None:
    """Raises TooMuch. To be asked before anything is counted."""
    lines = session.scalar(sa.select(sa.func.sum(Payment.line_count)).where(*_payments(criteria))) or 0
    most = MOST_LINES_WITH_USUAL if criteria.with_patient or criteria.with_contract else MOST_LINES
    if lines > most:
        raise TooMuch(int(lines), most)


def undated(session: PortalSession, criteria: OfDays) -> int:
    """How many payments have no date, and so are in no span of days; 0 where no span is asked for."""
    if criteria.issued_from is None and criteria.issued_to is None:
        return 0
    of_payee = [Payment.payee_id == criteria.payee] if criteria.payee else []
    none = sa.select(sa.func.count(Payment.id)).where(Payment.effective_on.is_(None), Payment.adds(), *of_payee)
    return session.scalar(none) or 0


def repeated(session: PortalSession, criteria: OfDays) -> int:
    """How many payments of the payee and the days a later payment of their number repeats, and which are left out for it."""
    wanted = [Payment.counts(), Payment.repeated, *_issued(criteria, Payment)]
    if criteria.payee:
        wanted.append(Payment.payee_id == criteria.payee)
    return session.scalar(sa.select(sa.func.count(Payment.id)).where(*wanted)) or 0


def count_denials(session: PortalSession, criteria: DenialCriteria) -> Denials:
    """Denials by reason, and together: one statement that reads them once."""
    denials = _denials(session, criteria).cte("denials")
    sums = sa.union_all(_sums(denials, denials.c.group, denials.c.reason), _sums(denials))
    by_reason: dict[Code, dict[bool, Count]] = {}
    together = dict.fromkeys((False, True), NOTHING)
    for row in session.execute(sums):
        counts = together if row.together else by_reason.setdefault(Code(row.group, row.reason), {})
        counts[bool(row.reversed)] = counts.get(bool(row.reversed), NOTHING) + _count(row)
    reasons = [Reason(code, _wanted(criteria, counts), counts.get(True, NOTHING)) for code, counts in by_reason.items()]
    found = sorted((one for one in reasons if one.count.lines), key=_greatest)
    return Denials(found, _wanted(criteria, together), together[True])


def count_reason(session: PortalSession, criteria: DenialCriteria, code: Code) -> Reason:
    """What was denied for one reason."""
    counts = dict.fromkeys((False, True), NOTHING)
    for row in session.execute(_sums(_denials(session, criteria, code).subquery("denials"))):
        counts[bool(row.reversed)] += _count(row)
    return Reason(code, _wanted(criteria, counts), counts[True])


def _count(row: Any) -> Count:
    return Count(int(row.lines), int(row.claims), Counter({row.currency: int(row.amount or 0)}), int(row.unreadable))


def _wanted(criteria: DenialCriteria, counts: dict[bool, Count]) -> Count:
    stands, turned = counts.get(False, NOTHING), counts.get(True, NOTHING)
    if criteria.reversed == NOT_REVERSED:
        return stands
    return turned if criteria.reversed == REVERSED_ONLY else stands + turned


def _greatest(reason: Reason) -> tuple[int, int, str]:
    amounts = reason.count.amounts
    return (-amounts[DOLLARS], -max(amounts.values(), default=0), reason.code.shown)


def _sums(denials: sa.FromClause, *by: Any) -> AnySelect:
    """How many lines and claims and how much, by these columns, currency, and whether a later payment reverses the claim."""
    keys = [*by, denials.c.currency, denials.c.reversed]
    of_claims = (
        sa.select(
            *keys,
            sa.func.count(sa.distinct(sa.func.coalesce(denials.c.line, 0))).label("lines"),
            sa.func.sum(denials.c.amount).label("amount"),
            (sa.func.count() - sa.func.count(denials.c.amount)).label("unreadable"),
        )
        .group_by(*keys, denials.c.payment_id, denials.c.claim)
        .subquery()
    )
    shown = [of_claims.c[column.key] for column in keys]
    return sa.select(
        sa.literal(not by).label("together"),
        *([] if by else [sa.null().label("group"), sa.null().label("reason")]),
        *shown,
        sa.func.sum(of_claims.c.lines).label("lines"),
        sa.func.count().label("claims"),
        sa.func.sum(of_claims.c.amount).label("amount"),
        sa.func.sum(of_claims.c.unreadable).label("unreadable"),
    ).group_by(*shown)


def denied_lines(session: PortalSession, criteria: DenialCriteria, of: Code | None = None) -> sa.Subquery:
    """The denied lines: payment, claim, line (None: the claim as a whole), group, reason, amount, and whether reversed."""
    denials = _denials(session, criteria, of).subquery("denials")
    keys = [denials.c[name] for name in ("payment_id", "claim", "line", "group", "reason", "reversed")]
    wanted = sa.select(
        *keys,
        # PostgreSQL's sum of whole numbers is a decimal one.
        sa.cast(sa.func.sum(denials.c.amount), sa.BigInteger()).label("amount"),
        (sa.func.count() - sa.func.count(denials.c.amount)).label("unreadable"),
    )
    if criteria.reversed == NOT_REVERSED:
        wanted = wanted.where(sa.not_(denials.c.reversed))
    elif criteria.reversed == REVERSED_ONLY:
        wanted = wanted.where(denials.c.reversed)
    return wanted.group_by(*keys).subquery("denied")


def _denials(session: PortalSession, criteria: DenialCriteria, of: Code | None = None) -> AnySelect:
    """The adjustments that are denials, each with the currency of its payment and whether a later payment reverses its claim."""
    turned = reversed_claims(criteria)
    if by_hash := is_postgresql(session):
        # Behind row-level security PostgreSQL takes both for a handful of rows and would compare each with each: as a value, what
        # is reversed is looked up in a table of hashes. SQLite looks it up where it is joined.
        here = sa.tuple_(Adjustment.payment_id, Adjustment.claim)
        is_turned = here.in_(sa.select(turned.c.payment_id, turned.c.claim))
    else:
        is_turned = turned.c.claim.is_not(None)
    found = (
        sa.select(
            Adjustment.payment_id,
            Adjustment.claim,
            Adjustment.line,
            Adjustment.group,
            Adjustment.reason,
            Adjustment.amount,
            currency.label("currency"),
            is_turned.label("reversed"),
        )
        .select_from(Payment)
        .join(Adjustment, Adjustment.payment_id == Payment.id)
        .join(Claim, sa.and_(Claim.payment_id == Adjustment.payment_id, Claim.claim == Adjustment.claim))
        .where(*conditions(criteria, of))
    )
    if by_hash:
        return found
    same_claim = sa.and_(turned.c.payment_id == Adjustment.payment_id, turned.c.claim == Adjustment.claim)
    return found.outerjoin(turned, same_claim)


def _payments(criteria: DenialCriteria) -> list[sa.ColumnElement[bool]]:
    return [
        Payment.adds(),
        *_issued(criteria, Payment),
        *([Payment.payee_id == criteria.payee] if criteria.payee else []),
        *([Payment.id <= criteria.newest] if criteria.newest is not None else []),
    ]


def _issued(criteria: OfDays, payment: type[Payment]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if criteria.issued_from is not None:
        found.append(payment.effective_on >= criteria.issued_from)
    if criteria.issued_to is not None:
        found.append(payment.effective_on <= criteria.issued_to)
    return found


def conditions(criteria: DenialCriteria, of: Code | None = None) -> list[sa.ColumnElement[bool]]:
    """Of payments, claims and adjustments together: which are denials.

    An adjustment that takes something off, in a claim that is no reversal, of a payment that counts. What the contract takes off
    and what the patient owes counts only when it is asked for; in a claim that is denied as a whole, what the patient
    owes counts too, but for the usual shares of the cost.
    """
    found = _payments(criteria)
    found.append(sa.or_(Adjustment.amount > 0, Adjustment.amount.is_(None)))
    found.append(sa.or_(Claim.status != REVERSES, Claim.status.is_(None)))
    found += _usual(criteria)
    if criteria.status:
        found.append(Claim.status == criteria.status)
    if criteria.group:
        found.append(Adjustment.group == criteria.group)
    if criteria.reasons:
        found.append(sa.or_(*(_is(one.group or None, one.code, any_group=True) for one in criteria.reasons)))
    if of is not None:
        found.append(_is(of.group, of.reason))
    return found


def _is(group: str | None, reason: str | None, *, any_group: bool = False) -> sa.ColumnElement[bool]:
    of_reason = Adjustment.reason.is_(None) if reason is None else Adjustment.reason == reason
    if group is None and any_group:
        return of_reason
    return sa.and_(Adjustment.group.is_(None) if group is None else Adjustment.group == group, of_reason)


def _usual(criteria: DenialCriteria) -> list[sa.ColumnElement[bool]]:
    """Leaves out what is usual, as far as it is not asked for."""
    of_patient = Adjustment.group.is_not_distinct_from("PR")
    share = sa.and_(of_patient, Adjustment.reason.in_(SHARE))
    of_contract = sa.and_(Adjustment.group.is_not_distinct_from("CO"), Adjustment.reason.is_not_distinct_from(CONTRACT))
    found: list[sa.ColumnElement[bool]] = []
    if not criteria.with_patient and not criteria.with_contract:
        found.append(is_unusual())
    elif not criteria.with_contract:
        found.append(sa.not_(of_contract))
    if not criteria.with_patient:
        in_denied = Claim.status.is_not_distinct_from(DENIED)
        shares = [sa.not_(sa.func.coalesce(share, sa.false()))] if criteria.with_contract else []
        found += [sa.or_(sa.not_(of_patient), in_denied), *shares]
    return found


def reversed_claims(criteria: DenialCriteria) -> sa.Subquery:
    """The claims of the payments that are wanted which a later payment reverses: payment and claim.

    The same claim (`same_claim`) of the same payee, as in its history.
    """
    found = [_reversed(criteria, by_payer=True), _reversed(criteria, by_payer=False)]
    return sa.union(*found).subquery("turned")


def _reversed(criteria: DenialCriteria, *, by_payer: bool) -> AnySelect:
    claim, paid = aliased(Claim), aliased(Payment)
    reversal, later = aliased(Claim), aliased(Payment)
    called_by_payer, called_by_provider = same_claim(claim, reversal)
    same = called_by_payer if by_payer else called_by_provider
    same_day = later.effective_on.is_not_distinct_from(paid.effective_on)
    comes_later = sa.or_(
        later.effective_on > paid.effective_on,
        sa.and_(paid.effective_on.is_(None), later.effective_on.is_not(None)),
        sa.and_(same_day, later.id > paid.id),
        sa.and_(later.id == paid.id, reversal.claim > claim.claim),
    )
    return (
        sa.select(claim.payment_id, claim.claim)
        .select_from(reversal)
        .join(later, later.id == reversal.payment_id)
        .join(claim, sa.and_(claim.payee_id == reversal.payee_id, same))
        .join(paid, paid.id == claim.payment_id)
        .where(
            is_reversal(reversal),
            later.adds(),
            paid.adds(),
            *_issued(criteria, paid),
            sa.or_(claim.status != REVERSES, claim.status.is_(None)),
            comes_later,
        )
    )
