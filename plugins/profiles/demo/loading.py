"""Loads what the demo shows of Provider Data Profiles."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.api import Audience, Grant, Organization, Payee, PortalSession

from ..models import ServiceSpecialist

_VENDOR = "V100001"


def load_demo(session: PortalSession) -> None:
    """The office of the demo's first payee has a service specialist; others have none. Commits nothing."""
    own = (
        sa.select(Organization.id)
        .join(Grant, Grant.organization_id == Organization.id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(Payee.vendor_number == _VENDOR, Organization.audience != Audience.BILLING)
        .order_by(Grant.id)
        .limit(1)
    )
    organization_id = session.scalar(own)
    if organization_id is not None:
        session.add(
            ServiceSpecialist(
                organization_id=organization_id,
                name="Sample Specialist",
                phone="952-555-0107",
                email="specialist@northstar.example",
            )
        )
