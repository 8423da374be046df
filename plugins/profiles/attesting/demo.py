"""What the demo shows of attestations."""

from __future__ import annotations

import datetime as dt

from hp_portal.api import PortalSession, settings, today

from .models import AttestationDue


def load_attestation(session: PortalSession, organization_id: int) -> None:
    """The office has to attest within twelve days; it was reminded."""
    due_on = today(settings().payer.zone) + dt.timedelta(days=12)
    session.add(AttestationDue(organization_id=organization_id, due_on=due_on, reminded=14))
