"""Staff close an account: letters with a PIN that are under way for it are not sent any more. Needs a whole scope."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.people.accounts import deactivate
from hp_portal.core.registration.facts import DecidedAlready, hold
from hp_portal.core.registration.models import PIN, Registration
from hp_portal.core.registration.pins import end_pins
from hp_portal.database import PortalSession


def close_account(session: PortalSession, person: Person, reason: str) -> bool:
    """Let somebody in no longer; False when the account is closed already. Once it is reactivated they ask for another letter.

    Whoever holds the account already closes it with `close_held`.
    """
    return bool(close_rows(session, [person], reason))


def close_held(session: PortalSession, person: Person, reason: str) -> bool:
    """The same of an account that is held, and before it what waited for it (`hold_waiting`).

    What began to wait in between is not locked any more, as that is done before accounts; its letter is not sent all the same.
    """
    if not deactivate(session, person, reason):
        return False
    for registration in _waiting(session, person):
        end_pins(session, registration)
    return True


def close_rows(session: PortalSession, people: Sequence[Person], reason: str) -> list[Person]:
    """The same for several rows of one account; returns those that were not closed already."""
    waiting = [(person, hold_waiting(session, person)) for person in people]
    closed = []
    for person, registrations in waiting:
        if deactivate(session, person, reason):
            closed.append(person)
            for registration in registrations:
                end_pins(session, registration)
    return closed


def hold_waiting(session: PortalSession, person: Person) -> list[Registration]:
    """The registrations of somebody that wait for a PIN, each held: before the account, as whoever decides holds them."""
    held = []
    for registration in _waiting(session, person):
        try:
            hold(session, registration, PIN)
        except DecidedAlready:
            continue
        held.append(registration)
    return held


def _waiting(session: PortalSession, person: Person) -> Sequence[Registration]:
    wanted = sa.select(Registration).where(Registration.person_id == person.id, Registration.state == PIN)
    return session.scalars(wanted.order_by(Registration.id)).all()
