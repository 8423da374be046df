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
    .where(Grant.organization_id == Organization.id, Grant.is_open())
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
    """What the list is narrowed to; empty values do not filter. `account`: "validated", "waiting" or "ended"."""

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
    ended_at: dt.datetime | None


def find_organization(session: PortalSession, organization_id: int) -> Organization | None:
    """One organization, or None: also for one that has ended, to which nothing is added any more."""
    found = session.get(Organization, organization_id)
    return found if found is not None and found.ended_at is None else None


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
        Organization.ended_at,
    )
    if wanted.name:
        rows = rows.where(Organization.name.icontains(wanted.name, autoescape=True))
    if wanted.audience:
        rows = rows.where(Organization.audience == wanted.audience)
    if wanted.account:
        rows = rows.where(_account(wanted.account))
    listing = page_of(session, rows, order, make=_listed)
    filters = {name: value for name, value in vars(wanted).items() if value}
    record(session, "staff.organization.listed", filters=filters, found=listing.total)
    return listing


def _account(wanted: str) -> sa.ColumnElement[bool]:
    goes_on, waiting = Organization.ended_at.is_(None), Organization.validated_at.is_(None)
    return ~goes_on if wanted == "ended" else sa.and_(goes_on, waiting if wanted == "waiting" else ~waiting)


def _listed(
    row: sa.Row[int, str, str, dt.datetime | None, int, int, dt.datetime, dt.datetime | None],
) -> ListedOrganization:
    key, name, audience, validated_at, people, linked, created_at, ended_at = row
    return ListedOrganization(key, name, Audience(audience), validated_at, people, linked, created_at, ended_at)
