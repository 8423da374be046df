"""The accounts of a delegate's own organization: *View all accounts*, and what delegates do with them.

Read in the scope of the organization, which shows nobody else's people. Verbs take a person that was found so.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.audience import Audience
from hp_portal.core.applications import giving
from hp_portal.core.applications.matrix import audiences_of
from hp_portal.core.audit.record import record
from hp_portal.core.delegates.holding import (
    WHY,
    ChangedMeanwhile,
    LastDelegate,
    LockedByOwner,
    NoAddress,
    OwnAccount,
    held,
    other_delegates,
    tell,
)
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.documents.sheets import csv_file
from hp_portal.core.identity.accounts import account_of, hold_account
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.factors import owns_factor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.people import accounts, password_links
from hp_portal.core.people.changes import is_disowned
from hp_portal.core.people.models import Leaving
from hp_portal.core.people.sharing import Sharing, look_shared
from hp_portal.core.registration.closing import close_account
from hp_portal.core.tax_ids.seeing import last_sign_in
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.listing import AnySelect, Column, Listing, Order, Sorting, page_of
from hp_portal.database import PortalSession
from hp_portal.hookspecs import Application
from hp_portal.settings import Settings

_last = last_sign_in()
ACCOUNTS = Sorting(
    (
        Column("name", "Name", sa.func.lower(Person.name)),
        Column("username", "User name", Person.username),
        Column("", "Status"),
        Column("", "Applications"),
        Column("", "Second factor"),
        Column("seen", "Last sign-in", _last, "date"),
    ),
    default="name",
    tie=Person.id,
)
HEADINGS = (
    "Name",
    "User name",
    "E-mail",
    "Status",
    "Delegate",
    "Applications",
    "Second factor",
    "Last sign-in",
    "Account since",
    "Leaves on",
)


@dataclass(frozen=True)
class AccountFilter:
    """What the list is narrowed to; empty values do not filter.

    `name`: part of the name, user name, or e-mail address. `state`: "active", "deactivated", "locked", or "delegate".
    `application`: its key. `factor`: "yes" or "no". `seen`: not signed in for so many days, as digits, or "never".
    """

    name: str = ""
    state: str = ""
    application: str = ""
    factor: str = ""
    seen: str = ""


@dataclass(frozen=True)
class Account:
    """An account as its delegates see it.

    `applications`: keys of those that are given; `locked`: whether its sign-in is paused; `shared`: it looks
    as if several people used it.
    """

    id: int
    name: str
    username: str
    email: str
    is_delegate: bool
    deactivated_at: dt.datetime | None
    created_at: dt.datetime
    last_sign_in: dt.datetime | None
    factor: bool
    email_returned_at: dt.datetime | None
    applications: list[str] = field(default_factory=list)
    locked: accounts.Pause | None = None
    shared: Sharing | None = None

    @property
    def reachable(self) -> bool:
        """Has the account an e-mail address that somebody has confirmed?"""
        return not is_unconfirmed(self.email)

    @property
    def state(self) -> str:
        """In words."""
        return "Deactivated" if self.deactivated_at else "Locked" if self.locked else "Active"


def _rows(organization_id: int | None) -> AnySelect:
    """For a whole scope: signing in hangs on the account, which may be another organization's."""
    return sa.select(
        Person.id,
        Person.name,
        Person.username,
        Person.email,
        Person.is_delegate,
        Person.deactivated_at,
        Person.created_at,
        _last,
        owns_factor(),
        Person.email_returned_at,
    ).where(sa.not_(Person.is_staff), Person.organization_id == organization_id)


def _narrowed(session: PortalSession, settings: Settings, actor: Actor, wanted: AccountFilter) -> AnySelect:
    rows = _rows(actor.organization_id)
    if wanted.name:
        # `icontains` writes a literal into the statement, which the wall around an organization's scope lets nobody do.
        pattern = "%" + re.sub("([/%_])", r"/\1", wanted.name) + "%"
        columns = (Person.name, Person.username, Person.email)
        rows = rows.where(sa.or_(*(column.ilike(pattern, escape="/") for column in columns)))
    if wanted.state == "locked":
        with scopes.whole(session, "counts of tries are nobody's own"):
            locked = list(accounts.locked_people(session, settings, actor.organization_id))
        rows = rows.where(Person.id.in_(locked), Person.deactivated_at.is_(None))
    elif wanted.state == "delegate":
        rows = rows.where(Person.is_delegate, Person.deactivated_at.is_(None))
    elif wanted.state:
        active = Person.deactivated_at.is_(None)
        rows = rows.where(active if wanted.state == "active" else sa.not_(active))
    if wanted.application:
        has = sa.select(PersonApplication.person_id).where(PersonApplication.application == wanted.application)
        rows = rows.where(Person.id.in_(has))
    if wanted.factor:
        rows = rows.where(owns_factor() if wanted.factor == "yes" else sa.not_(owns_factor()))
    if wanted.seen == "never":
        rows = rows.where(_last.is_(None))
    elif wanted.seen:
        since = clock.now() - dt.timedelta(days=int(wanted.seen))
        rows = rows.where(sa.or_(_last < since, sa.and_(_last.is_(None), Person.created_at < since)))
    return rows


