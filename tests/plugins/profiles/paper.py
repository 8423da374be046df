"""Change forms for tests."""

from __future__ import annotations

import json
import secrets

from hp_portal import clock
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.paper.models import CONTENTS, PaperForm, PaperSending

WHO = {
    **dict.fromkeys(("last_name", "first_name", "middle_name", "suffix", "degree", "former_name", "npi"), ""),
    **dict.fromkeys(("birth_date", "dea_number", "dea_expires"), ""),
    **{name: [] for name in ("licenses", "specialties", "languages", "hospitals")},
}


def paper_form(
    session: PortalSession,
    organization: Organization,
    person_id: int,
    practitioner_id: int | None = None,
    word: str = "",
) -> PaperForm:
    """A form without sites that was sent once: added and flushed."""
    said = {
        "format": 1,
        "as_of": "2026-03-01",
        "reason": "name",
        "words": "",
        "effective_on": "2026-03-01",
        "practitioner": {**WHO, "last_name": word},
        "sites": [],
        "submitter": {"organization": organization.name, "name": "Sam Sample", "phone": ""},
    }
    token = secrets.token_hex(16)
    text = json.dumps({"said": said, "locations": []})
    row = PaperForm(
        organization_id=organization.id,
        practitioner_id=practitioner_id,
        person_id=person_id,
        made_at=clock.now(),
        token=token,
        contents_sealed=session.vault.seal_text(text, CONTENTS(token)),
    )
    session.add(row)
    session.flush()
    sending = PaperSending(
        organization_id=organization.id,
        form_id=row.id,
        person_id=person_id,
        channel="email",
        recipient=f"{word.lower() or 'intake'}@other.example",
        addressee=f"{word} Other",
        asked_at=clock.now(),
        state="failed",
        attempts=0,
    )
    session.add(sending)
    session.flush()
    return row
