"""The delegates of organizations who can sign in. Everybody who asks for them asks here."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession


def delegates_of(session: PortalSession, organizations: Iterable[int | None]) -> list[Person]:
    """The delegates of these organizations, by organization and name. Needs a whole scope."""
    # None is an organization's id: where there is no organization the database looks all the same.
    wanted = [one for one in organizations if one is not None] or [0]
    return list(
        session.scalars(
            sa.select(Person)
            .where(
                Person.organization_id.in_(wanted),
                Person.is_delegate,
                sa.not_(Person.is_staff),
                Person.deactivated_at.is_(None),
            )
            .order_by(Person.organization_id, Person.name, Person.id)
        )
    )


def has_delegate(session: PortalSession, organization_id: int | None) -> bool:
    """Has the organization a delegate who can sign in? Needs a whole scope."""
    return bool(delegates_of(session, [organization_id]))
