"""The claims of a payment: a page of them, and one opened to its lines and adjustments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Column, Listing, Order, PortalSession, Sorting, page_of, record

from ..keys import name_key, number_key
from ..models import Adjustment, Claim, Line
from .history import History, history, other_claims
from .selections import AnyRow, AnySelect

PAGE = 50

_rows: AnySelect = sa.select(
    Claim.payment_id,
    Claim.claim,
    Claim.patient_last_name,
    Claim.patient_first_name,
    Claim.patient_middle_name,
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
        Column("patient", "Patient", Claim.patient_key),
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


def list_claims(session: PortalSession, payment_id: int, wanted: Wanted) -> Listing[AnyRow]:
    """One page of a payment's claims."""
    return page_of(session, _rows.where(Claim.payment_id == payment_id, *_filter(wanted)), wanted.order, size=PAGE)


def _filter(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if wanted.status:
        where.append(Claim.status == wanted.status)
    if wanted.text.strip():
        where.append(_holds(wanted.text))
    return where


def _holds(text: str) -> sa.ColumnElement[bool]:
    """Name or number holds what was typed: `Sample, Pat`, `Pat Sample`, `sam`, a piece of a number."""
    last, comma, first = text.partition(",")
    words = text.split()
    names = [name_key(last, first)] if comma else [name_key(text, None).removesuffix(",")]
    if not comma and len(words) > 1:
        names.append(name_key(words[-1], "".join(words[:-1])))
    conditions = [Claim.patient_key.contains(name, autoescape=True) for name in names if name.strip(",")]
    if number := number_key(text):
        conditions += [
            column.contains(number, autoescape=True) for column in (Claim.payer_control_key, Claim.patient_control_key)
        ]
    return sa.or_(*conditions) if conditions else sa.false()


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


def view_row(session: PortalSession, payment_id: int, number: int) -> AnyRow | None:
    """A claim as the list shows it, recorded as viewed; None when there is none that one may see."""
    row = session.execute(_rows.where(Claim.payment_id == payment_id, Claim.claim == number)).one_or_none()
    if row is not None:
        record(session, "remittance.claim.viewed", payment=payment_id, claim=number, also={})
    return row
