"""What the demo shows of change forms."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal.api import FileOwner, Organization, Person, PortalSession, of_organization, settings, today

from ..record.facts import holding
from .contents import Wanted, of_practitioner
from .making import make_form


def load_change_form(session: PortalSession, owner: FileOwner) -> None:
    """Somebody of the office has made a form of the practitioner who has another name now."""
    day = today(settings().payer.zone)
    organization_id = owner.organization_id or 0
    organization = session.get_one(Organization, organization_id)
    person = session.get_one(Person, owner.person_id)
    with of_organization(session, organization_id):
        found = holding("practitioner", "former_name", day).subquery()
        practitioner_id = session.scalar(sa.select(found.c.subject).limit(1))
        if practitioner_id is None:
            return
        since = day - dt.timedelta(days=60)
        words = "The last name has changed."
        wanted = Wanted(day, "name", words, since, organization.name, person.name, "952-555-0100")
        gathered = of_practitioner(session, practitioner_id, wanted)
        if gathered is not None:
            make_form(session, owner, gathered, practitioner_id=practitioner_id)
