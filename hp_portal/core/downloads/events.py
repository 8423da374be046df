"""The audit events of documents that the worker makes. That one left the portal is its application's own event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hp_portal.core.downloads.kinds import find_kind
from hp_portal.database import PortalSession
from hp_portal.events import EventSpec, Reference


def _kinds(_session: PortalSession, events: Sequence[Mapping[str, Any]], _for_staff: bool) -> list[Reference | None]:
    found = [find_kind(event["kind"]) for event in events]
    return [Reference(kind.label) if kind else None for kind in found]


_KIND = {"what": _kinds}
DOCUMENT_EVENTS = (
    EventSpec(
        "document.requested", "Asked for a document", ("document", "kind"), "Asked for a document: {what}", _KIND
    ),
    EventSpec("document.queue-viewed", "Looked at documents that wait or failed", ("shown",), staff_only=True),
    EventSpec(
        "document.moved",
        "Took a document along to another organization",
        ("document", "kind"),
        "Took a document along to another organization: {what}",
        _KIND,
    ),
    EventSpec("document.removed", "Removed a document", ("document", "kind"), "Removed a document: {what}", _KIND),
)
