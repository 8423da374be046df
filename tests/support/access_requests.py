"""Requests of billing organizations to see what is paid to a Tax ID."""

from __future__ import annotations

import secrets
from typing import Any

from hp_portal import clock
from hp_portal.core.organizations.access_requests import WAITING, AccessRequest
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession

from .identifiers import make_tin


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
