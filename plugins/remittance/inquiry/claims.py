"""The claims of a payment: a page of them, and one opened to its lines and adjustments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Column, Listing, Order, PortalSession, Sorting, page_of, record

from ..codes.labeled_segments import Further, of_claim, of_line
from ..keys import name_key, number_key
from ..models import Adjustment, Claim, Line
from ..persons import ShownClaim, shower
from ..verdict import charges_of_lines
from .claim_news import CLAIM_COLUMNS, News, news_of
from .history import History, other_claims
from .selections import AnySelect

PAGE = 50
MOST_LINES_OPEN = 400
"""Opening all claims of a page stops where they have more service lines than this."""

_rows: AnySelect = sa.select(
    *CLAIM_COLUMNS,
    Claim.adjusted,
    Claim.patient_responsibility,
    Claim.patient_adjusted,
    Claim.balanced,
    Claim.line_count,
)
CLAIMS = Sorting(
    (
        Column("patient", "Patient", Claim.patient_token),
        Column("claim", "Claim", Claim.payer_control_key, "code"),
        Column("service", "Service", Claim.service_from, "date"),
        Column("charged", "Charged", Claim.charged, "number"),
        Column("adjusted", "Adjustments", Claim.adjusted, "number"),
        Column("owed", "Patient owes", Claim.patient_responsibility, "number"),
        Column("paid", "Paid", Claim.paid, "number"),
        Column("status", "Status and news"),
    ),
    default="",
    tie=Claim.claim.asc(),
)
"""A payment's claims start in the order of the remittance."""


@dataclass(frozen=True)
class Wanted:
    """Which of a payment's claims, and in what order. `text` is part of a patient's name or of a claim number.

    `opened`: with their lines, as many of a page's claims as may be opened at once.
    """

    order: Order
    text: str = ""
    status: str = ""
    opened: bool = False


@dataclass(frozen=True)
class Totals:
    """What the claims that are wanted come to, those of the other pages, too. Cents; None where an amount could not be read."""

    charged: int | None = 0
    adjusted: int | None = 0
    owed: int | None = 0
    paid: int | None = 0


@dataclass(frozen=True)
class ClaimsPage:
    """A page of a payment's claims, what all those that are wanted come to, their news, and those that are opened."""

    listing: Listing[ShownClaim]
    totals: Totals
    news: News
    opened: Mapping[int, OpenClaim]


@dataclass(frozen=True)
class OpenLine:
    """A service line and why it is not paid as charged."""

    line: Line
    adjustments: list[Adjustment]

    @property
    def further(self) -> list[Further]:
        """What the remittance says of the line besides."""
        return of_line(self.line)


@dataclass(frozen=True)
class OpenClaim:
    """A claim with its lines, and the adjustments of the claim itself."""

    claim: Claim
    lines: list[OpenLine]
    adjustments: list[Adjustment] = field(default_factory=list)

    @property
    def charges(self) -> int | None:
        """What its lines charge, when that is not what the claim does."""
        return charges_of_lines(self.claim, [one.line for one in self.lines])

    @property
    def further(self) -> list[Further]:
        """What the remittance says of the claim besides."""
        return of_claim(self.claim)


def read_opened(arguments: Mapping[str, Any]) -> bool:
    """Are the claims of a page asked for with their lines?"""
    return arguments.get("open") == "all"


def read_status(arguments: Mapping[str, Any]) -> str:
    """A claim status (CLP02: one or two characters) to filter by; empty for anything that can be none."""
    wanted = str(arguments.get("status", ""))
    return wanted if wanted.isalnum() and len(wanted) <= 2 else ""


def list_claims(session: PortalSession, payment_id: int, wanted: Wanted) -> ClaimsPage:
    """One page of a payment's claims. Raises PastTheEnd."""
    of_payment = [Claim.payment_id == payment_id, *([Claim.status == wanted.status] if wanted.status else ())]
    rows = _rows.where(*of_payment)
    if not wanted.text.strip() and wanted.order.sort not in BY_NAME:
        listing = page_of(session, rows, wanted.order, size=PAGE, make=shower(session))
        totals = _sums(session, of_payment) if listing.pages > 1 else _sum(listing.rows)
    else:
        everything = _by_name(session, payment_id, wanted)
        totals = _sum(everything)
        first = (wanted.order.number - 1) * PAGE
        numbers = [row.claim for row in everything]
        part = Listing(numbers[first : first + PAGE], wanted.order.number, PAGE, len(numbers), wanted.order)
        shown = shower(session)
        found = {row.claim: shown(row) for row in session.execute(rows.where(Claim.claim.in_(part.rows)))}
        listing = part.with_rows([found[number] for number in part.rows])
    opened = open_claims(session, payment_id, _to_open(listing.rows)) if wanted.opened else {}
    return ClaimsPage(listing, totals, news_of(session, listing.rows), opened)


_AMOUNTS = (Claim.charged, Claim.adjusted, Claim.patient_responsibility, Claim.paid)


def _sums(session: PortalSession, conditions: list[sa.ColumnElement[bool]]) -> Totals:
    unreadable = [sa.func.count() - sa.func.count(amount) for amount in (Claim.charged, Claim.adjusted, Claim.paid)]
    sums = [sa.func.sum(amount) for amount in _AMOUNTS]
    row = session.execute(sa.select(*sums, *unreadable).where(*conditions)).one()
    charged, adjusted, owed, paid = (int(one or 0) for one in row[:4])
    return Totals(
        None if row[4] else charged,
        None if row[5] else adjusted,
        owed,
        None if row[6] else paid,
    )


def _sum(rows: Iterable[ShownClaim]) -> Totals:
    amounts = [[row.charged, row.adjusted, row.patient_responsibility or 0, row.paid] for row in rows]
    if not amounts:
        return Totals()
    return Totals(*(None if None in column else sum(column) for column in zip(*amounts, strict=True)))


