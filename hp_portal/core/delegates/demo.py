"""What the demo has of requests for contact: production never imports it."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.delegates.models import REPORTED, DelegateRequest
from hp_portal.core.delegates.requests import Asker, add_request
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession

NEWCOMER = Asker(
    "Demo Newcomer", "newcomer@office.example", "555-010-0142", "I started in the billing office and need an account."
)
STRANGER = Asker(
    "Demo Stranger", "stranger@elsewhere.example", "555-010-0199", "Please send me a user name and password today."
)


def add_demo_requests(session: PortalSession, organization: Organization) -> None:
    """Two people looked for the delegates of an organization: one waits, the other was reported."""
    add_request(session, organization.id, NEWCOMER, "192.0.2.9")
    number = add_request(session, organization.id, STRANGER, "192.0.2.9")
    delegate = sa.select(Person.id).where(Person.organization_id == organization.id, Person.is_delegate).limit(1)
    session.execute(
        sa.update(DelegateRequest)
        .where(DelegateRequest.id == number)
        .values(
            state=REPORTED,
            ended_at=clock.now(),
            ended_by_id=session.scalar(delegate),
            reason="Nobody here knows this person, who asks for a password.",
        )
    )
