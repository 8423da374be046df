"""The claims of a payment: a page of them, and one opened to its lines and adjustments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Column, Listing, Order, PortalSession, Sorting, page_of, record

from ..keys import name_key, number_key
from ..models import Adjustment, Claim, Line
from ..persons import ShownClaim, shower
from .history import History, history, other_claims
from .selections import AnySelect

PAGE = 50

_rows: AnySelect = sa.select(
    Claim.payment_id,
    Claim.claim,
    Claim.person_sealed,
    Claim.payer_control_number,
    Claim.patient_control_number,
    Claim.service_from,
    Claim.service_to,
    Claim.charged,
    Claim.adjusted,
    Claim.patient_responsibility,
    Claim.paid,
    Claim.status,
    Claim.balanced,
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
        Column("status", "Status"),
    ),
    default="",
    tie=Claim.claim.asc(),
)
"""A payment's claims start in the order of the remittance."""


@dataclass(frozen=True)
class Wanted:
    """Which of a payment's claims, and in what order. `text` is part of a patient's name or of a claim number."""

    order: Order
    text: str = ""
    status: str = ""


@dataclass(frozen=True)
class OpenLine:
    """A service line and why it is not paid as charged."""

    line: Line
    adjustments: list[Adjustment]


@dataclass(frozen=True)
class OpenClaim:
    """A claim with its lines, and the adjustments of the claim itself."""

    claim: Claim
    lines: list[OpenLine]
    adjustments: list[Adjustment] = field(default_factory=list)


def read_status(arguments: Mapping[str, Any]) -> str:
    """A claim status (CLP02: one or two characters) to filter by; empty for anything that can be none."""
    wanted = str(arguments.get("status", ""))
    return wanted if wanted.isalnum() and len(wanted) <= 2 else ""


def list_claims(session: PortalSession, payment_id: int, wanted: Wanted) -> Listing[ShownClaim]:
    """One page of a payment's claims. Raises PastTheEnd."""
    rows = _rows.where(Claim.payment_id == payment_id, *([Claim.status == wanted.status] if wanted.status else ()))
    if not wanted.text.strip() and wanted.order.sort not in BY_NAME:
        return page_of(session, rows, wanted.order, size=PAGE, make=shower(session))
    numbers = _by_name(session, payment_id, wanted)
    first = (wanted.order.number - 1) * PAGE
    listing = Listing(numbers[first : first + PAGE], wanted.order.number, PAGE, len(numbers), wanted.order)
    shown = shower(session)
    found = {row.claim: shown(row) for row in session.execute(rows.where(Claim.claim.in_(listing.rows)))}
    return listing.with_rows([found[number] for number in listing.rows])


def _by_name(session: PortalSession, payment_id: int, wanted: Wanted) -> list[int]:
    """The numbers of the claims that are wanted, in order. Names are sealed: all those of the payment are opened for it."""
    rows = sa.select(
        Claim.payment_id, Claim.claim, Claim.person_sealed, Claim.payer_control_key, Claim.patient_control_key
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
    return [row.claim for row in found]


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
    claim = session.scalar(sa.select(Claim).where(Claim.payment_id == payment_id, Claim.claim == number))
    if claim is None:
        return None
    lines = session.scalars(
        sa.select(Line).where(Line.payment_id == payment_id, Line.claim == number).order_by(Line.line)
    ).all()
    below: dict[int | None, list[Adjustment]] = defaultdict(list)
    for adjustment in session.scalars(
        sa.select(Adjustment)
        .where(Adjustment.payment_id == payment_id, Adjustment.claim == number)
        .order_by(Adjustment.position)
    ):
        below[adjustment.line if adjustment.level == "L" else None].append(adjustment)
    return OpenClaim(claim, [OpenLine(line, below[line.line]) for line in lines], below[None])


def view_claim(session: PortalSession, payment_id: int, number: int) -> tuple[OpenClaim, History | None] | None:
    """A claim with everything below it and its history, recorded as viewed; None when there is none that one may see."""
    opened = open_claim(session, payment_id, number)
    if opened is None:
        return None
    past = history(session, opened.claim)
    also = other_claims((one.payment_id, one.claim) for one in past.appearances if not one.here) if past else {}
    record(session, "remittance.claim.viewed", payment=payment_id, claim=number, also=also)
    return opened, past


def view_row(session: PortalSession, payment_id: int, number: int) -> ShownClaim | None:
    """A claim as the list shows it, recorded as viewed; None when there is none that one may see."""
    row = session.execute(_rows.where(Claim.payment_id == payment_id, Claim.claim == number)).one_or_none()
    if row is not None:
        record(session, "remittance.claim.viewed", payment=payment_id, claim=number, also={})
    return shower(session)(row) if row is not None else None
