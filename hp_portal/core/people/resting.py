"""Accounts of organizations that nobody uses: reminded of, then deactivated. The worker does it; everything needs a whole scope.

An account is used whenever its person is signed in, for whichever organization. Nobody with a confirmed address is deactivated
who was not told twice, 14 days and 3 days before: where the worker stood still, the day moves. The only delegate of an
organization is never deactivated so, since nobody could take over: they are told once, and then staff are.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.core.agreements.delegates import once_accepted
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.accounts import is_open, opens, rows_of
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.identity.unconfirmed import is_unconfirmed, reachable
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.accounts import deactivate_account
from hp_portal.core.people.models import AccountRest
from hp_portal.core.web.formats import show_day
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings

FIRST, SECOND = dt.timedelta(days=14), dt.timedelta(days=3)


@dataclass(frozen=True)
class UnusedDelegate:
    """The only delegate of an organization, who has not signed in for long."""

    person_id: int
    name: str
    organization: str
    last_use: dt.datetime


def rests_about(person_id: int) -> str:
    """What the messages about an unused account are about."""
    return f"account-rest:{person_id}"


def _last_use() -> sa.ScalarSelect[dt.datetime]:
    mine = sa.select(sa.func.max(SignIn.last_seen_at)).where(SignIn.person_id == Person.id).correlate(Person)
    return mine.scalar_subquery()


def _begun(row: type[Person]) -> sa.ColumnElement[dt.datetime]:
    """When a row was made, or brought back."""
    return sa.func.coalesce(row.reactivated_at, row.created_at)


def _unused(session: PortalSession, settings: Settings) -> dict[int, tuple[Person, dt.datetime]]:
    """The active accounts of organizations that will have been unused for too long in two weeks, and when each was last used."""
    before = clock.now() - dt.timedelta(days=settings.account_rest_days) + FIRST
    seen = sa.exists().where(SignIn.person_id == Person.id, SignIn.last_seen_at > before).correlate(Person)
    other = aliased(Person)
    newer = sa.exists().where(other.account_id == Person.id, _begun(other) > before).correlate(Person)
    joined = (
        sa.select(sa.func.max(_begun(other))).where(other.account_id == Person.id).correlate(Person).scalar_subquery()
    )
    rows = session.execute(
        sa.select(Person, _last_use(), joined)
        .where(
            Person.account_id.is_(None),
            Person.organization_id.is_not(None),
            sa.not_(Person.is_staff),
            opens(),
            _begun(Person) <= before,
            sa.not_(newer),
            sa.not_(seen),
        )
        .order_by(Person.id)
    )
    return {
        person.id: (
            person,
            max(one for one in (person.created_at, person.reactivated_at, *moments) if one is not None),
        )
        for person, *moments in rows
    }


def rest_accounts(session: PortalSession, settings: Settings) -> None:
    """Remind whoever has not signed in for long, and deactivate whoever was reminded twice. Commits after each."""
    unused = _unused(session, settings) if settings.account_rest_days else {}
    for rest in session.scalars(sa.select(AccountRest).order_by(AccountRest.id)).all():
        known = unused.get(rest.person_id)
        if known is None or known[1] != rest.last_use:
            session.delete(rest)  # used since, or deactivated
    session.commit()
    for person, last_use in unused.values():
        _go_on(session, settings, person, last_use)
        session.commit()


def _can_take_over(session: PortalSession, delegates: list[Person]) -> bool:
    """Has one of these delegates accepted to be one? Who has not could not take over yet."""
    accepted = sa.select(Person.id).where(Person.id.in_([one.id for one in delegates]), once_accepted(Person))
    return session.scalar(accepted.limit(1)) is not None


def _go_on(session: PortalSession, settings: Settings, person: Person, last_use: dt.datetime) -> None:
    for organization_id in sorted(row.organization_id or 0 for row in rows_of(session, person)):
        lock(session, f"delegates of {organization_id}")
    lock(session, f"account:{person.root_id}")
    session.refresh(person)
    now = clock.now()
    if (
        not is_open(session, person)
        or (session.scalar(sa.select(_last_use()).where(Person.id == person.id)) or last_use) > last_use
    ):
        return
    rest = session.scalars(sa.select(AccountRest).where(AccountRest.person_id == person.id)).one_or_none()
    rows = [row for row in rows_of(session, person) if row.deactivated_at is None]
    others = {row.id: [one for one in delegates_of(session, [row.organization_id]) if one.id != row.id] for row in rows}
    alone = any(row.is_delegate and not _can_take_over(session, others[row.id]) for row in rows)
    if rest is None:
        due = max(last_use + dt.timedelta(days=settings.account_rest_days), now + FIRST)
        session.add(AccountRest(person_id=person.id, last_use=last_use, first_told_at=now, rests_at=due))
        _remind(session, settings, person, last_use, due, alone=alone)
    elif alone:
        return
    elif rest.second_told_at is None:
        if now >= rest.rests_at - SECOND:
            rest.second_told_at, rest.rests_at = now, max(rest.rests_at, now + SECOND)
            _remind(session, settings, person, last_use, rest.rests_at, alone=False)
    elif now >= rest.rests_at:
        session.delete(rest)
        session.flush()
        deactivate_account(session, person, f"Not used for {settings.account_rest_days} days")
        _tell_rested(session, settings, person, {row: others[row.id] for row in rows})


def _remind(
    session: PortalSession, settings: Settings, person: Person, last_use: dt.datetime, due: dt.datetime, *, alone: bool
) -> None:
    if is_unconfirmed(person.email):
        return
    record(session, "people.person.reminded", person=person.id, alone=alone)
    zone = settings.payer.zone
    values = {
        "name": person.name,
        "username": person.username,
        "since": show_day(last_use, zone),
        "due": show_day(due, zone),
        "alone": alone,
        "link": absolute_url("account.sign_in"),
        "forgot": absolute_url("recovery.ask"),
        "contact": absolute_url("pages.contact"),
    }
    subject = "Sign in to keep your account" if not alone else "Are you still the delegate of your organization?"
    add_message(session, Outgoing(person.email, "account_unused", subject, rests_about(person.id), values))


def _tell_rested(
    session: PortalSession, settings: Settings, person: Person, delegates: dict[Person, list[Person]]
) -> None:
    """`delegates`: those of each organization that the person worked for, by the person's row in it."""
    everybody = dict.fromkeys(one.name for those in delegates.values() for one in those)
    values = {
        "name": person.name,
        "username": person.username,
        "days": settings.account_rest_days,
        "delegates": ", ".join(everybody),
        "contact": absolute_url("pages.contact"),
    }
    about, subject = rests_about(person.id), f"The account of {person.name} is deactivated"
    for row, those in delegates.items():
        told = {**values, "link": absolute_url("accounts.one", person_id=row.id), "delegates": ""}
        for delegate in reachable(those):
            add_message(session, Outgoing(delegate.email, "account_rested_delegate", subject, about, told))
    if not is_unconfirmed(person.email):
        add_message(session, Outgoing(person.email, "account_rested", "Your account is deactivated", about, values))


def _unused_delegates() -> sa.Select[int, str, str, dt.datetime]:
    other = aliased(Person)
    another = sa.exists().where(
        other.organization_id == Person.organization_id,
        other.id != Person.id,
        other.is_delegate,
        other.deactivated_at.is_(None),
        once_accepted(other),
    )
    return (
        sa.select(Person.id, Person.name, Organization.name, AccountRest.last_use)
        .join(AccountRest, AccountRest.person_id == Person.root_id)
        .join(Organization, Organization.id == Person.organization_id)
        .where(
            Person.is_delegate,
            Person.deactivated_at.is_(None),
            AccountRest.rests_at <= clock.now(),
            ~another.correlate(Person),
        )
    )


def unused_delegates(session: PortalSession) -> list[UnusedDelegate]:
    """The only delegates of organizations who have not signed in for too long, and were told so, longest first."""
    rows = session.execute(_unused_delegates().order_by(AccountRest.last_use, Person.id))
    return [UnusedDelegate(*row) for row in rows]


def count_unused_delegates(session: PortalSession) -> int:
    """How many of them there are."""
    return session.scalar(sa.select(sa.func.count()).select_from(_unused_delegates().subquery())) or 0
