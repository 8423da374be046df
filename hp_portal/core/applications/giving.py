"""Giving applications to people of organizations: by staff and delegates, and what new people start with."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.applications import ApplicationDefault, PersonApplication
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import Application, PortalEvent


class NotAMember(Exception):
    """Applications are given to people of organizations; staff have roles instead."""


def give_application(
    session: PortalSession,
    actor: Actor | None,
    person: Person,
    application: Application,
    *,
    given_by_id: int | None = None,
) -> bool:
    """Give an application to a person, audited and announced. Returns False when they have it already.

    `actor` is who gives it, None a command; `given_by_id` somebody who gives it and is not here. The person must be in the
    session's scope. Raises NotAMember.
    """
    if person.is_staff or person.organization_id is None:
        raise NotAMember(person.username)
    lock(session, f"applications of {person.id}")
    if _held(session, person, application.key) is not None:
        return False
    session.add(
        PersonApplication(
            person_id=person.id,
            application=application.key,
            given_by_id=actor.person_id if actor else given_by_id,
            given_at=clock.now(),
        )
    )
    session.flush()
    _tell(session, "given", person, application.key)
    return True


def take_application(session: PortalSession, actor: Actor | None, person: Person, application: Application) -> bool:
    """Take an application from a person, audited and announced. Returns False when they do not have it."""
    del actor  # the record knows who acts
    lock(session, f"applications of {person.id}")
    held = _held(session, person, application.key)
    if held is None:
        return False
    session.delete(held)
    session.flush()
    _tell(session, "taken", person, application.key)
    return True


def _held(session: PortalSession, person: Person, key: str) -> PersonApplication | None:
    return session.scalars(
        sa.select(PersonApplication).where(
            PersonApplication.person_id == person.id, PersonApplication.application == key
        )
    ).one_or_none()


def _tell(session: PortalSession, how: str, person: Person, key: str) -> None:
    record(session, f"person.application.{how}", person=person.id, application=key)
    session.announce(PortalEvent(f"application.{how}", {"person": person.id, "application": key}))


# What new people start with


def new_people_get(session: PortalSession) -> set[str]:
    """The keys of the applications that are given to new people."""
    return set(session.scalars(sa.select(ApplicationDefault.application).where(ApplicationDefault.new_people)))


def set_new_people_get(session: PortalSession, actor: Actor, application: Application, *, wanted: bool) -> bool:
    """Say whether new people get an application, audited. Returns False when it was so already."""
    lock(session, f"new people get {application.key}")
    row = session.get(ApplicationDefault, application.key, populate_existing=True)
    if row is not None and row.new_people == wanted:
        return False
    if row is None:
        row = ApplicationDefault(application=application.key)
        session.add(row)
    row.new_people, row.changed_by_id, row.changed_at = wanted, actor.person_id, clock.now()
    session.flush()
    record(session, "staff.application.default-set", application=application.key, new_people=wanted)
    return True


def give_starting_applications(
    session: PortalSession, actor: Actor | None, person: Person, applications: list[Application]
) -> None:
    """Give a person who was just created what new people get, of the installed `applications`."""
    wanted = new_people_get(session)
    for application in applications:
        if application.key in wanted:
            give_application(session, actor, person, application)


@dataclass(frozen=True)
class Reach:
    """How many of the people of organizations have an application."""

    given: int
    people: int


def reach(session: PortalSession, applications: list[Application]) -> dict[str, Reach]:
    """How far each of these applications reaches, by key. Needs a whole scope."""
    active = sa.select(Person.id).where(Person.organization_id.is_not(None), Person.deactivated_at.is_(None))
    people = session.scalar(sa.select(sa.func.count()).select_from(active.subquery())) or 0
    rows = session.execute(
        sa.select(PersonApplication.application, sa.func.count())
        .where(PersonApplication.person_id.in_(active))
        .group_by(PersonApplication.application)
    )
    given = {row[0]: row[1] for row in rows}
    return {application.key: Reach(given.get(application.key, 0), people) for application in applications}


def _lacking(application: Application, audiences: set[str]) -> sa.Select[Person]:
    return (
        sa.select(Person)
        .join(Organization, Organization.id == Person.organization_id)
        .where(
            Person.deactivated_at.is_(None),
            Organization.audience.in_(audiences),
            Person.id.not_in(
                sa.select(PersonApplication.person_id).where(PersonApplication.application == application.key)
            ),
        )
    )


def count_lacking(session: PortalSession, application: Application, audiences: set[str]) -> int:
    """How many active people of organizations of these audiences do not have an application. Needs a whole scope."""
    return session.scalar(sa.select(sa.func.count()).select_from(_lacking(application, audiences).subquery())) or 0


def give_to_everybody(session: PortalSession, actor: Actor, application: Application, audiences: set[str]) -> int:
    """Give an application to all active people of organizations of these audiences; returns to how many. Whole scope."""
    people = session.scalars(_lacking(application, audiences).order_by(Person.id)).all()
    return sum(give_application(session, actor, person, application) for person in people)
