"""Drafts of offices."""

from __future__ import annotations

import json
import secrets
from typing import Any

from hp_portal import clock
from hp_portal.core.drafts.models import CONTENTS, TITLE, Draft
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession


def draft_row(
    session: PortalSession, organization: Organization, person_id: int, kind: str = "sample.report", **values: Any
) -> Draft:
    """A draft of an organization whose title is the organization's own, saved now: added and flushed."""
    token, now = secrets.token_hex(16), clock.now()
    row = Draft(
        organization_id=organization.id,
        kind=kind,
        token=token,
        title_sealed=session.vault.seal_text(f"DRAFT OF {organization.name.upper()}", TITLE(token)),
        contents_sealed=session.vault.seal_text(json.dumps(values.pop("contents", {})), CONTENTS(token)),
        **{"person_id": person_id, "started_at": now, "saved_at": now, "saved_by_id": person_id, **values},
    )
    session.add(row)
    session.flush()
    return row
