"""What staff see of attestations: who has attested, who is due, who is overdue and hidden."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from hp_portal.api import (
    Case,
    Column,
    Listing,
    Order,
    Organization,
    PortalSession,
    Sorting,
    now,
    page_of,
    settings,
    today,
)

from ..hiding import HiddenSpan
from .models import Attestation, AttestationDue

SOON = dt.timedelta(days=30)
Standing = Literal["attested", "due", "overdue", "hidden"]
WORDS: Mapping[str, str] = {
    "attested": "Attested",
    "due": "Due within 30 days",
    "overdue": "Overdue",
    "hidden": "Hidden",
}


@dataclass(frozen=True)
class Row:
    """An organization on the staff's page."""

    organization: str
    due_on: dt.date
    attested_at: dt.datetime | None
    left_out: int | None
    hidden_since: dt.date | None
    standing: str


_last = sa.select(Attestation.organization_id, sa.func.max(Attestation.id).label("last")).group_by(
    Attestation.organization_id
)


def _rows() -> Any:
    last = _last.subquery()
    return (
        sa.select(
            Organization.name, AttestationDue.due_on, Attestation.attested_at, Attestation.left_out, HiddenSpan.since
        )
        .join(AttestationDue, AttestationDue.organization_id == Organization.id)
        .outerjoin(last, last.c.organization_id == Organization.id)
        .outerjoin(Attestation, Attestation.id == last.c.last)
        .outerjoin(HiddenSpan, sa.and_(HiddenSpan.organization_id == Organization.id, HiddenSpan.until.is_(None)))
        .where(Organization.ended_at.is_(None))
    )


LIST = Sorting(
    (
        Column("due", "Due on", AttestationDue.due_on, "date"),
        Column("organization", "Organization", sa.func.lower(Organization.name)),
        Column("attested", "Attested last", Attestation.attested_at, "date"),
        Column("left-out", "Left out", Attestation.left_out, "number"),
        Column("standing", "State"),
    ),
    default="due",
    tie=AttestationDue.id,
)


def list_due(session: PortalSession, order: Order) -> Listing[Row]:
    """One page of organizations, the one that is due first at the top. Needs a whole scope."""
    day = today(settings().payer.zone)

    def make(row: Any) -> Row:
        return Row(row[0], row[1], row[2], row[3], row[4], _standing(row[1], row[4], day))

    return page_of(session, _rows(), order, make=make)


def _standing(due_on: dt.date, hidden_since: dt.date | None, day: dt.date) -> str:
    if hidden_since is not None:
        return "hidden"
    return "overdue" if due_on < day else "due" if due_on <= day + SOON else "attested"


def count_due(session: PortalSession) -> dict[str, int]:
    """How many organizations have attested, are due within 30 days, overdue, and hidden; and how many never did."""
    day = today(settings().payer.zone)
    found = dict.fromkeys(WORDS, 0) | {"never": 0}
    for _, due_on, attested_at, _, hidden_since in session.execute(_rows()):
        standing = _standing(due_on, hidden_since, day)
        if standing == "attested" and attested_at is None:
            standing = "never"
        found[standing] += 1
    return found


def answered_in_time(session: PortalSession) -> tuple[int, int]:
    """How many changes that offices sent were answered by their due date in the last 90 days, and how many were answered."""
    since = now() - dt.timedelta(days=90)
    answered = sa.select(Case.in_time, sa.func.count()).where(
        Case.kind.startswith("profiles."), Case.ended_at >= since, Case.in_time.is_not(None)
    )
    found = {bool(in_time): number for in_time, number in session.execute(answered.group_by(Case.in_time))}
    return found.get(True, 0), sum(found.values())


def count_overdue(session: PortalSession) -> int:
    """How many organizations are overdue."""
    day = today(settings().payer.zone)
    overdue = (
        sa.select(sa.func.count())
        .select_from(AttestationDue)
        .join(Organization, Organization.id == AttestationDue.organization_id)
        .where(AttestationDue.due_on < day, Organization.ended_at.is_(None))
    )
    return session.scalar(overdue) or 0
