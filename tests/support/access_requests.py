"""Requests of billing organizations to see what is paid to a Tax ID, and cases of offices without a payment."""

from __future__ import annotations

import secrets
from typing import Any

from hp_portal import clock
from hp_portal.core.organizations.access_requests import WAITING, AccessRequest
from hp_portal.core.organizations.models import Organization
from hp_portal.core.tax_ids.models import TaxIdCase
from hp_portal.database import PortalSession

from .identifiers import make_tin
from .world import World


def access_request(session: PortalSession, organization: Organization, **values: Any) -> AccessRequest:
    """A request of an organization that waits, added and flushed; its Tax ID is made of the organization's id."""
    tin = values.pop("tin", make_tin(4000 + organization.id))
    given = {
        "npis": "",
        "to_delegates": False,
        "approver_name": "Olive Office",
        "approver_title": "Office manager",
        "approver_email": "olive@harbor.example",
        "approver_phone": "952-555-0100",
        "asked_at": clock.now(),
        "state": WAITING,
    }
    token = secrets.token_hex(16)
    row = AccessRequest(
        organization_id=organization.id, **AccessRequest.tin_values(session, tin, token=token), **{**given, **values}
    )
    session.add(row)
    session.flush()
    return row


def tax_id_case(session: PortalSession, organization: Organization) -> TaxIdCase:
    """A case that waits for staff, added and flushed."""
    row = TaxIdCase(
        organization_id=organization.id,
        **TaxIdCase.tin_values(session, make_tin(97), token=secrets.token_hex(16)),
        npi="",
        about="The first payment is still to come.",
        phone="952-555-0100",
        asked_at=clock.now(),
    )
    session.add(row)
    session.flush()
    return row


def asked_without_payment(world: World, organization: Organization) -> int:
    """An organization asks for a Tax ID of which it has no payment; the id of the case."""
    with world.session() as session:
        return tax_id_case(session, organization).id
