"""Before somebody new is invited: is the person known here already?

What a delegate is shown is what delegates of the organization may see anyway: its own accounts, its own invitations, and who
asked to join it or registered in the place of somebody who has left, be it in an organization on trial of the same office.
Whether a person or an address has an account anywhere else is not looked up, so no answer can tell it.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.core.audit.record import record
from hp_portal.core.delegates.invitations import Invited, matching
from hp_portal.core.delegates.models import Invitation
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.registration.models import WAITING_STATES, Registration
from hp_portal.core.registration.own import requests_of
from hp_portal.database import PortalSession

SHOWN = 10


@dataclass(frozen=True)
class KnownAccount:
    """An account of the own organization. `same_email`: nobody else can have one with the address that was looked for."""

    id: int
    name: str
    email: str
    deactivated_at: dt.datetime | None
    same_email: bool

    @property
    def reachable(self) -> bool:
        """Has the account an address that somebody has confirmed?"""
        return not is_unconfirmed(self.email)


@dataclass(frozen=True)
class KnownRequest:
    """Somebody who asked to join, or registered in the place of somebody who has left."""

    id: int
    name: str
    email: str
    at: dt.datetime
    waits: bool


@dataclass(frozen=True)
class Known:
    """Who is known by a name or an address: at most ten of each. `invited`: this very address has an invitation that waits."""

    accounts: list[KnownAccount]
    invitations: list[Invited]
    requests: list[KnownRequest]
    invited: bool

    @property
    def found(self) -> bool:
        """Is anybody?"""
        return bool(self.accounts or self.invitations or self.requests)

    @property
    def has_account(self) -> bool:
        """Has an account of the own organization this very address?"""
        return any(one.same_email for one in self.accounts)


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.lower())[:6]


def _called(name: str, column: sa.SQLColumnExpression[str]) -> sa.ColumnElement[bool]:
    """The first and the last word of a name are in the column."""
    words = _words(name)
    return sa.and_(sa.true() if words else sa.false(), *(column.ilike(f"%{one}%") for one in {*words[:1], *words[-1:]}))


def look_for(session: PortalSession, actor: Actor, name: str, email: str) -> Known:
    """Who is known in the actor's organization by this name or address, recorded. The caller commits."""
    email = email.strip().lower()
    accounts = session.execute(
        sa.select(Person.id, Person.name, Person.email, Person.deactivated_at)
        .where(sa.not_(Person.is_staff), sa.or_(Person.email == email, _called(name, Person.name)))
        .order_by((Person.email == email).desc(), Person.name, Person.id)
        .limit(SHOWN)
    )
    invited = matching(session, sa.or_(Invitation.email == email, _called(name, Invitation.name)))
    known = Known(
        [KnownAccount(*row, same_email=row.email == email) for row in accounts],
        invited[:SHOWN],
        _requests(session, actor, name, email),
        any(one.email == email for one in invited),
    )
    record(
        session, "delegates.person.looked-for", found=len(known.accounts) + len(known.invitations) + len(known.requests)
    )
    return known


def _requests(session: PortalSession, actor: Actor, name: str, email: str) -> list[KnownRequest]:
    wanted = set(_words(name)[:1] + _words(name)[-1:])

    def fits(one: Registration) -> bool:
        return one.email == email or bool(wanted and wanted <= set(_words(one.name)))

    fitting = [one for one in requests_of(session, actor) if one.person_id is None or one.state in WAITING_STATES]
    return [
        KnownRequest(one.id, one.name, one.email, one.created_at, one.state in WAITING_STATES)
        for one in fitting
        if fits(one)
    ][:SHOWN]
