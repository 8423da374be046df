"""What delegates do when somebody of their organization has lost the second factor."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal.core.delegates.holding import NoAddress, OwnAccount, SharedAccount, held
from hp_portal.core.identity.accounts import hold_account, is_shared
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.people import factor_resets
from hp_portal.core.people.models import FactorReset
from hp_portal.database import PortalSession
from hp_portal.settings import Settings


def ask_reset(session: PortalSession, settings: Settings, actor: Actor, person: Person, reason: str) -> None:
    """Ask to remove the second factors that somebody has lost.

    Raises OwnAccount, NothingToReset, SharedAccount, or NoAddress: nothing is done of which the person is not told.
    """
    if person.id == actor.person_id:
        raise OwnAccount
    with held(session, actor, person):
        if is_unconfirmed(person.email):
            raise NoAddress
        _check_shared(session, person)
        factor_resets.ask(session, settings, actor, person, reason)


def _check_shared(session: PortalSession, person: Person) -> None:
    """Raises SharedAccount: delegates of one organization weaken no account that opens another."""
    hold_account(session, person)
    if is_shared(session, person):
        raise SharedAccount


def agree_to_reset(session: PortalSession, actor: Actor, person: Person) -> None:
    """Agree to what another delegate has asked: it is done now. Raises SecondNeeded, SharedAccount, or NothingToReset."""
    with held(session, actor, person):
        _check_shared(session, person)
        factor_resets.agree(session, actor, person)


def cancel_reset(session: PortalSession, actor: Actor, person: Person) -> None:
    """Take back what a delegate has asked. Raises NothingToReset."""
    with held(session, actor, person):
        factor_resets.cancel(session, person)


@dataclass(frozen=True)
class WaitingReset:
    """Somebody's second factors are to be removed: who asked, when and why, and when it is done."""

    person_id: int
    name: str
    asked_by_id: int
    asked_by: str
    reason: str
    asked_at: dt.datetime
    due_at: dt.datetime


def waiting_resets(session: PortalSession, person_id: int | None = None) -> list[WaitingReset]:
    """What delegates of the session's organization have asked for, oldest first, for one person or for all."""
    asker = aliased(Person)
    rows = (
        sa.select(
            Person.id,
            Person.name,
            FactorReset.asked_by_id,
            asker.name,
            FactorReset.reason,
            FactorReset.asked_at,
            FactorReset.due_at,
        )
        .join(FactorReset, FactorReset.person_id == Person.id)
        .join(asker, asker.id == FactorReset.asked_by_id)
        .where(FactorReset.ended_at.is_(None))
        .order_by(FactorReset.id)
    )
    if person_id is not None:
        rows = rows.where(Person.id == person_id)
    return [WaitingReset(*row) for row in session.execute(rows)]
