"""The delegates of an organization who have accepted to be one: without another of these, nobody leaves it or steps down."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.core.agreements.accepting import current_agreements
from hp_portal.core.identity.actor import DELEGATE_AGREEMENT
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Acceptance, Person
from hp_portal.database import PortalSession
from hp_portal.settings import Settings


def once_accepted(person: type[Person]) -> sa.ColumnElement[bool]:
    """A condition on Person, or an alias of it: has accepted to be a delegate, be it in an older version."""
    return sa.exists().where(Acceptance.person_id == person.id, Acceptance.agreement == DELEGATE_AGREEMENT)


def accepted_delegates(session: PortalSession, settings: Settings, organization_id: int | None) -> list[Person]:
    """Those who can sign in and have accepted the site delegate agreement as it is now, by name. Needs a whole scope."""
    found = delegates_of(session, [organization_id])
    asked = current_agreements(session, settings, delegate=True)
    version = next(one.version for one in asked if one.key == DELEGATE_AGREEMENT)
    accepted = set(
        session.scalars(
            sa.select(Acceptance.person_id).where(
                Acceptance.person_id.in_([one.id for one in found]),
                Acceptance.agreement == DELEGATE_AGREEMENT,
                Acceptance.version == version,
            )
        )
    )
    return [one for one in found if one.id in accepted]
