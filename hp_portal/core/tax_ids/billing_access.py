"""A provider's office ends or extends what billing organizations see of its payees, and invites a billing service.

Another provider that is linked to the same Tax ID is not ended so: one objects to its link, and staff decide.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.core.organizations.models import BY_PROVIDER, Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.ending import HOW_ENDED, end_access
from hp_portal.core.tax_ids.models import EXTENDED, LET_END, AccessEnding
from hp_portal.core.tax_ids.seeing import on_trial, tins_of
from hp_portal.core.web.formats import show_date
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole

INVITATIONS, INVITED_IN = 20, dt.timedelta(days=1)
"""So many billing services one organization invites in a day."""
ASKED_BEFORE = dt.timedelta(days=30)
"""So long before access ends by itself the provider's office is asked whether it goes on."""
_INVITE = "billing-invitation"
_WHY = "a provider decides what billing organizations see of its own payees"


class NoDelegate(Exception):
    """Who wants to end something is no delegate of the organization any more."""


class AnsweredMeanwhile(Exception):
    """The access has ended, or ends on another day by now."""


@dataclass(frozen=True)
class Lost:
    """What has ended: whose access to which payee."""

    organization_id: int
    organization: str
    payee: str


@dataclass(frozen=True)
class Ending:
    """Access of a billing organization that ends by itself before long."""

    grant_id: int
    organization: str
    payee: str
    ends_at: dt.datetime


def _named(payee: Payee) -> str:
    return f"{payee.name} (NPI {payee.npi})" if payee.npi else payee.name


def _hold(session: PortalSession, actor: Actor) -> Organization:
    """The actor's organization, in which nobody else decides about access until the transaction ends. Raises NoDelegate."""
    lock(session, f"delegates of {actor.organization_id}")
    if actor.person_id not in {one.id for one in delegates_of(session, [actor.organization_id])}:
        raise NoDelegate
    return session.get_one(Organization, actor.organization_id, populate_existing=True)


Row = tuple[Grant, Organization, Payee]


