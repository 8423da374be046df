"""Access reviews as the payer's staff find them. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delegates.models import AccessReview
from hp_portal.core.organizations.models import Organization
from hp_portal.core.web.listing import Column, Listing, Order, Sorting, page_of
from hp_portal.database import PortalSession

OVERDUE, OPEN, SIGNED = "overdue", "open", "signed"
REVIEWS = Sorting(
    (
        Column("name", "Organization", sa.func.lower(Organization.name)),
        Column("begun", "Begun", AccessReview.started_at, "date"),
        Column("due", "Due", AccessReview.due_at, "date"),
        Column("signed", "Signed", AccessReview.signed_at, "date"),
        Column("", "Last reminder"),
    ),
    default="due",
    tie=AccessReview.id,
)


@dataclass(frozen=True)
class ListedReview:
    """A review in the list; `signed_name` is empty while it is open."""

    id: int
    organization_id: int
    organization: str
    started_at: dt.datetime
    due_at: dt.datetime
    signed_at: dt.datetime | None
    signed_name: str
    told_at: dt.datetime


def list_reviews(session: PortalSession, show: str, name: str, order: Order) -> Listing[ListedReview]:
    """One page of reviews, recorded. Raises PastTheEnd. The caller commits."""
    rows = (
        sa.select(
            AccessReview.id,
            Organization.id,
            Organization.name,
            AccessReview.started_at,
            AccessReview.due_at,
            AccessReview.signed_at,
            AccessReview.signed_name,
            AccessReview.told_at,
        )
        .join(Organization, Organization.id == AccessReview.organization_id)
        .where(AccessReview.signed_at.is_not(None) if show == SIGNED else AccessReview.signed_at.is_(None))
    )
    if show != SIGNED:
        rows = rows.where(Organization.ended_at.is_(None))
    if show == OVERDUE:
        rows = rows.where(AccessReview.due_at <= clock.now())
    if name:
        rows = rows.where(Organization.name.icontains(name, autoescape=True))
    listing = page_of(session, rows, order, make=lambda row: ListedReview(*row))
    record(session, "delegates.access-review.listed", show=show, shown=len(listing.rows))
    return listing