def _with_details(session: PortalSession, settings: Settings, found: list[Account]) -> list[Account]:
    ids = [one.id for one in found]
    given: dict[int, list[str]] = {}
    rows = sa.select(PersonApplication.person_id, PersonApplication.application)
    for person_id, application in session.execute(
        rows.where(PersonApplication.person_id.in_(ids)).order_by(PersonApplication.id)
    ):
        given.setdefault(person_id, []).append(application)
    with scopes.whole(session, "counts of tries are nobody's own"):
        locked = accounts.locked_for(session, settings, ids)
    return [replace(one, applications=given.get(one.id, []), locked=locked.get(one.id)) for one in found]


def _with_sharing(session: PortalSession, found: list[Account]) -> list[Account]:
    shared = look_shared(session, [one.id for one in found])
    return [replace(one, shared=shared.get(one.id)) for one in found]


def _account(row: Any) -> Account:
    return Account(*row)


def _filters(wanted: AccountFilter) -> dict[str, str]:
    return {name: value for name, value in vars(wanted).items() if value}


def list_accounts(
    session: PortalSession, settings: Settings, actor: Actor, wanted: AccountFilter, order: Order
) -> Listing[Account]:
    """One page of the organization's accounts, recorded. Raises PastTheEnd. The caller commits."""
    with scopes.whole(session, WHY):
        listing = page_of(session, _narrowed(session, settings, actor, wanted), order, make=_account)
    record(session, "delegates.account.listed", filters=_filters(wanted), found=listing.total)
    return listing.with_rows(_with_sharing(session, _with_details(session, settings, listing.rows)))


def _leave_on(session: PortalSession, person_ids: list[int]) -> dict[int, dt.date]:
    """When those of these people leave of whom that was said."""
    rows = sa.select(Leaving.person_id, Leaving.leaves_on)
    wanted = rows.where(Leaving.person_id.in_(person_ids), Leaving.ended_at.is_(None))
    return dict(list(session.execute(wanted)))


def accounts_csv(
    session: PortalSession, settings: Settings, actor: Actor, wanted: AccountFilter, applications: list[Application]
) -> bytes:
    """The same as a CSV file, all of them by name, recorded. The caller commits."""
    with scopes.whole(session, WHY):
        wanted_rows = _narrowed(session, settings, actor, wanted)
        rows = session.execute(wanted_rows.order_by(sa.func.lower(Person.name), Person.id)).all()
    found = _with_details(session, settings, [_account(row) for row in rows])
    labels = {one.key: one.label for one in applications}
    leaves = _leave_on(session, [one.id for one in found])
    record(session, "delegates.account.downloaded", filters=_filters(wanted), found=len(found))
    return csv_file(
        HEADINGS,
        [
            (
                one.name,
                one.username,
                one.email if one.reachable else "",
                one.state,
                one.is_delegate,
                ", ".join(labels[key] for key in one.applications if key in labels),
                one.factor,
                one.last_sign_in,
                one.created_at,
                leaves.get(one.id),
            )
            for one in found
        ],
        zone=settings.payer.zone,
    )


def find_account(session: PortalSession, person_id: int) -> Person | None:
    """Somebody of the session's organization, or None."""
    return session.scalars(sa.select(Person).where(Person.id == person_id, sa.not_(Person.is_staff))).one_or_none()


def view_account(session: PortalSession, settings: Settings, person: Person) -> Account:
    """One account, recorded. The caller commits."""
    record(session, "delegates.account.viewed", person=person.id)
    with scopes.whole(session, WHY):
        row = session.execute(_rows(person.organization_id).where(Person.id == person.id)).one()
    return _with_sharing(session, _with_details(session, settings, [_account(row)]))[0]


