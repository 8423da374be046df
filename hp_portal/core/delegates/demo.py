"""What the demo has of requests for contact, invitations, people who leave, access reviews, and access that ends soon: production
never imports it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.delegates.invitations import send_link
from hp_portal.core.delegates.models import REPORTED, AccessReview, DelegateRequest, Invitation
from hp_portal.core.delegates.requests import Asker, add_request
from hp_portal.core.delegates.reviewing import AGREEMENT
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.people.models import Leaving
from hp_portal.core.tax_ids.billing_access import ask_about_endings
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


def add_demo_reviews(session: PortalSession, owner: Organization, late: Organization, billing: Organization) -> None:
    """One organization has signed a review and is at the next; another's is overdue, and access to its payments ends soon."""
    now, day = clock.now(), dt.timedelta(days=1)
    of_both = Person.organization_id.in_((owner.id, late.id))
    session.execute(sa.update(Person).where(of_both).values(created_at=now - 400 * day))
    works = sa.update(Grant).where(Grant.organization_id == billing.id)
    session.execute(works.values(granted_at=now - 345 * day).execution_options(synchronize_session=False))
    delegate = session.scalars(
        sa.select(Person).where(Person.organization_id == owner.id, Person.is_delegate).order_by(Person.id).limit(1)
    ).one()
    begun, signed = now - 112 * day, now - 90 * day
    contents = json.dumps(_signed(owner, delegate, begun, signed), sort_keys=True)
    session.add(
        AccessReview(
            organization_id=owner.id,
            started_at=begun,
            due_at=begun + 30 * day,
            told="start",
            told_at=begun,
            signed_at=signed,
            signed_by_id=delegate.id,
            signed_name=delegate.name,
            address="192.0.2.9",
            contents=contents,
            digest=hashlib.sha256(contents.encode()).hexdigest(),
        )
    )
    for organization, left in ((owner, 10 * day), (late, -5 * day)):
        due = now + left
        told = "soon" if left > dt.timedelta() else "due"
        session.add(
            AccessReview(
                organization_id=organization.id, started_at=due - 30 * day, due_at=due, told=told, told_at=now - day
            )
        )
    payees = sa.select(Grant.payee_id).where(Grant.organization_id == late.id)
    ends = sa.update(Grant).where(Grant.organization_id == billing.id, Grant.payee_id.in_(payees))
    session.execute(ends.values(ends_at=now + 20 * day).execution_options(synchronize_session=False))
    ask_about_endings(session)


def _signed(owner: Organization, delegate: Person, begun: dt.datetime, signed: dt.datetime) -> dict[str, object]:
    row = {
        "subject": f"person:{delegate.id}",
        "name": delegate.name,
        "decision": "keep",
        "decided_by": delegate.name,
        "decided_at": signed.isoformat(),
        "last_use": "",
        "delegate": True,
        "applications": ["remittance"],
        "last_sign_in": signed.isoformat(),
    }
    return {
        "organization": owner.name,
        "started": begun.isoformat(),
        "due": (begun + dt.timedelta(days=30)).isoformat(),
        "signed": signed.isoformat(),
        "signed_by": delegate.name,
        "username": delegate.username,
        "signature": delegate.name,
        "address": "192.0.2.9",
        "agreement": AGREEMENT,
        "rows": [row],
    }
