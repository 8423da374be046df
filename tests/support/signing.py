"""Signatures for tests."""

from __future__ import annotations

import secrets

from hp_portal import clock
from hp_portal.core.organizations.models import Organization
from hp_portal.core.signing.models import SIGNED_CONTENTS, Signature
from hp_portal.database import PortalSession
from hp_portal.printed import PrintedForm


def signature(session: PortalSession, organization: Organization, *, about: str = "sample:1") -> Signature:
    """Somebody without an account has signed an empty form: added and flushed."""
    form, token = PrintedForm("Sample", "S-1", "1", ()), secrets.token_hex(16)
    row = Signature(
        organization_id=organization.id,
        token=token,
        about=about,
        name="Sam Sample",
        email="s.sample@office.example",
        typed="Sam Sample",
        signed_at=clock.now(),
        address="192.0.2.8",
        agreement="I intend to sign.",
        version="1",
        digest=form.digest(),
        contents_sealed=session.vault.seal(form.signed_bytes(), SIGNED_CONTENTS(token)),
    )
    session.add(row)
    session.flush()
    return row
