"""Denials as they are looked at, recorded. No verb here commits."""

from __future__ import annotations

from dataclasses import dataclass

from hp_portal.api import Order, PortalSession, record, what_was_shown

from ..inquiry.history import other_claims
from .counting import Denials, Reason, check_size, count_denials, count_reason, repeated, undated
from .criteria import Code, DenialCriteria
from .lines import LinesPage, list_lines


@dataclass(frozen=True)
class DenialsView:
    """Denials by reason. `undated`: how many payments have no date and are left out for it; `repeated`: how many a
    later payment of their number repeats."""

    denials: Denials
    undated: int
    repeated: int


@dataclass(frozen=True)
class ReasonView:
    """One reason with a page of its lines."""

    reason: Reason
    lines: LinesPage


def view_denials(session: PortalSession, criteria: DenialCriteria) -> DenialsView:
    """Denials by reason: nothing of a patient is in them. Raises TooMuch."""
    found = find_denials(session, criteria)
    record(session, "remittance.denial.counted", filter=dict(criteria.url_values))
    return DenialsView(found, undated(session, criteria), repeated(session, criteria))


def find_denials(session: PortalSession, criteria: DenialCriteria) -> Denials:
    """Denials by reason, for a file that is recorded when it leaves. Raises TooMuch."""
    check_size(session, criteria)
    return count_denials(session, criteria)


def view_reason(session: PortalSession, criteria: DenialCriteria, code: Code) -> Reason:
    """One reason without its lines. Raises TooMuch."""
    check_size(session, criteria)
    record(session, "remittance.denial.counted", filter={**criteria.url_values, **code.url_values})
    return count_reason(session, criteria, code)


def view_lines(session: PortalSession, criteria: DenialCriteria, code: Code, order: Order) -> ReasonView:
    """One reason with a page of its lines, recorded with the claims that it shows. Raises TooMuch, PastTheEnd."""
    check_size(session, criteria)
    reason = count_reason(session, criteria, code)
    lines = list_lines(session, criteria, code, order, reason.count.lines)
    shown = {*lines.claims, *lines.news.shown(lines.claims.values())}
    record(
        session,
        "remittance.denial.listed",
        filter=dict(criteria.url_values),
        code=code.shown,
        claims=other_claims(shown),
        **what_was_shown(lines.listing, lambda row: row.payment_id),
    )
    return ReasonView(reason, lines)
