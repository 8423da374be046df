"""What audit events are about, for their sentences: people, organizations and payees by name, and counts in words.

Each answers for many events at once, with what the session's scope shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for

from hp_portal.core.access.enforce import can
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.database import PortalSession
from hp_portal.events import Names, Reference

Fields = Sequence[Mapping[str, Any]]


def _ids(events: Fields, field: str) -> set[int]:
    return {event[field] for event in events if isinstance(event.get(field), int)}


def people(session: PortalSession, events: Fields, for_staff: bool) -> list[Reference | None]:
    """The person of each event."""
    rows = session.execute(
        sa.select(Person.id, Person.name, Person.organization_id).where(Person.id.in_(_ids(events, "person")))
    )
    linked = for_staff and can("staff:people:search")
    found = {
        key: Reference(name, url_for("staff.people_one", person_id=key) if linked and organization else None)
        for key, name, organization in rows
    }
    return [found.get(event["person"]) for event in events]


def organizations(session: PortalSession, events: Fields, for_staff: bool) -> list[Reference | None]:
    """The organization of each event."""
    wanted = Organization.id.in_(_ids(events, "organization"))
    linked = for_staff and can("staff:people:search")
    found = {
        key: Reference(name, url_for("staff.organizations_one", organization_id=key) if linked else None)
        for key, name in session.execute(sa.select(Organization.id, Organization.name).where(wanted))
    }
    return [found.get(event["organization"]) for event in events]


def payees(session: PortalSession, events: Fields, for_staff: bool) -> list[Reference | None]:
    """The payee of each event."""
    rows = session.execute(sa.select(Payee.id, Payee.name, Payee.npi).where(Payee.id.in_(_ids(events, "payee"))))
    own = can("tax-id-npi-access:grant:read")
    found = {}
    for key, name, npi in rows:
        url = None
        if for_staff and can("staff:payees:manage"):
            url = url_for("staff.payees_one", payee_id=key)
        elif not for_staff and own:
            url = url_for("tax-id-npi-access.index")
        found[key] = Reference(f"{name} (NPI {npi})" if npi else name, url)
    return [found.get(event["payee"]) for event in events]


def counted(field: str, one: str, many: str) -> Names:
    """A number with its noun: `1 page`, `3 pages`."""

    def say(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
        numbers = [event.get(field) for event in events]
        return [
            Reference(f"{number:,} {one if number == 1 else many}") if isinstance(number, int) else None
            for number in numbers
        ]

    return say


def worded(field: str, words: Mapping[Any, str]) -> Names:
    """A value in the words people use for it."""

    def say(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
        values: Iterable[Any] = (event.get(field) for event in events)
        return [Reference(words[value]) if value in words else None for value in values]

    return say
