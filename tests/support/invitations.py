"""Invitations as rows, for what needs one that waits."""

from __future__ import annotations

import datetime as dt
import secrets

from hp_portal import clock
from hp_portal.core.delegates.models import Invitation
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization


def open_invitation(organization: Organization, by: Person) -> Invitation:
    """Somebody is invited, another address each time; not yet added."""
    now, word = clock.now(), secrets.token_hex(8)
    return Invitation(
        organization_id=organization.id,
        name="Sample",
        email=f"{word}@office.example",
        applications="",
        delegate=False,
        invited_by_id=by.id,
        token_hash=hash_token(word),
        made_at=now,
        sent_at=now,
        sent=1,
        expires_at=now + dt.timedelta(days=1),
    )
