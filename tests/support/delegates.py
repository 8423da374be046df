"""An organization with delegates, and looking for it as strangers do."""

from __future__ import annotations

import datetime as dt
import json
import re

import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.organizations.models import Organization
from tests.support.client import PortalClient
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import mailed_link
from tests.support.world import World

TIN, NPI, ZIP = make_tin(1), make_npi(1), "55000"
NOON = dt.datetime(2026, 3, 2, 18, tzinfo=dt.UTC)
ASKER = {
    "name": "Robin Newcomer",
    "email": "robin@office.example",
    "phone": "555-010-0123",
    "about": "I started at the front desk and need an account.",
}


def build_clinic(world: World) -> Organization:
    """A registered organization with two delegates, a clerk, and a delegate who has left."""
    organization = world.organization("Harbor Lantern Clinic")
    world.grant(organization, world.payee(TIN, NPI))
    world.person("maria", organization=organization, delegate=True, name="Dr. Maria Lopez")
    world.person("sam", organization=organization, delegate=True, name="Sam Teller")
    world.person("clerk", organization=organization, name="Casey Clerk")
    gone = world.person("gone", organization=organization, delegate=True, name="Gone Before")
    with world.session() as session:
        session.execute(sa.update(type(gone)).where(type(gone).id == gone.id).values(deactivated_at=NOON))
    return organization


def look(client: PortalClient, tin: str = TIN, also: str = NPI, address: str = "192.0.2.1") -> TestResponse:
    where = {"REMOTE_ADDR": address}
    return client.post("/find-my-delegate", {"tin": tin, "npi_or_zip": also}, environ_overrides=where)


def token_of(text: str) -> str:
    found = re.search(r'name="lookup"[^>]* value="([^"]+)"', text)
    assert found, text
    return found.group(1)


def events(world: World, pattern: str) -> list[tuple[str, dict[str, object]]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.event, AuditEvent.fields).where(AuditEvent.event.like(pattern)).order_by(AuditEvent.id)
        ).all()
    return [(name, json.loads(fields)) for name, fields in rows]


def ask(world: World, **changes: str) -> PortalClient:
    """Somebody asks the clinic's delegates and confirms it by the link in the e-mail."""
    client = ask_only(world, **changes)
    follow(world, client, changes.get("email", ASKER["email"]))
    assert client.post("/find-my-delegate/confirm").location == "/find-my-delegate/confirmed"
    return client


def ask_only(world: World, **changes: str) -> PortalClient:
    """Somebody asks, and has confirmed nothing yet."""
    client = world.client()
    lookup = token_of(look(client).text)
    sent = client.post("/find-my-delegate/ask", {**ASKER, "lookup": lookup, **changes})
    assert sent.location == "/find-my-delegate/asked"
    return client


def follow(world: World, client: PortalClient, email: str = ASKER["email"]) -> TestResponse:
    """Open the newest link to confirm a request, in any browser."""
    return client.get(mailed_link(world, email, "/find-my-delegate/confirm/"), follow_redirects=True)