def _decidable(
    session: PortalSession, own: Organization, *which: sa.ColumnElement[bool], whole_tins: bool = False
) -> list[Row]:
    """Open access of billing organizations to payees that a provider is linked to itself; with `whole_tins` also to the other
    payees of its Tax IDs."""
    if own.audience == Audience.BILLING or on_trial(own):
        return []
    mine: sa.ColumnElement[bool] = Grant.payee_id.in_(
        sa.select(Grant.payee_id).where(Grant.organization_id == own.id, Grant.is_open())
    )
    if whole_tins:
        mine = sa.or_(mine, Payee.tin_in(session, tins_of(session, own.id)))
    rows = session.execute(
        sa.select(Grant, Organization, Payee)
        .join(Organization, Organization.id == Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(Grant.is_open(), mine, Organization.audience == Audience.BILLING, *which)
        .order_by(Grant.organization_id, Grant.payee_id)
        .execution_options(populate_existing=True)
    ).all()
    return [(grant, organization, payee) for grant, organization, payee in rows]


@in_whole(_WHY)
def end_billing_access(session: PortalSession, actor: Actor, grants: Collection[int], reason: str) -> list[Lost]:
    """End access of billing organizations to payees of the actor's organization and of its Tax IDs, from the next page on.

    Whoever loses it is told, and so are the other delegates of the actor's organization. Left out of the answer is what has ended
    meanwhile, what belongs to another kind of organization, and what is about payees of others. Raises NoDelegate. The caller
    commits.
    """
    own = _hold(session, actor)
    found = {
        grant.id: Lost(other.id, other.name, _named(payee))
        for grant, other, payee in _decidable(session, own, Grant.id.in_(grants), whole_tins=True)
    }
    ended = end_access(session, actor, Grant.id.in_(sorted(found)), BY_PROVIDER, reason) if found else []
    lost = [found[one.grant_id] for one in ended]
    for name in dict.fromkeys(one.organization for one in lost):
        _tell_at_home(session, actor, name, [one.payee for one in lost if one.organization == name], reason)
    return lost


def _at_home(session: PortalSession, actor: Actor) -> list[Person]:
    """The other delegates of the actor's organization who can be written to."""
    found = reachable(delegates_of(session, [actor.organization_id]))
    return [one for one in found if one.id != actor.person_id]


def _tell_at_home(session: PortalSession, actor: Actor, other: str, payees: Sequence[str], reason: str) -> None:
    values = {
        "organization": other,
        "own": False,
        "how": f"{HOW_ENDED[BY_PROVIDER]}, by {actor.display_name}",
        "reason": reason,
        "payees": list(payees),
        "link": absolute_url("seeing.index"),
    }
    about, subject = f"access-ended:{actor.organization_id}", f"The access of {other} has ended"
    for person in _at_home(session, actor):
        add_message(
            session, Outgoing(person.email, "access_ended", subject, about, {"delegate": person.name, **values})
        )


def end_of(day: dt.date) -> dt.datetime:
    """The midnight that ends a day, in the payer's zone."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), settings().payer.zone).astimezone(dt.UTC)


@in_whole(_WHY)
def find_ending(session: PortalSession, actor: Actor, grant_id: int) -> Ending | None:
    """One access of a billing organization that ends by itself, which the actor's organization may extend; or None."""
    own = session.get_one(Organization, actor.organization_id)
    rows = _decidable(session, own, Grant.id == grant_id, Grant.ends_at.is_not(None))
    return next((_ending(*row) for row in rows), None)


def _ending(grant: Grant, organization: Organization, payee: Payee) -> Ending:
    return Ending(grant.id, organization.name, _named(payee), grant.ends_at or clock.now())


@in_whole(_WHY)
def answer_ending(session: PortalSession, actor: Actor, ending: Ending, until: dt.date | None) -> None:
    """Let access go on until the end of a day, or, with None, end as it was to; whoever asked for it is told when it goes on.

    Raises NoDelegate, or AnsweredMeanwhile. The caller commits.
    """
    own = _hold(session, actor)
    lock(session, f"access-ending:{ending.grant_id}")
    rows = _decidable(session, own, Grant.id == ending.grant_id)
    if not rows or rows[0][0].ends_at != ending.ends_at:
        raise AnsweredMeanwhile
    grant, other, payee = rows[0]
    _answered(session, actor, grant, EXTENDED if until else LET_END)
    if until is None:
        record(session, "tax-id-npi-access.access.let-end", organization=other.id, payee=payee.id)
        return
    grant.ends_at = end_of(until)
    session.flush()
    shown = show_date(until)
    record(session, "tax-id-npi-access.access.extended", organization=other.id, payee=payee.id, until=shown)
    who = Who(organization_id=other.id, request_id=get_who(session).request_id)
    record(session, "tax-id-npi-access.access.goes-on", who=who, payee=payee.id, until=shown)
    values = {
        "organization": own.name,
        "payee": _named(payee),
        "until": shown,
        "link": absolute_url("tax-id-npi-access.index"),
    }
    about, subject = f"access-extended:{other.id}", f"You see payments of {own.name} until {shown}"
    for person in reachable(delegates_of(session, [other.id])):
        add_message(session, Outgoing(person.email, "access_extended", subject, about, {"name": person.name, **values}))


def _answered(session: PortalSession, actor: Actor, grant: Grant, answer: str) -> None:
    """Nobody who was asked about this end is asked any more."""
    asked = sa.update(AccessEnding).where(
        AccessEnding.grant_id == grant.id, AccessEnding.ends_at == grant.ends_at, AccessEnding.answered_at.is_(None)
    )
    values = {"answered_at": clock.now(), "answered_by_id": actor.person_id, "answer": answer}
    session.execute(asked.values(**values).execution_options(synchronize_session=False))


def unanswered_endings(session: PortalSession, actor: Actor) -> list[Ending]:
    """What a delegate's organization was asked about and nobody has answered, the next to end first; none for others."""
    if not actor.is_delegate or actor.organization_id is None:
        return []
    return _unanswered(session, actor.organization_id)


@in_whole(_WHY)
def _unanswered(session: PortalSession, organization_id: int) -> list[Ending]:
    rows = session.execute(
        sa.select(Grant, Organization, Payee)
        .join(AccessEnding, sa.and_(AccessEnding.grant_id == Grant.id, AccessEnding.ends_at == Grant.ends_at))
        .join(Organization, Organization.id == Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(AccessEnding.organization_id == organization_id, AccessEnding.answered_at.is_(None), Grant.is_open())
        .order_by(Grant.ends_at, Grant.id)
    ).all()
    return [_ending(*row) for row in rows]


def ask_about_endings(session: PortalSession) -> None:
    """Ask providers' offices whether access that ends by itself within 30 days goes on. Needs a whole scope; for the worker.

    What was given for less than that is not asked about.
    """
    soon = clock.now() + ASKED_BEFORE
    own, asked = sa.orm.aliased(Grant), AccessEnding
    known = sa.exists().where(
        asked.grant_id == Grant.id, asked.ends_at == Grant.ends_at, asked.organization_id == own.organization_id
    )
    holder = sa.orm.aliased(Organization)
    rows = session.execute(
        sa.select(own.organization_id, Grant, Organization, Payee)
        .join(own, own.payee_id == Grant.payee_id)
        .join(holder, holder.id == own.organization_id)
        .join(Organization, Organization.id == Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(
            Grant.is_open(),
            Grant.ends_at <= soon,
            Organization.audience == Audience.BILLING,
            own.is_open(),
            holder.audience != Audience.BILLING,
            sa.not_(holder.provisional),
            holder.ended_at.is_(None),
            ~known,
        )
        .order_by(own.organization_id, Grant.organization_id, Grant.ends_at, Grant.id)
    ).all()
    told: dict[tuple[int, str], list[Ending]] = {}
    for asked_id, grant, other, payee in rows:
        if grant.ends_at is None or grant.ends_at - grant.granted_at <= ASKED_BEFORE:
            continue
        session.add(
            AccessEnding(organization_id=asked_id, grant_id=grant.id, ends_at=grant.ends_at, asked_at=clock.now())
        )
        who = Who(organization_id=asked_id, request_id=get_who(session).request_id)
        named = {"organization": other.id, "payee": payee.id}
        record(session, "tax-id-npi-access.access.asked-about", who=who, reason="", **named)
        told.setdefault((asked_id, other.name), []).append(_ending(grant, other, payee))
    session.flush()
    for (asked_id, name), endings in told.items():
        _ask(session, asked_id, name, endings)


def _ask(session: PortalSession, asked_id: int, name: str, endings: Sequence[Ending]) -> None:
    zone = settings().payer.zone
    last_days = [(one.ends_at - dt.timedelta(seconds=1)).astimezone(zone).date() for one in endings]
    values = {
        "other": name,
        "endings": [f"{one.payee}, until {show_date(day)}" for one, day in zip(endings, last_days, strict=True)],
        "link": absolute_url("seeing.index"),
    }
    about, subject = f"access-ending:{asked_id}", f"The access of {name} ends soon"
    for person in reachable(delegates_of(session, [asked_id])):
        add_message(session, Outgoing(person.email, "access_ending", subject, about, {"name": person.name, **values}))


def invite_billing_service(session: PortalSession, actor: Actor, name: str, email: str) -> None:
    """Write to a billing service how it registers and asks for access. Raises TooManyAttempts. The caller commits."""
    own = f"{actor.organization_id}"
    check_attempts(session, _INVITE, own, limit=INVITATIONS, window=INVITED_IN)
    count_failure(session, _INVITE, own)
    values = {
        "delegate": actor.display_name,
        "organization": actor.organization_name,
        "link": absolute_url("registration.start"),
        "access": absolute_url("tax-id-npi-access.index"),
    }
    about, subject = f"billing-invitation:{own}", f"{actor.organization_name} invites you to the provider portal"
    add_message(session, Outgoing(email, "billing_invited", subject, about, values))
    record(session, "tax-id-npi-access.billing.invited", name=name)
