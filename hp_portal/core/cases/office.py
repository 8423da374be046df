"""Who of an office may see cases of a kind, and so who is told of them and can take them over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import sqlalchemy as sa

from hp_portal.case_kinds import CaseKind
from hp_portal.core.access.enforce import directory
from hp_portal.core.cases.models import Case
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole


class Permitted(Protocol):
    """A kind of cases, or of drafts."""

    @property
    def permission(self) -> str:
        """What somebody of the office needs to see such things."""


def who_can_see(session: PortalSession, people: Iterable[Person], kind: Permitted) -> list[Person]:
    """Those of these people, in their order, who were given the application that such things belong to. Needs a whole scope."""
    application = directory().application_of_permission[kind.permission].key
    found = list(people)
    given = set(
        session.scalars(
            sa.select(PersonApplication.person_id).where(
                PersonApplication.person_id.in_([one.id for one in found]), PersonApplication.application == application
            )
        )
    )
    return [one for one in found if one.id in given]


def readers_of(session: PortalSession, case: Case, kind: CaseKind) -> list[Person]:
    """Who is told of a case: whose it is, while they can see it; else the delegates who can, or else all of them, who give the
    applications. Needs a whole scope."""
    person = session.get(Person, case.person_id) if case.person_id else None
    if person is not None and person.deactivated_at is None and person.organization_id == case.organization_id:
        own = who_can_see(session, reachable([person]), kind)
        if own:
            return own
    delegates = reachable(delegates_of(session, [case.organization_id]))
    return who_can_see(session, delegates, kind) or delegates


@in_whole("colleagues who can see a case")
def colleagues_for(session: PortalSession, case: Case, kind: CaseKind) -> list[Person]:
    """The people of the case's organization who can be reached and may see it, by name."""
    wanted = sa.select(Person).where(
        Person.organization_id == case.organization_id, Person.deactivated_at.is_(None), Person.is_staff.is_(False)
    )
    found = session.scalars(wanted.order_by(sa.func.lower(Person.name), Person.id)).all()
    return who_can_see(session, reachable(found), kind) if case.organization_id is not None else []
