"""Which payments and claims an office has posted: marked and taken back, for the whole office, with who and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Person, PortalSession, lock, now, read_spans, record, spans

from ..models import Claim, Payment, of_same_number
from .models import Posting
from .people import Colleague

Key = tuple[int, int]


@dataclass(frozen=True)
class Mark:
    """Who marked something as posted, and when."""

    at: dt.datetime
    by: str


@dataclass(frozen=True)
class Posted:
    """How far a payment is posted: `count` of its claims. `first` and `last` are when something of it was marked; None: never.

    `set_aside` says that it was replaced or voided after it was posted, `questioned` that another payment with its number came
    after that and nobody has decided yet which counts.
    """

    count: int = 0
    of: int = 0
    first: dt.datetime | None = None
    last: dt.datetime | None = None
    set_aside: str = ""
    questioned: bool = False

    @property
    def any(self) -> bool:
        return self.first is not None

    @property
    def whole(self) -> bool:
        """Every claim is posted; of a payment without claims, the payment itself."""
        return self.any and self.count >= self.of

    @property
    def word(self) -> str:
        if not self.any:
            return "Not posted"
        return "Posted" if self.whole else f"Partly posted ({self.count:,} of {self.of:,} {_claims(self.of)})"

    @property
    def since(self) -> str:
        """What happened after it was posted, to go on with after *Posted*; empty: nothing."""
        if self.set_aside:
            return f"before it was {self.set_aside}"
        return "before another payment with its number came" if self.questioned else ""


NOT_POSTED = Posted()


def _claims(count: int) -> str:
    return "claim" if count == 1 else "claims"


def post(session: PortalSession, person: Colleague, payment: Payment, claims: Collection[int] | None = None) -> int:
    """Mark claims of a payment as posted, or all (None); how many were not before. One without claims counts as one.

    What is no claim of the payment is left out. Those that are marked keep who marked them, and when.
    """
    rows = _locked(session, person, payment.id)
    done = {number for row in rows for number in read_spans(row.claims)}
    new = _of_payment(session, payment.id, claims) - done
    if not new and (rows or payment.claim_count):
        return 0
    session.add(
        Posting(
            organization_id=person.organization_id,
            payment_id=payment.id,
            claims=spans(new),
            claim_count=len(new),
            of_claims=payment.claim_count,
            person_id=person.person_id,
            at=now(),
        )
    )
    record(session, "remittance.payment.posted", payment=payment.id, claims=spans(new), all=claims is None)
    return len(new) or 1


def take_back(
    session: PortalSession, person: Colleague, payment: Payment, claims: Collection[int] | None = None
) -> int:
    """Take the mark back from claims of a payment, or from all (None); how many had it. One without claims counts as one."""
    rows = _locked(session, person, payment.id)
    taken: set[int] = set()
    for row in rows:
        marked = set(read_spans(row.claims))
        gone = marked if claims is None else marked & set(claims)
        taken |= gone
        if marked - gone:
            row.claims, row.claim_count = spans(marked - gone), len(marked - gone)
        elif gone or claims is None:
            session.delete(row)
    if not taken and not (rows and claims is None):
        return 0
    record(session, "remittance.payment.unposted", payment=payment.id, claims=spans(taken), all=claims is None)
    return len(taken) or 1


def _locked(session: PortalSession, person: Colleague, payment_id: int) -> list[Posting]:
    """The office's marks of a payment, for nobody else to change until the transaction ends."""
    lock(session, f"remittance posting {person.organization_id} {payment_id}")
    return list(session.scalars(sa.select(Posting).where(Posting.payment_id == payment_id).order_by(Posting.id)))


def _of_payment(session: PortalSession, payment_id: int, claims: Collection[int] | None) -> set[int]:
    wanted = sa.select(Claim.claim).where(Claim.payment_id == payment_id)
    if claims is not None:
        wanted = wanted.where(Claim.claim.in_(claims))
    return set(session.scalars(wanted))


_sums = (
    sa.select(
        Posting.payment_id,
        sa.func.sum(Posting.claim_count).label("marked"),
        sa.func.max(Posting.of_claims).label("of"),
        sa.func.min(Posting.at).label("first"),
        sa.func.max(Posting.at).label("last"),
    )
    .where(Posting.payment_id.in_(sa.bindparam("payments", expanding=True)))
    .group_by(Posting.payment_id)
)


def posted_of(session: PortalSession, payments: Iterable[int]) -> Mapping[int, Posted]:
    """How far payments are posted, by id; those of which nothing is are left out."""
    marked = {row.payment_id: row for row in session.execute(_sums, {"payments": list(payments)})}
    if not marked:
        return {}
    found = {}
    for payment in session.execute(
        sa.select(
            Payment.id,
            Payment.set_aside,
            Payment.set_aside_at,
            Payment.in_question,
            Payment.number_key,
            Payment.trace_number,
            Payment.originator_id,
        ).where(Payment.id.in_(list(marked)))
    ):
        row = marked[payment.id]
        later = payment.set_aside is not None and payment.set_aside_at > row.first
        questioned = payment.in_question and payment.set_aside is None and _another_came(session, payment, row.first)
        found[payment.id] = Posted(
            int(row.marked), row.of, row.first, row.last, payment.set_aside if later else "", questioned
        )
    return found


def _another_came(session: PortalSession, payment: Any, since: dt.datetime) -> bool:
    """Was another payment with this one's number imported since then, as far as one may see?"""
    other = sa.select(Payment.id).where(of_same_number(payment), Payment.imported_at > since, Payment.counts())
    return session.scalar(other.limit(1)) is not None


def has_marks() -> sa.ColumnElement[bool]:
    """A column of a select of payments: whether the office has marked anything of the payment."""
    return sa.exists(sa.select(Posting.id).where(Posting.payment_id == Payment.id))


def unposted() -> sa.ColumnElement[bool]:
    """A condition: payments that count and that the office has not posted, or only in part."""
    done = (
        sa.select(Posting.payment_id)
        .group_by(Posting.payment_id)
        .having(sa.func.sum(Posting.claim_count) >= sa.func.max(Posting.of_claims))
    )
    return sa.and_(Payment.counts(), Payment.id.not_in(done))


@dataclass(frozen=True)
class Marks:
    """The marks of some payments' claims, by payment and claim, and the newest mark of each payment."""

    of_claims: Mapping[Key, Mark] = field(default_factory=dict)
    newest: Mapping[int, Mark] = field(default_factory=dict)


def marks_of(session: PortalSession, payments: Iterable[int]) -> Marks:
    """Who marked what of payments, and when."""
    of_claims: dict[Key, Mark] = {}
    newest: dict[int, Mark] = {}
    for row in session.execute(
        sa.select(Posting.payment_id, Posting.claims, Posting.at, Person.name)
        .join(Person, Person.id == Posting.person_id)
        .where(Posting.payment_id.in_(set(payments)))
        .order_by(Posting.at, Posting.id)
    ):
        mark = newest[row.payment_id] = Mark(row.at, row.name)
        of_claims.update(dict.fromkeys(((row.payment_id, number) for number in read_spans(row.claims)), mark))
    return Marks(of_claims, newest)
