"""Service specialists: which one an organization asks, and how staff assign them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import (
    Audience,
    Column,
    EventSpec,
    Listing,
    Order,
    Organization,
    PortalSession,
    Reference,
    Sorting,
    page_of,
    record,
)

from .models import ServiceSpecialist

AUDIENCES = frozenset({Audience.HOSPITAL, Audience.PHYSICIAN, Audience.SPECIALTY, Audience.PHARMACY})
"""The provider types that begin with the application."""


@dataclass(frozen=True)
class Assigned:
    """An organization and its specialist; without one, `name`, `phone` and `email` are empty."""

    organization_id: int
    organization: str
    name: str
    phone: str
    email: str


SPECIALISTS = Sorting(
    (
        Column("organization", "Organization", sa.func.lower(Organization.name)),
        Column("name", "Service specialist", sa.func.lower(ServiceSpecialist.name)),
        Column("phone", "Telephone"),
        Column("email", "E-mail"),
    ),
    default="organization",
    tie=Organization.id,
)
_columns = (
    Organization.id,
    Organization.name,
    ServiceSpecialist.name,
    ServiceSpecialist.phone,
    ServiceSpecialist.email,
)


def _assigned(row: Sequence[Any]) -> Assigned:
    return Assigned(row[0], row[1], *(value or "" for value in row[2:]))


def _organizations() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(*_columns)
        .outerjoin(ServiceSpecialist, ServiceSpecialist.organization_id == Organization.id)
        .where(Organization.ended_at.is_(None), Organization.audience != Audience.BILLING)
    )


SHOWN = {"": "All organizations", "none": "Without a specialist"}


def list_specialists(session: PortalSession, order: Order, query: str = "", show: str = "") -> Listing[Assigned]:
    """One page of provider organizations with their specialists. Every word of the query is in the organization's name or in its
    specialist's; `show` is one of SHOWN. Needs a whole scope. Raises PastTheEnd."""
    wanted = _organizations()
    for word in query.split():
        like = "%" + re.sub("([/%_])", r"/\1", word) + "%"
        wanted = wanted.where(
            sa.or_(Organization.name.ilike(like, escape="/"), ServiceSpecialist.name.ilike(like, escape="/"))
        )
    if show == "none":
        wanted = wanted.where(ServiceSpecialist.id.is_(None))
    return page_of(session, wanted, order, make=_assigned)


def find_assigned(session: PortalSession, organization_id: int) -> Assigned | None:
    """A provider organization with its specialist, or None. Needs a whole scope."""
    row = session.execute(_organizations().where(Organization.id == organization_id)).one_or_none()
    return _assigned(row) if row else None


def own_specialist(session: PortalSession) -> ServiceSpecialist | None:
    """The specialist of the scope's organization, or None."""
    return session.scalars(sa.select(ServiceSpecialist)).one_or_none()


def assign_specialist(session: PortalSession, organization_id: int, name: str, phone: str, email: str) -> None:
    """Assign a specialist in place of the one before; with an empty name, none. Recorded. Needs a whole scope."""
    found = session.scalars(
        sa.select(ServiceSpecialist).where(ServiceSpecialist.organization_id == organization_id).with_for_update()
    ).one_or_none()
    if not name:
        if found is not None:
            session.delete(found)
            record(session, "profiles.specialist.removed", organization=organization_id)
        return
    if found is None:
        found = ServiceSpecialist(organization_id=organization_id)
        session.add(found)
    found.name, found.phone, found.email = name, phone, email
    record(session, "profiles.specialist.assigned", organization=organization_id, name=name)


def _organization_names(
    session: PortalSession, events: Sequence[Mapping[str, Any]], _for_staff: bool
) -> list[Reference | None]:
    wanted = {event["organization"] for event in events}
    rows = session.execute(sa.select(Organization.id, Organization.name).where(Organization.id.in_(wanted)))
    names = {organization_id: Reference(name) for organization_id, name in rows}
    return [names.get(event["organization"]) for event in events]


EVENTS = (
    EventSpec(
        "profiles.specialist.assigned",
        "Assigned a service specialist",
        ("organization", "name"),
        "Assigned {name} to {organization} as service specialist",
        {"organization": _organization_names},
    ),
    EventSpec(
        "profiles.specialist.removed",
        "Took the service specialist off an organization",
        ("organization",),
        "Took the service specialist off {organization}",
        {"organization": _organization_names},
    ),
)
