"""What pages say of posting: how far payments are posted, and of each claim who posted it, when, and what happened since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..models import Payment
from ..office.notes import Notes
from ..office.posting import NOT_POSTED, Mark, Marks, Posted, marks_of, posted_of
from .claim_news import ClaimNews, News

Key = tuple[int, int]


@dataclass(frozen=True)
class ClaimPosted:
    """The mark of a claim. `since`: what happened to it afterwards, to go on with; empty: nothing."""

    mark: Mark
    since: str


@dataclass(frozen=True)
class ClaimsPosted:
    """The marks of claims; asked with a row, None for one that is not marked. `of_payments`: all marks of their payments."""

    of_claims: Mapping[Key, ClaimPosted]
    of_payments: Marks

    def __call__(self, claim: Any) -> ClaimPosted | None:
        return self.of_claims.get((claim.payment_id, claim.claim))


@dataclass(frozen=True)
class Kept:
    """What the office keeps of the claims of one payment: their marks, and the payment's notes with those of its claims.

    `choose`: rows have a box to choose their claims by.
    """

    posted: ClaimsPosted
    notes: Notes
    choose: bool


@dataclass(frozen=True)
class PaymentPosted:
    """How far one payment is posted, and the newest of its marks."""

    posted: Posted
    newest: Mark | None


def payments_posted(session: PortalSession, rows: Sequence[Any]) -> Mapping[int, Posted]:
    """How far the payments of a list are posted, all of them, by id. Asks only for those that have marks (`has_marks`)."""
    marked = [row.id for row in rows if row.has_marks]
    found = posted_of(session, marked) if marked else {}
    return {row.id: found.get(row.id, NOT_POSTED) for row in rows}


def payment_posted(session: PortalSession, payment: Payment, marks: Marks) -> PaymentPosted:
    """How far a payment is posted, with its marks (see `claims_posted`)."""
    newest = marks.newest.get(payment.id)
    if newest is None:
        return PaymentPosted(NOT_POSTED, None)
    return PaymentPosted(posted_of(session, [payment.id])[payment.id], newest)


def claims_posted(session: PortalSession, claims: Sequence[Any], news: News) -> ClaimsPosted:
    """The marks of claims, whose news are these."""
    marks = marks_of(session, {claim.payment_id for claim in claims})
    marked = {key: mark for claim in claims if (mark := marks.of_claims.get(key := (claim.payment_id, claim.claim)))}
    later = {(claim.payment_id, claim.claim): _later(news(claim), claim.payment_id) for claim in claims}
    came = _imported(session, {payment for key in marked for payment, _ in later[key]})
    found = {}
    for key, mark in marked.items():
        since = [deed for payment, deed in later[key] if (moment := came.get(payment)) and moment > mark.at]
        found[key] = ClaimPosted(mark, since[0] if since else "")
    return ClaimsPosted(found, marks)


def _later(news: ClaimNews, payment_id: int) -> list[tuple[int, str]]:
    """The other payments that undo what is posted for a claim, and what each does."""
    found = [(one.payment_id, "before it was reversed") for one in (news.reversed_by,) if one is not None]
    found += [(taken.payment_id, "before money was taken back") for taken in news.taken_back]
    return [(payment, deed) for payment, deed in found if payment != payment_id]


def _imported(session: PortalSession, payments: set[int]) -> dict[int, Any]:
    """When payments came here; those that came before that was noted came before any mark."""
    if not payments:
        return {}
    rows = session.execute(sa.select(Payment.id, Payment.imported_at).where(Payment.id.in_(payments)))
    return {row.id: row.imported_at for row in rows}
