"""Accounts of people, as staff create them and as their owners set a password: through the pages."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.world import World

PERMISSIONS = (
    "staff:console:open",
    "staff:people:search",
    "staff:people:create",
    "staff:people:unlock",
    "staff:people:deactivate",
    "staff:password-links:make",
)
NEW_PASSWORD = "eleven-blue-lanterns-83"


def recorded(world: World, event: str) -> list[dict[str, Any]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.fields, AuditEvent.reason).where(AuditEvent.event == event).order_by(AuditEvent.id)
        )
        return [{**json.loads(fields), **({"reason": reason} if reason else {})} for fields, reason in rows]


def find(world: World, username: str) -> Person | None:
    with world.session() as session:
        return session.scalars(sa.select(Person).where(Person.username == username)).one_or_none()


def create(staff: PortalClient, clinic: Organization, **values: str) -> Any:
    data = {"name": "Mina Lee Keeper", "email": "Mina@Office.Example", **values}
    return staff.post(f"/staff/organizations/{clinic.id}/people/new", data)


def make_link(staff: PortalClient, person: Person) -> str:
    """The path of a new link, as staff read it."""
    answer = staff.post(f"/staff/people/{person.id}/password-link")
    assert answer.status_code == 200
    shown = next(text_of(span) for span in tree_of(answer).iter("span") if "/set-password/" in text_of(span))
    return urlsplit(shown).path


def follow(client: PortalClient, link: str) -> Any:
    """Open a link as a browser does."""
    answer = client.get(link)
    assert (answer.status_code, answer.location) == (303, "/set-password")
    return client.get(answer.location)


def set_password(client: PortalClient, new: str = NEW_PASSWORD, again: str | None = None) -> Any:
    return client.post("/set-password", {"new": new, "again": new if again is None else again})


def enter(world: World, name: str, password: str) -> int:
    return world.client().post("/sign-in", {"username": name, "password": password}).status_code
