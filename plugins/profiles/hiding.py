"""Who is hidden from the directory, because nobody has confirmed for too long that what it says is right."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from hp_portal.api import Audience, Base, Grant, May, Organization, OwnedByOrganization, PortalSession, key

from .record.models import Location


class HiddenSpan(Base, OwnedByOrganization):
    """From `since` on an organization is hidden from the directory, until the day `until`, which is the first one without it."""

    __tablename__ = "profiles_hidden"
    __organization_may__ = May(change=("until",))

    id: Mapped[key]
    since: Mapped[dt.date]
    until: Mapped[dt.date | None]


def _hidden_on(day: dt.date) -> sa.ColumnElement[bool]:
    return sa.and_(HiddenSpan.since <= day, sa.or_(HiddenSpan.until.is_(None), HiddenSpan.until > day))


def hidden_locations(session: PortalSession, day: dt.date) -> set[int]:
    """The locations that the directory does not show on a day, as far as the scope sees them.

    Those of a payee to which at least one provider organization is linked today, all of them hidden on that day: where somebody
    else has attested, what they have attested is shown.
    """
    hidden = sa.select(HiddenSpan.organization_id).where(_hidden_on(day))
    if session.scalar(hidden.limit(1)) is None:
        return set()
    linked = (
        sa.select(Grant.payee_id)
        .join(Organization, Organization.id == Grant.organization_id)
        .where(Grant.is_open(), Organization.audience != Audience.BILLING, Organization.ended_at.is_(None))
    )
    of_hidden = linked.where(Grant.organization_id.in_(hidden))
    of_others = linked.where(Grant.organization_id.not_in(hidden))
    wanted = sa.select(Location.id).where(Location.payee_id.in_(of_hidden), Location.payee_id.not_in(of_others))
    return set(session.scalars(wanted))


def show_again(session: PortalSession, day: dt.date) -> None:
    """End what hides the scope's organization: from the day on it is shown."""
    for span in session.scalars(sa.select(HiddenSpan).where(HiddenSpan.until.is_(None))):
        span.until = day
