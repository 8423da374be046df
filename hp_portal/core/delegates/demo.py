"""What the demo has of requests for contact, invitations, and people who leave: production never imports it."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.delegates.invitations import send_link
from hp_portal.core.delegates.models import REPORTED, DelegateRequest, Invitation
from hp_portal.core.delegates.requests import Asker, add_request
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.models import Leaving
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

LEAVES = "demo.noapps"
"""Who leaves in two weeks."""
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


INVITED = (("Demo Invited", "invited@office.example", 0), ("Demo Latecomer", "latecomer@office.example", 9))
"""Who is invited: name, address, and how many days ago."""


def add_demo_invitations(session: PortalSession, settings: Settings, organization: Organization) -> None:
    """One invitation waits, one has expired, and somebody leaves in two weeks."""
    people = {
        one.username: one for one in session.scalars(sa.select(Person).where(Person.organization_id == organization.id))
    }
    delegate = next(one for one in people.values() if one.is_delegate)
    for name, email, ago in INVITED:
        invitation = Invitation(
            organization_id=organization.id,
            name=name,
            email=email,
            applications="remittance",
            delegate=False,
            made_at=clock.now() - dt.timedelta(days=ago),
            sent=0,
        )
        send_link(session, settings, delegate, organization.name, invitation)
        invitation.sent_at -= dt.timedelta(days=ago)
        invitation.expires_at -= dt.timedelta(days=ago)
    leaves = people.get(LEAVES)
    if leaves is not None:
        day = clock.today(settings.payer.zone) + dt.timedelta(days=14)
        session.add(
            Leaving(
                person_id=leaves.id,
                leaves_on=day,
                successor_id=delegate.id,
                reason="Moves to another city",
                asked_by_id=delegate.id,
                asked_at=clock.now(),
            )
        )
    session.flush()
