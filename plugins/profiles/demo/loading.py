"""Loads what the demo shows of Provider Data Profiles."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import Audience, Grant, Organization, Payee, Person, PortalSession, drafts

from ..changing.adding import ADD
from ..models import ServiceSpecialist
from ..updates.demo import load_update
from .changes import load_waiting_change
from .groups import load_demo_record


@dataclass(frozen=True)
class _Somebody:
    person_id: int
    organization_id: int


def add_draft(session: PortalSession, organization_id: int) -> None:
    """Somebody of the office has begun to add a practitioner, and not gone on yet."""
    people = sa.select(Person.id).where(Person.organization_id == organization_id, Person.deactivated_at.is_(None))
    person_id = session.scalar(people.order_by(Person.is_delegate.desc(), Person.id).limit(1))
    if person_id is None:
        return
    owner = _Somebody(person_id, organization_id)
    draft = drafts.start_draft(session, owner, ADD.drafts)
    drafts.save_part(session, owner, draft, "who", DRAFT_OF_WHO, seen=0)
    drafts.entitle(session, draft, "Robin Sample")


DRAFT_OF_WHO = (
    ("first", "Robin"),
    ("last", "Sample"),
    ("npi", "1234567893"),
    ("licenses-0-state", "MN"),
    ("licenses-0-number", "SAMPLE-4711"),
    ("licenses-0-expires", ""),
)
_VENDOR = "V100001"


def load_demo(session: PortalSession) -> None:
    """The office of the demo's first payee has a service specialist; others have none. Three groups have practitioners and
    locations. A change
    waits, under which the record has changed. Somebody without an account has sent a provider update. Commits nothing."""
    load_demo_record(session)
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
        add_draft(session, organization_id)
        load_waiting_change(session, organization_id)
    load_update(session)
