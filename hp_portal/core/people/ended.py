"""Organizations that have ended: nobody is let into one, and nothing is linked to it, unless staff let it go on.

Whoever ends one, lets somebody in, or links something holds it first, so that none of them overlooks another. Every verb needs a
whole scope.
"""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.audience import Audience
from hp_portal.core.audit.record import record
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession, lock


class OrganizationEnded(Exception):
    """The organization has ended: nobody is let into it, and nothing is linked to it."""

    def __init__(self, organization: str) -> None:
        super().__init__(f"{organization} has ended")
        self.organization = organization


class TaxIdTaken(Exception):
    """Another billing organization is registered with the Tax ID by now."""

    def __init__(self, by: str) -> None:
        super().__init__(f"{by} is registered with this Tax ID")
        self.by = by


def hold_organization(session: PortalSession, organization_id: int) -> Organization:
    """Lock an organization until the transaction ends, and read it anew."""
    session.flush()
    lock(session, f"organization:{organization_id}")
    return session.get_one(Organization, organization_id, populate_existing=True)


def hold_going_on(session: PortalSession, organization_id: int) -> Organization:
    """The same of one that goes on. Raises OrganizationEnded."""
    organization = hold_organization(session, organization_id)
    if organization.ended_at is not None:
        raise OrganizationEnded(organization.name)
    return organization


def tax_id_taken_by(session: PortalSession, organization: Organization) -> str:
    """The other billing organization that goes on and is registered with this one's Tax ID; empty: none is."""
    if organization.audience != Audience.BILLING or organization.tin_hash is None:
        return ""
    others = sa.select(Organization.name).where(
        Organization.audience == Audience.BILLING,
        Organization.tin_is(session, organization.whole_tin(session)),
        Organization.id != organization.id,
        Organization.ended_at.is_(None),
    )
    return session.scalar(others.order_by(Organization.id).limit(1)) or ""


def let_go_on(session: PortalSession, organization: Organization) -> None:
    """An organization that has ended, and is held, goes on. Raises TaxIdTaken."""
    if organization.tin_hash is not None:
        # As whoever registers a Tax ID locks it.
        lock(session, f"registration of:{organization.whole_tin(session)}")
    if taken := tax_id_taken_by(session, organization):
        raise TaxIdTaken(taken)
    organization.ended_at = None
    session.flush()
    record(session, "people.organization.reopened", organization=organization.id)
