"""A provider ends what billing organizations see of its payees, and invites a billing service.

Another provider that is linked to the same Tax ID is not ended so: one objects to its link, and staff decide.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.objections import settle_by_end
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PortalEvent
from hp_portal.scopes import in_whole

INVITATIONS, INVITED_IN = 20, dt.timedelta(days=1)
"""So many billing services one organization invites in a day."""
_INVITE = "billing-invitation"


class NoDelegate(Exception):
    """Who wants to end something is no delegate of the organization any more."""


@dataclass(frozen=True)
class Ended:
    """What has ended: whose access to which payee."""

    organization_id: int
    organization: str
    payee: str


@in_whole("a provider ends what billing organizations see of its own payees")
def end_billing_access(session: PortalSession, actor: Actor, grants: Collection[int], reason: str) -> list[Ended]:
    """End access of billing organizations to payees that the actor's organization is linked to itself, from the next page on.

    Whoever loses it is told, and so are the other delegates of the actor's organization. Left out of the answer is what has ended
    meanwhile, what belongs to another kind of organization, and what is about payees of others. Raises NoDelegate. The caller
    commits.
    """
    lock(session, f"delegates of {actor.organization_id}")
    if actor.person_id not in {one.id for one in delegates_of(session, [actor.organization_id])}:
        raise NoDelegate
    own = session.get_one(Organization, actor.organization_id)
    if own.audience == Audience.BILLING or own.provisional or own.validated_at is None:
        return []
    ended = [_end(session, actor, row, reason) for row in _endable(session, own.id, grants)]
    found = [one for one in ended if one is not None]
    for organization_id in sorted({one.organization_id for one in found}):
        _tell(session, actor, own, [one for one in found if one.organization_id == organization_id], reason)
    return found


def _endable(session: PortalSession, own: int, grants: Collection[int]) -> list[tuple[Grant, Organization, Payee]]:
    mine = sa.select(Grant.payee_id).where(Grant.organization_id == own, Grant.is_open())
    rows = session.execute(
        sa.select(Grant, Organization, Payee)
        .join(Organization, Organization.id == Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(
            Grant.id.in_(grants),
            Grant.is_open(),
            Grant.payee_id.in_(mine),
            Organization.audience == Audience.BILLING,
        )
        .order_by(Grant.organization_id, Grant.payee_id)
    ).all()
    return [(grant, organization, payee) for grant, organization, payee in rows]


def _end(session: PortalSession, actor: Actor, row: tuple[Grant, Organization, Payee], reason: str) -> Ended | None:
    grant, organization, payee = row
    lock(session, f"grant:{organization.id}:{payee.id}")
    done = session.execute(
        sa.update(Grant)
        .where(Grant.id == grant.id, Grant.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by_id=actor.person_id)
        .returning(Grant.id)
    ).first()
    if done is None:
        return None
    record(session, "tax-id-npi-access.access.taken", reason=reason, organization=organization.id, payee=payee.id)
    who = Who(organization_id=organization.id, request_id=get_who(session).request_id)
    record(session, "tax-id-npi-access.access.lost", who=who, payee=payee.id)
    session.announce(PortalEvent("grant.ended", {"organization": organization.id, "payee": payee.id}))
    settle_by_end(session, actor, grant.id, reason)
    return Ended(organization.id, organization.name, f"{payee.name} (NPI {payee.npi})" if payee.npi else payee.name)


def _tell(session: PortalSession, actor: Actor, own: Organization, ended: list[Ended], reason: str) -> None:
    """The delegates of whoever lost it, and the other delegates at home."""
    other = ended[0]
    values = {
        "delegate": actor.display_name,
        "organization": own.name,
        "other": other.organization,
        "payees": [one.payee for one in ended],
        "reason": reason,
        "contact": absolute_url("pages.contact"),
    }
    about = f"access-ended:{own.id}:{other.organization_id}"
    home, away = f"{other.organization} no longer sees your payments", f"You no longer see payments of {own.name}"
    for person in reachable(delegates_of(session, [own.id, other.organization_id])):
        if person.id == actor.person_id:
            continue
        at_home = person.organization_id == own.id
        shown = {**values, "name": person.name, "at_home": at_home, "reason": reason if at_home else ""}
        add_message(session, Outgoing(person.email, "billing_ended", home if at_home else away, about, shown))


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
