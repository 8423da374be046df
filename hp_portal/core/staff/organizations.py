"""All organizations as a list, for the payer's staff. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.audience import Audience
from hp_portal.core.audit.record import record
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.web.listing import Column, Listing, Order, Sorting, page_of
from hp_portal.database import PortalSession

_people = (
    sa.select(sa.func.count(Person.id))
    .where(Person.organization_id == Organization.id, Person.deactivated_at.is_(None))
    .correlate(Organization)
    .scalar_subquery()
)
_linked = (
    sa.select(sa.func.count(Grant.id))
    .where(Grant.organization_id == Organization.id, Grant.ended_at.is_(None))
    .correlate(Organization)
    .scalar_subquery()
)
ORGANIZATIONS = Sorting(
    (
        Column("name", "Name", sa.func.lower(Organization.name)),
        Column("type", "Type", Organization.audience),
        Column("validated", "Validated", Organization.validated_at, "date"),
        Column("people", "People", _people, "number"),
        Column("linked", "Linked Tax IDs and NPIs", _linked, "number"),
        Column("since", "Account since", Organization.created_at, "date"),
    ),
    default="name",
    tie=Organization.id,
)


@dataclass(frozen=True)
class OrganizationFilter:
    """What the list is narrowed to; empty values do not filter. `account`: "validated" or "waiting"."""

    name: str = ""
    audience: str = ""
    account: str = ""


@dataclass(frozen=True)
class ListedOrganization:
    """An organization in the list, with how many active people and linked TIN/NPIs it has."""

    id: int
    name: str
    audience: Audience
    validated_at: dt.datetime | None
    people: int
    linked: int
    created_at: dt.datetime


def find_organization(session: PortalSession, organization_id: int) -> Organization | None:
    """One organization, or None."""
    return session.get(Organization, organization_id)


def list_organizations(session: PortalSession, wanted: OrganizationFilter, order: Order) -> Listing[ListedOrganization]:
    """One page of organizations, recorded. Raises PastTheEnd."""
    rows = sa.select(
        Organization.id,
        Organization.name,
        Organization.audience,
        Organization.validated_at,
        _people,
        _linked,
        Organization.created_at,
    )
    if wanted.name:
        rows = rows.where(Organization.name.icontains(wanted.name, autoescape=True))
    if wanted.audience:
        rows = rows.where(Organization.audience == wanted.audience)
    if wanted.account:
        waiting = Organization.validated_at.is_(None)
        rows = rows.where(waiting if wanted.account == "waiting" else ~waiting)
    listing = page_of(session, rows, order, make=_listed)
    filters = {name: value for name, value in vars(wanted).items() if value}
    record(session, "staff.organization.listed", filters=filters, found=listing.total)
    return listing


def _listed(row: sa.Row[int, str, str, dt.datetime | None, int, int, dt.datetime]) -> ListedOrganization:
    key, name, audience, validated_at, people, linked, created_at = row
    return ListedOrganization(key, name, Audience(audience), validated_at, people, linked, created_at)
