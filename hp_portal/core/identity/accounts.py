"""One account, held while its password or its state is decided upon."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import whole
from hp_portal.settings import Payer


class SignInEnded(Exception):
    """The session that asks has ended since the gate let it in, or the account was deactivated: nothing is done for it."""


def opens() -> sa.ColumnElement[bool]:
    """A condition on Person, of rows that hold an account: it is active in one of its organizations at least.

    Whoever may sign in, or be sent what leads there, is asked so: an account whose own row is deactivated goes on for the others.
    """
    other = aliased(Person)
    elsewhere = sa.exists().where(other.account_id == Person.id, other.deactivated_at.is_(None)).correlate(Person)
    return sa.or_(Person.deactivated_at.is_(None), elsewhere)


def is_open(session: PortalSession, person: Person) -> bool:
    """May the account behind this row be signed in to at all? Needs a whole scope."""
    return session.scalar(sa.select(Person.id).where(Person.id == person.root_id, opens())) is not None


def account_of(session: PortalSession, person: Person) -> Person:
    """The row that holds the account behind this one. Needs a whole scope."""
    return person if person.account_id is None else session.get_one(Person, person.account_id)


def rows_of(session: PortalSession, person: Person) -> list[Person]:
    """Every row of the account behind this one, in the order in which they were made. Needs a whole scope."""
    return list(session.scalars(sa.select(Person).where(Person.root_id == person.root_id).order_by(Person.id)))


def is_shared(session: PortalSession, person: Person) -> bool:
    """Does the account behind somebody serve several organizations? In any scope that shows the person."""
    with whole(session, "does an account serve several organizations"):
        others = sa.select(Person.id).where(Person.root_id == person.root_id, Person.id != person.id)
        return session.scalar(others.limit(1)) is not None


def row_at_work(session: PortalSession, account: Person) -> Person:
    """The row under which something about the account itself is recorded: the one that holds it, or where that one is
    deactivated, the first that is active. Needs a whole scope."""
    if account.deactivated_at is None:
        return account
    return next((row for row in rows_of(session, account) if row.deactivated_at is None), account)


def by_name(*names: str) -> sa.ColumnElement[bool]:
    """A condition on Person: holds the account with one of these as its user name or address, since either is accepted at the
    sign-in."""
    return sa.and_(Person.account_id.is_(None), sa.or_(Person.username.in_(names), Person.email.in_(names)))


def known_about(person: Person, organization: str, payer: Payer) -> tuple[str, ...]:
    """What anybody may know of a person, and what a password of theirs must not be made of."""
    return (person.username, person.email, person.name, organization, payer.name, payer.short_name, payer.payer_id)


def hold_account(session: PortalSession, person: Person) -> bool:
    """Lock an account until the transaction ends and read it anew; False when its password has changed since it was read.

    For whoever has checked a password first, which takes a while: another request may have set a new one in the meantime. Needs
    a whole scope.
    """
    known = person.password_changed_at
    lock(session, f"account:{person.root_id}")
    session.refresh(person)
    return person.password_changed_at == known


def check_still_in(session: PortalSession, actor: Actor) -> None:
    """Raises SignInEnded when the actor's sign-in is no longer open. For whoever holds the account; needs a whole scope."""
    still = (
        sa.select(SignIn.id)
        .join(Person, Person.root_id == SignIn.person_id)
        .where(
            SignIn.id == actor.sign_in_id,
            SignIn.ended_at.is_(None),
            Person.id == actor.person_id,
            Person.deactivated_at.is_(None),
        )
    )
    if session.scalar(still) is None:
        raise SignInEnded


def hold_own(session: PortalSession, actor: Actor) -> Person:
    """Lock the actor's own account until the transaction ends and read it anew, before something about signing in is changed.

    Raises SignInEnded: whoever has ended the session meanwhile, or locked the account, has ended what it was about to do as well.
    Needs a whole scope.
    """
    lock(session, f"account:{actor.account_id}")
    check_still_in(session, actor)
    person = session.get_one(Person, actor.account_id)
    session.refresh(person)
    return person