def applications_to_give(session: PortalSession, actor: Actor, applications: list[Application]) -> list[Application]:
    """Those of the installed applications that are enabled for the actor's kind of organization."""
    return [one for one in applications if Audience(actor.audience) in audiences_of(session, one)]


def give(session: PortalSession, actor: Actor, person: Person, application: Application, *, wanted: bool) -> None:
    """Give an application to somebody of the own organization, or take it, and tell them. Again changes nothing.

    Raises ChangedMeanwhile.
    """
    deed = giving.give_application if wanted else giving.take_application
    with held(session, actor, person):
        if deed(session, actor, person, application) and person.id != actor.person_id:
            label = [application.label]
            tell(session, actor, person, "applications", given=label if wanted else [], taken=[] if wanted else label)


def unlock(session: PortalSession, actor: Actor, person: Person) -> None:
    """Forget the failed tries that pause somebody's sign-in. The caller commits, as for every verb here."""
    with held(session, actor, person):
        accounts.unlock(session, person)


def send_password_link(session: PortalSession, settings: Settings, actor: Actor, person: Person) -> None:
    """Send somebody a link to set a password, to their own address: the delegate never sees it. Earlier ones end.

    Raises ChangedMeanwhile for a deactivated account, and NoAddress.
    """
    with held(session, actor, person):
        hold_account(session, account_of(session, person))  # its address stays as it is until the link is written
        if person.deactivated_at is not None:
            raise ChangedMeanwhile
        if is_unconfirmed(person.email):
            raise NoAddress
        made = password_links.make_link(session, settings, actor, person)
        values = {
            "name": person.name,
            "username": person.username,
            "delegate": actor.display_name,
            "organization": actor.organization_name,
            "link": absolute_url("people.follow_link", token=made.token),
            "hours": f"{settings.password_link_hours:g}",
        }
        about, subject = accounts.password_links_about(person.root_id), "Set a password for the provider portal"
        add_message(session, Outgoing(person.email, "password_link", subject, about, values, secrets=("link",)))


def end_sessions(session: PortalSession, actor: Actor, person: Person) -> int:
    """Sign somebody out everywhere; returns how many sessions that ended."""
    with held(session, actor, person):
        return accounts.end_sessions(session, person)


def deactivate(session: PortalSession, actor: Actor, person: Person, reason: str) -> None:
    """Let somebody in no longer: their sessions and links end at once, and they are told.

    Raises OwnAccount, or ChangedMeanwhile.
    """
    if person.id == actor.person_id:
        raise OwnAccount
    with held(session, actor, person):
        # Whoever does it stays, a delegate: the organization has one.
        if not close_account(session, person, reason):
            raise ChangedMeanwhile
        tell(session, actor, person, "deactivated")


def reactivate(session: PortalSession, actor: Actor, person: Person) -> None:
    """Let somebody in again, with the password and applications they had, and tell them.

    Raises ChangedMeanwhile, LockedByOwner, and what `accounts.reactivate` raises where the organization has ended.
    """
    with held(session, actor, person):
        if is_disowned(session, person.id):
            raise LockedByOwner
        if not accounts.reactivate(session, person):
            raise ChangedMeanwhile
        tell(session, actor, person, "reactivated")


def make_delegate(session: PortalSession, actor: Actor, person: Person) -> None:
    """Make somebody a delegate, and tell them; they are asked to accept the agreement. Raises ChangedMeanwhile."""
    with held(session, actor, person):
        hold_account(session, person)
        if person.is_delegate or person.deactivated_at is not None:
            raise ChangedMeanwhile
        person.is_delegate, person.delegate_since = True, clock.now()
        session.flush()
        record(session, "people.delegate.made", person=person.id)
        tell(session, actor, person, "delegate")


def end_delegate(session: PortalSession, settings: Settings, actor: Actor, person: Person) -> None:
    """Make somebody, or oneself, an ordinary user again, and tell them.

    Raises ChangedMeanwhile, or LastDelegate: somebody else must have accepted the site delegate agreement.
    """
    with held(session, actor, person):
        hold_account(session, person)
        if not person.is_delegate:
            raise ChangedMeanwhile
        if not other_delegates(session, settings, person):
            raise LastDelegate
        person.is_delegate, person.delegate_since = False, None
        session.flush()
        record(session, "people.delegate.ended", person=person.id)
        tell(session, actor, person, "no delegate")
