"""Staff close an account: letters with a PIN that are under way for it are not sent any more. Needs a whole scope."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.people.accounts import deactivate
from hp_portal.core.registration.facts import DecidedAlready, hold
from hp_portal.core.registration.models import PIN, Registration
from hp_portal.core.registration.pins import end_pins
from hp_portal.database import PortalSession


def close_account(session: PortalSession, person: Person, reason: str) -> bool:
    """Let somebody in no longer; False when the account is closed already. Once it is reactivated they ask for another letter."""
    waiting = _waiting(session, person)
    if not deactivate(session, person, reason):
        return False
    for registration in waiting:
        end_pins(session, registration)
    return True


def _waiting(session: PortalSession, person: Person) -> list[Registration]:
    """The registrations of somebody that wait for a PIN, each held: before the account, as whoever decides holds them."""
    wanted = sa.select(Registration).where(Registration.person_id == person.id, Registration.state == PIN)
    held = []
    for registration in session.scalars(wanted.order_by(Registration.id)).all():
        try:
            hold(session, registration, PIN)
        except DecidedAlready:
            continue
        held.append(registration)
    return held
