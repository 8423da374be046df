"""Tax IDs and NPIs linked to an organization, and ended, by the payer's staff. Every verb needs a whole scope."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import Actor
from hp_portal.core.organizations.models import BY_PAYER, Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.ended import hold_going_on
from hp_portal.core.tax_ids.ending import end_access, end_overdue
from hp_portal.core.tax_ids.grants import AlreadyLinked
from hp_portal.core.tax_ids.leaning import check_shown
from hp_portal.core.tax_ids.notices import tell_of_link
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PortalEvent


@dataclass(frozen=True)
class OpenGrant:
    """An organization's open link to a payee. The TIN is masked."""

    grant_id: int
    organization_id: int
    organization: str
    payee_id: int
    payee: str
    tin: str
    npi: str


def link_payee(session: PortalSession, actor: Actor, organization: Organization, payee: Payee, reason: str) -> Grant:
    """Let an organization see what is paid to a payee, on the payer's own word. Raises AlreadyLinked, or
    OrganizationEnded."""
    hold_going_on(session, organization.id)
    lock(session, f"grant:{organization.id}:{payee.id}")
    end_overdue(session, organization.id, payee.id)
    open_already = sa.select(Grant.id).where(Grant.links(organization.id, payee.id))
    if session.scalar(open_already) is not None:
        raise AlreadyLinked
    grant = Grant(
        organization_id=organization.id,
        payee_id=payee.id,
        proof="payer",
        granted_by_id=actor.person_id,
        granted_at=clock.now(),
    )
    session.add(grant)
    session.flush()
    record(session, "tax-id-npi-access.grant.recorded", reason=reason, organization=organization.id, payee=payee.id)
    session.announce(PortalEvent("grant.added", {"organization": organization.id, "payee": payee.id}))
    tell_of_link(session, grant)
    return grant


def find_open_grant(session: PortalSession, grant_id: int) -> OpenGrant | None:
    """A link that has not ended, or None."""
    row = session.execute(
        sa.select(Grant, Organization.name, Payee)
        .join(Organization, Organization.id == Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(Grant.id == grant_id, Grant.is_open())
    ).one_or_none()
    if row is None:
        return None
    grant, organization, payee = row
    tin = payee.masked_tin(session)
    return OpenGrant(grant.id, grant.organization_id, organization, payee.id, payee.name, tin, payee.npi or "")


def end_grant(session: PortalSession, actor: Actor, grant: OpenGrant, reason: str, shown: Collection[int]) -> bool:
    """Let the organization see nothing more of the payee, from the next page on; False when it has ended meanwhile.

    Objections to the link are settled by that. `shown`: the grants of billing organizations that were said to end with it.
    Raises MoreLose.
    """
    check_shown(session, grant.grant_id, shown)
    return bool(end_access(session, actor, Grant.id == grant.grant_id, BY_PAYER, reason))
