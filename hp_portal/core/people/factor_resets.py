"""Lost second factors, removed because delegates ask for it: after a day, or as soon as a second delegate agrees.

One delegate alone never opens somebody's account: until the day is over the person, who is told at once, can say that it was not
them, or simply sign in with the factor, which ends the request. Every verb needs a whole scope and the account of the person.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.accounts import is_shared, rows_of
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.factors import has_factor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.people.accounts import end_resets, resets_about
from hp_portal.core.people.changes import remove_factors, tell_change
from hp_portal.core.people.models import RESET_CANCELED, RESET_DONE, RESET_USED, FactorReset
from hp_portal.core.web.formats import show_datetime
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings

BY_DELEGATES = "factors-reset"


class NothingToReset(Exception):
    """The person has no second factor, or nobody asks to remove it, or somebody does already: see the page."""


class SecondNeeded(Exception):
    """Whoever asked cannot agree to it themselves, nor can the person it is about."""


def open_reset(session: PortalSession, person_id: int) -> FactorReset | None:
    """What waits for somebody, in any scope that shows the person."""
    wanted = sa.select(FactorReset).where(FactorReset.person_id == person_id, FactorReset.ended_at.is_(None))
    return session.scalars(wanted).one_or_none()


def ask(session: PortalSession, settings: Settings, actor: Actor, person: Person, reason: str) -> None:
    """A delegate asks; the person and the other delegates are told. `reason`: how they know who it is. Raises NothingToReset."""
    lock(session, f"account:{person.root_id}")
    session.refresh(person)
    if person.deactivated_at is not None or not has_factor(session, person) or open_reset(session, person.id):
        raise NothingToReset
    now = clock.now()
    reset = FactorReset(
        person_id=person.id,
        asked_by_id=actor.person_id,
        reason=reason,
        asked_at=now,
        due_at=now + dt.timedelta(hours=settings.factor_reset_hours),
    )
    session.add(reset)
    session.flush()
    record(session, "people.factors.reset-asked", reason=reason, person=person.id)
    due = show_datetime(reset.due_at, settings.payer.zone)
    tell_change(
        session,
        person,
        "factors-asked",
        f"{actor.display_name} asked, and it is done on {due} unless you sign in with them before",
    )
    values = {
        "name": person.name,
        "delegate": actor.display_name,
        "due": due,
        "link": absolute_url("accounts.one", person_id=person.id),
    }
    subject = f"{actor.display_name} asks to remove the second factors of {person.name}"
    for one in reachable(delegates_of(session, [person.organization_id])):
        if one.id not in (actor.person_id, person.id):
            add_message(session, Outgoing(one.email, "factor_reset", subject, resets_about(person.id), values))


def agree(session: PortalSession, actor: Actor, person: Person) -> None:
    """A second delegate agrees: it is done now. Raises SecondNeeded, or NothingToReset."""
    lock(session, f"account:{person.root_id}")
    reset = open_reset(session, person.id)
    if reset is None:
        raise NothingToReset
    if actor.person_id in (reset.asked_by_id, person.id):
        raise SecondNeeded
    reset.agreed_by_id = actor.person_id
    record(session, "people.factors.reset-agreed", person=person.id)
    _do(session, reset, person)


def cancel(session: PortalSession, person: Person) -> None:
    """A delegate takes it back. Raises NothingToReset."""
    lock(session, f"account:{person.root_id}")
    reset = open_reset(session, person.id)
    if reset is None:
        raise NothingToReset
    record(session, "people.factors.reset-canceled", person=person.id)
    end_resets(session, person.id, RESET_CANCELED)


def end_used(session: PortalSession, person: Person) -> None:
    """The person has used a second factor: what was said to be lost is not, in whichever of their organizations."""
    for row in rows_of(session, person):
        end_resets(session, row.id, RESET_USED)


def reset_due(session: PortalSession) -> None:
    """Do what has waited long enough. For the worker: commits after each."""
    due = sa.select(FactorReset.id).where(FactorReset.ended_at.is_(None), FactorReset.due_at <= clock.now())
    for reset_id in session.scalars(due.order_by(FactorReset.id)).all():
        reset = session.get_one(FactorReset, reset_id)
        person = session.get_one(Person, reset.person_id)
        lock(session, f"account:{person.root_id}")
        session.refresh(person)
        session.refresh(reset)
        if reset.ended_at is None:
            _do(session, reset, person)
        session.commit()


def _do(session: PortalSession, reset: FactorReset, person: Person) -> None:
    # It may have come to open another organization since it was asked.
    ours = person.deactivated_at is None and not is_shared(session, person)
    if not ours:
        record(session, "people.factors.reset-canceled", person=person.id)
    done = ours and remove_factors(session, person, reset.reason, BY_DELEGATES)
    end_resets(session, person.id, RESET_DONE if done else RESET_CANCELED)
