"""Provider updates for tests."""

from __future__ import annotations

from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.updates.cases import UPDATE, add_update
from hp_portal_plugins.profiles.updates.models import ProviderUpdate
from tests.support.cases import portal_case
from tests.support.identifiers import make_tin


def provider_update(session: PortalSession, organization: Organization) -> ProviderUpdate:
    """An update that staff gave to an organization: added and flushed."""
    case = portal_case(session, organization, UPDATE.key, "received")
    values = {
        "provider": f"{organization.name} elsewhere",
        "tin": make_tin(96),
        "npi": "",
        "role": "Office manager",
        "change": "other",
        "effective_on": "2026-12-01",
        "words": "Sample",
    }
    return add_update(session, case.id, organization.id, values)
