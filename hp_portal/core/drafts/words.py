"""What `draft:12` means to staff who find a file that is attached to it."""

from __future__ import annotations

from hp_portal.core.attachments.owners import AttachedTo, explains
from hp_portal.core.drafts.keeping import DRAFT
from hp_portal.core.drafts.kinds import find_kind
from hp_portal.core.drafts.models import Draft
from hp_portal.database import PortalSession


@explains(DRAFT)
def _draft(session: PortalSession, key: str) -> AttachedTo | None:
    """Staff learn what form it is for, and see nothing of it before it is sent."""
    number = key.partition(":")[0]
    draft = session.get(Draft, int(number)) if number.isdecimal() else None
    if draft is None:
        return None
    kind = find_kind(draft.kind)
    return AttachedTo(f"A draft of “{kind.label}”" if kind else "A draft")