def _to_open(rows: list[ShownClaim]) -> list[int]:
    """The claims from the top whose lines are few enough together; at least one."""
    lines = 0
    found: list[int] = []
    for row in rows:
        lines += max(1, row.line_count)
        if found and lines > MOST_LINES_OPEN:
            break
        found.append(row.claim)
    return found


def _by_name(session: PortalSession, payment_id: int, wanted: Wanted) -> list[ShownClaim]:
    """The claims that are wanted, in order, with their amounts. Names are sealed: all those of the payment are opened for it."""
    rows = sa.select(
        Claim.payment_id,
        Claim.claim,
        Claim.person_sealed,
        Claim.payer_control_key,
        Claim.patient_control_key,
        *_AMOUNTS,
    ).where(Claim.payment_id == payment_id)
    if wanted.status:
        rows = rows.where(Claim.status == wanted.status)
    named = wanted.order.sort in BY_NAME
    rows = rows.order_by(*(CLAIMS.order_by("") if named else wanted.order.order_by()))
    found = [shower(session)(row) for row in session.execute(rows)]
    if wanted.text.strip():
        holds = _holds(wanted.text)
        found = [row for row in found if holds(row)]
    if named:
        with_name = sorted(filter(_name, found), key=_name, reverse=wanted.order.sort.startswith("-"))
        found = [*with_name, *(row for row in found if not _name(row))]
    return found


BY_NAME = ("patient", "-patient")


def _name(row: ShownClaim) -> str:
    """The name as it is compared; empty when none was sent."""
    return name_key(row.patient_last_name, row.patient_first_name) if row.patient_last_name else ""


def _holds(text: str) -> Callable[[ShownClaim], bool]:
    """Name or number holds what was typed: `Sample, Pat`, `Pat Sample`, `sam`, a piece of a number."""
    last, comma, first = text.partition(",")
    words = text.split()
    names = [name_key(last, first)] if comma else [name_key(text, None).removesuffix(",")]
    if not comma and len(words) > 1:
        names.append(name_key(words[-1], "".join(words[:-1])))
    names = [name for name in names if name.strip(",")]
    number = number_key(text)

    def holds(row: ShownClaim) -> bool:
        own = _name(row)
        if any(name in own for name in names):
            return True
        keys = (row.payer_control_key, row.patient_control_key)
        return bool(number) and any(number in key for key in keys if key)

    return holds


def statuses(session: PortalSession, payment_id: int) -> list[tuple[str, int]]:
    """The statuses that a payment's claims have, and how many have each, the most frequent first."""
    counted = sa.func.count(Claim.claim)
    rows = session.execute(
        sa.select(Claim.status, counted)
        .where(Claim.payment_id == payment_id)
        .group_by(Claim.status)
        .order_by(counted.desc(), Claim.status)
    )
    return [(status, count) for status, count in rows if status is not None]


def open_claim(session: PortalSession, payment_id: int, number: int) -> OpenClaim | None:
    """A claim with everything below it, when it exists and one may see it."""
    return open_claims(session, payment_id, [number]).get(number)


def open_claims(session: PortalSession, payment_id: int, numbers: list[int]) -> dict[int, OpenClaim]:
    """Claims of a payment with everything below them, by number: those that exist and one may see."""
    claims = session.scalars(sa.select(Claim).where(Claim.payment_id == payment_id, Claim.claim.in_(numbers))).all()
    if not claims:
        return {}
    lines: dict[int, list[Line]] = defaultdict(list)
    for line in session.scalars(
        sa.select(Line).where(Line.payment_id == payment_id, Line.claim.in_(numbers)).order_by(Line.claim, Line.line)
    ):
        lines[line.claim].append(line)
    below: dict[tuple[int, int | None], list[Adjustment]] = defaultdict(list)
    for adjustment in session.scalars(
        sa.select(Adjustment)
        .where(Adjustment.payment_id == payment_id, Adjustment.claim.in_(numbers))
        .order_by(Adjustment.claim, Adjustment.position)
    ):
        below[adjustment.claim, adjustment.line if adjustment.level == "L" else None].append(adjustment)
    return {
        claim.claim: OpenClaim(
            claim,
            [OpenLine(line, below[claim.claim, line.line]) for line in lines[claim.claim]],
            below[claim.claim, None],
        )
        for claim in claims
    }


@dataclass(frozen=True)
class ClaimView:
    """A claim with everything below it, its history (None: it appears only here) and its news."""

    opened: OpenClaim
    history: History | None
    news: News


def view_claim(session: PortalSession, payment_id: int, number: int) -> ClaimView | None:
    """A claim with everything below it and its history, recorded as viewed; None when there is none that one may see."""
    opened = open_claim(session, payment_id, number)
    if opened is None:
        return None
    news = news_of(session, [opened.claim])
    past = news.histories.get((payment_id, number))
    also = other_claims((one.payment_id, one.claim) for one in past.appearances if not one.here) if past else {}
    record(session, "remittance.claim.viewed", payment=payment_id, claim=number, also=also)
    return ClaimView(opened, past, news)


def view_row(session: PortalSession, payment_id: int, number: int) -> tuple[ShownClaim, News] | None:
    """A claim as the list shows it, recorded as viewed; None when there is none that one may see."""
    found = session.execute(_rows.where(Claim.payment_id == payment_id, Claim.claim == number)).one_or_none()
    if found is None:
        return None
    row = shower(session)(found)
    news = news_of(session, [row])
    also = other_claims(news.shown([row]))
    record(session, "remittance.claim.viewed", payment=payment_id, claim=number, also=also)
    return row, news
