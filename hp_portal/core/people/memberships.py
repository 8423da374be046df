"""Somebody with an account comes to work for another organization: a row of theirs in it, beside the one that holds the account.

Every verb needs a whole scope.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.core.applications.giving import give_starting_applications
from hp_portal.core.audit.record import record
from hp_portal.core.identity.accounts import is_open, rows_of
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.accounts import end_email_changes, end_resets
from hp_portal.core.people.ended import hold_going_on
from hp_portal.core.people.models import RESET_CANCELED
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import Application

# What no password has as its hash: a membership is never signed in to by itself.
NO_PASSWORD = "!"


class AlreadyMember(Exception):
    """The account has a row in the organization already: `person`, perhaps a deactivated one, which is to be reactivated."""

    def __init__(self, person: Person) -> None:
        super().__init__("somebody has one row in an organization")
        self.person = person


class AccountClosed(Exception):
    """Nobody can sign in to the account, or it is one of the payer's staff: it joins no organization."""


def find_row(session: PortalSession, account: Person, organization_id: int) -> Person | None:
    """The row of somebody in an organization, deactivated or not. `account` is any of their rows."""
    wanted = sa.select(Person).where(Person.root_id == account.root_id, Person.organization_id == organization_id)
    return session.scalars(wanted).one_or_none()


def has_others() -> sa.ColumnElement[bool]:
    """A condition on Person: the account behind the row has rows in other organizations."""
    other = aliased(Person)
    return sa.exists().where(other.root_id == Person.root_id, other.id != Person.id).correlate(Person)


@dataclass(frozen=True)
class Membership:
    """One of the organizations of an account: `person_id` is the row in it."""

    person_id: int
    organization_id: int
    organization: str
    is_delegate: bool
    active: bool


def memberships_of(session: PortalSession, person: Person) -> list[Membership]:
    """Every organization of the account behind this row, by name, those as well that it works for no longer."""
    rows = session.execute(
        sa.select(Person.id, Organization.id, Organization.name, Person.is_delegate, Person.deactivated_at.is_(None))
        .join(Organization, Organization.id == Person.organization_id)
        .where(Person.root_id == person.root_id)
        .order_by(sa.func.lower(Organization.name), Person.id)
    )
    return [Membership(*row) for row in rows]


def add_membership(
    session: PortalSession,
    actor: Actor | None,
    applications: list[Application],
    *,
    account: Person,
    organization_id: int,
    delegate: bool = False,
) -> Person:
    """Let somebody who has an account work for another organization with it, with what new people get of the installed
    `applications`.

    `account` is any row of theirs; `actor` is who does it, None somebody who accepts an invitation. Raises AlreadyMember,
    AccountClosed or OrganizationEnded.
    """
    lock(session, f"account:{account.root_id}")
    root = session.get_one(Person, account.root_id, populate_existing=True)
    if root.is_staff or root.organization_id is None or not is_open(session, root):
        raise AccountClosed
    hold_going_on(session, organization_id)
    if (there := find_row(session, root, organization_id)) is not None:
        raise AlreadyMember(there)
    # What a delegate of one organization has begun about the account does not reach into the other.
    end_email_changes(session, root.id)
    for row in rows_of(session, root):
        end_resets(session, row.id, RESET_CANCELED)
    now = clock.now()
    person = Person(
        account_id=root.id,
        organization_id=organization_id,
        username=root.username,
        email=root.email,
        name=root.name,
        password_hash=NO_PASSWORD,
        password_changed_at=now,
        email_returned_at=root.email_returned_at,
        is_staff=False,
        is_delegate=delegate,
        created_at=now,
        delegate_since=now if delegate else None,
    )
    session.add(person)
    session.flush()
    record(session, "people.membership.added", person=person.id, organization=organization_id, delegate=delegate)
    give_starting_applications(session, actor, person, applications)
    return person
