"""Requests of a billing organization that ends."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.core.audit.record import Who, get_who
from hp_portal.core.billing_access.asking import take_back
from hp_portal.core.organizations.access_requests import OPEN_STATES, AccessRequest
from hp_portal.database import PortalSession, lock


def withdraw_all(session: PortalSession, organization_id: int) -> None:
    """Withdraw what an organization has asked for that nobody has answered. Needs a whole scope."""
    waits = sa.select(AccessRequest.id).where(
        AccessRequest.organization_id == organization_id, AccessRequest.state.in_(OPEN_STATES)
    )
    who = Who(organization_id=organization_id, request_id=get_who(session).request_id)
    for request_id in session.scalars(waits.order_by(AccessRequest.id)).all():
        lock(session, f"access-request:{request_id}")
        request = session.get_one(AccessRequest, request_id, populate_existing=True)
        if request.state in OPEN_STATES:
            take_back(session, request, who)
