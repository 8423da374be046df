"""Who is hidden from the directory. The published record asks `hidden_organizations`."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal.api import PortalSession

from .models import HiddenSpan


def hidden_organizations(session: PortalSession, day: dt.date) -> set[int]:
    """The organizations whose practitioners and locations the directory does not show on a day. Needs a whole scope."""
    rows = sa.select(HiddenSpan.organization_id).where(
        HiddenSpan.since <= day, sa.or_(HiddenSpan.until.is_(None), HiddenSpan.until > day)
    )
    return set(session.scalars(rows))


def show_again(session: PortalSession, day: dt.date) -> None:
    """End what hides the scope's organization: from the day on it is shown."""
    for span in session.scalars(sa.select(HiddenSpan).where(HiddenSpan.until.is_(None))):
        span.until = day
