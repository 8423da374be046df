"""A signed access review, as rows of tests."""

from __future__ import annotations

import hashlib
import json

from hp_portal import clock
from hp_portal.core.delegates.models import AccessReview
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization


def signed_review(organization: Organization, person: Person) -> AccessReview:
    """A review of an organization that somebody has signed, not yet added."""
    now = clock.now()
    texts = ("organization", "signed_by", "username", "signature", "address", "agreement")
    moments = {name: now.isoformat() for name in ("started", "due", "signed")}
    contents = json.dumps({**dict.fromkeys(texts, "Sample"), **moments, "rows": []}, sort_keys=True)
    return AccessReview(
        organization_id=organization.id,
        started_at=now,
        due_at=now,
        told="start",
        told_at=now,
        signed_at=now,
        signed_by_id=person.id,
        signed_name=person.name,
        address="127.0.0.1",
        contents=contents,
        digest=hashlib.sha256(contents.encode()).hexdigest(),
    )
