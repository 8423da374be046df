"""Removing a Tax ID and NPI from one's own organization, and what is no longer seen then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import scopes
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import BY_ITSELF, Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.ending import end_access
from hp_portal.core.tax_ids.leaning import Leaning, check_shown, lost_with
from hp_portal.database import PortalSession
from hp_portal.hookspecs import PaidSoFar
from hp_portal.plugins import Plugins


class OnlyDelegates(Exception):
    """A delegate removes, nobody else."""


@dataclass(frozen=True)
class Loss:
    """What an organization no longer sees without a payee, and who there opens payments now. The TIN is masked.

    `billing`: what billing organizations lose with it, as no other office is linked to it.
    """

    grant_id: int
    name: str
    tin: str
    npi: str
    payments: int
    last_paid_on: dt.date | None
    kept: tuple[str, ...]
    people: tuple[str, ...]
    billing: tuple[Leaning, ...]


def paid_so_far(session: PortalSession, plugins: Plugins, payee_ids: Sequence[int]) -> Mapping[int, PaidSoFar]:
    """What has been paid to payees, as the plugins know it, in the scope of the session."""
    found: dict[int, PaidSoFar] = {}
    if not payee_ids:
        return found
    for _, answer in plugins.collect("portal_paid_so_far", session=session, payee_ids=list(payee_ids)):
        for payee_id, one in answer.items():
            before = found.get(payee_id, PaidSoFar())
            days = [day for day in (before.last_paid_on, one.last_paid_on) if day is not None]
            kept = (*before.kept, *one.kept)
            found[payee_id] = PaidSoFar(before.payments + one.payments, max(days, default=None), kept)
    return found


def find_loss(session: PortalSession, plugins: Plugins, actor: Actor, grant_id: int) -> Loss | None:
    """What would be lost with one of the organization's own links that are open, or None."""
    row = session.execute(
        sa.select(Payee)
        .join(Grant, Grant.payee_id == Payee.id)
        .where(Grant.id == grant_id, Grant.organization_id == actor.organization_id, Grant.is_open())
    ).scalar_one_or_none()
    if row is None:
        return None
    paid = paid_so_far(session, plugins, [row.id]).get(row.id, PaidSoFar())
    people = session.scalars(
        sa.select(Person.name)
        .where(
            Person.organization_id == actor.organization_id,
            Person.deactivated_at.is_(None),
            Person.id.in_(sa.select(PersonApplication.person_id)),
        )
        .order_by(Person.name)
    ).all()
    with scopes.whole(session, "who loses access together with the organization's own link"):
        billing = lost_with(session, grant_id)
    return Loss(
        grant_id,
        row.name,
        row.masked_tin(session),
        row.npi or "",
        paid.payments,
        paid.last_paid_on,
        tuple(paid.kept),
        tuple(people),
        tuple(billing),
    )


def remove(session: PortalSession, actor: Actor, grant_id: int, reason: str, shown: Collection[int]) -> bool:
    """End one of the organization's own links; False when it has ended meanwhile. `shown`: the grants of billing organizations
    that were said to end with it. Raises OnlyDelegates, or MoreLose."""
    if not actor.is_delegate:
        raise OnlyDelegates
    own = sa.and_(Grant.id == grant_id, Grant.organization_id == actor.organization_id)
    with scopes.whole(session, "the organization gives up what it sees itself"):
        check_shown(session, grant_id, shown)
        return bool(end_access(session, actor, own, BY_ITSELF, reason))
