"""Access of billing organizations that leans on a provider's office: who else is linked to the payee sees it, and can end it.

When the last office that is linked to a payee lets go, nobody would be shown what billing organizations go on seeing, so that
ends with it. Every function needs a whole scope.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.audience import Audience
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.database import PortalSession, lock

MORE = "More billing organizations see these payments since the page was shown. Look at the list again, then decide."


class MoreLose(Exception):
    """More billing organizations would lose their access than was shown."""


@dataclass(frozen=True)
class Link:
    """The open link of a provider's office to a payee."""

    grant_id: int
    organization_id: int
    payee_id: int
    tin: str


@dataclass(frozen=True)
class Leaning:
    """Access of a billing organization to a payee that nobody would be shown."""

    grant_id: int
    organization_id: int
    organization: str
    payee_id: int
    payee: str
    tin: str


_OFFICES = (
    Organization.audience != Audience.BILLING,
    # Whoever has access on trial, or none yet, is shown nothing of others.
    sa.not_(Organization.provisional),
    Organization.validated_at.is_not(None),
    Organization.ended_at.is_(None),
)


def links_of_offices(session: PortalSession, *which: sa.ColumnElement[bool]) -> list[Link]:
    """Those of these grants that are links of offices, by Tax ID."""
    rows = session.execute(
        sa.select(Grant.id, Grant.organization_id, Payee)
        .join(Organization, Organization.id == Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(*_OFFICES, *which)
    ).all()
    found = [Link(grant, organization, payee.id, payee.whole_tin(session)) for grant, organization, payee in rows]
    return sorted(found, key=lambda one: (one.tin, one.grant_id))


def hold_tins(session: PortalSession, tins: Collection[str]) -> None:
    """Nobody else lets go of these Tax IDs, or approves access to them as an office, until the transaction ends."""
    for tin in sorted(set(tins)):
        lock(session, f"offices of:{tin}")


def leaning_on(session: PortalSession, links: Sequence[Link]) -> list[Leaning]:
    """What billing organizations see that nobody is shown without these links.

    That is a payee of one of them that no other office is linked to, and any payee of a Tax ID that no office is linked to.
    """
    if not links:
        return []
    gone, let_go = {one.payee_id for one in links}, {one.grant_id for one in links}
    same_tin = Payee.tin_in(session, {one.tin for one in links})
    left = links_of_offices(session, same_tin, Grant.is_open(), Grant.id.not_in(let_go))
    payees_left, tins_left = {one.payee_id for one in left}, {one.tin for one in left}
    rows = session.execute(
        sa.select(Grant.id, Organization.id, Organization.name, Payee)
        .join(Organization, Organization.id == Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(Grant.is_open(), Organization.audience == Audience.BILLING, same_tin)
        .order_by(Organization.name, Organization.id, Payee.name, Payee.npi, Grant.id)
    ).all()
    found = []
    for grant_id, organization_id, name, payee in rows:
        tin = payee.whole_tin(session)
        if (payee.id in gone and payee.id not in payees_left) or tin not in tins_left:
            named = f"{payee.name} (NPI {payee.npi})" if payee.npi else payee.name
            found.append(Leaning(grant_id, organization_id, name, payee.id, named, tin))
    return found


def lost_with(session: PortalSession, grant_id: int) -> list[Leaning]:
    """What billing organizations lose when this one link ends."""
    return leaning_on(session, links_of_offices(session, Grant.id == grant_id, Grant.is_open()))


def check_shown(session: PortalSession, grant_id: int, shown: Collection[int]) -> None:
    """Hold the Tax ID of a link that is about to end. Raises MoreLose when that takes access along that is not among `shown`."""
    links = links_of_offices(session, Grant.id == grant_id, Grant.is_open())
    hold_tins(session, [one.tin for one in links])
    if not {one.grant_id for one in leaning_on(session, links)} <= set(shown):
        raise MoreLose


def read_shown(text: str) -> set[int]:
    """The grants that a page listed, with commas between; what cannot be read is none of them."""
    return {int(one) for one in text.split(",") if one.isascii() and one.isdecimal() and len(one) < 19}
