"""The audit events of drafts. What was typed stands in the draft, not in the record."""

from __future__ import annotations

from hp_portal.core.drafts.kinds import find_kind
from hp_portal.core.people.named import Fields
from hp_portal.database import PortalSession
from hp_portal.events import EventSpec, Reference


def _kinds(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """What each event's form is called."""
    found = [find_kind(event["kind"]) for event in events]
    return [Reference(kind.label) if kind else None for kind in found]


_FIELDS, _NAMES = ("draft", "kind"), {"form": _kinds}

DRAFT_EVENTS = (
    EventSpec("draft.started", "Started a draft", _FIELDS, "Started a draft of “{form}”", _NAMES),
    EventSpec("draft.saved", "Saved a draft", _FIELDS, "Saved a draft of “{form}”", _NAMES),
    EventSpec("draft.opened", "Opened a colleague’s draft", _FIELDS, "Opened a colleague’s draft of “{form}”", _NAMES),
    EventSpec("draft.removed", "Threw away a draft", _FIELDS, "Threw away a draft of “{form}”", _NAMES),
    EventSpec("draft.sent", "Sent a draft", _FIELDS, "Sent “{form}”", _NAMES),
    EventSpec(
        "draft.handed",
        "Handed a draft to a colleague",
        (*_FIELDS, "to"),
        "Handed a draft of “{form}” to a colleague",
        _NAMES,
    ),
    EventSpec(
        "draft.warned",
        "Warned of the end of a draft",
        _FIELDS,
        "A draft of “{form}” will be deleted soon",
        _NAMES,
        told=True,
    ),
    EventSpec(
        "draft.expired",
        "Deleted a draft that nobody went on with",
        _FIELDS,
        "A draft of “{form}” was deleted: nobody went on with it",
        _NAMES,
        told=True,
    ),
    EventSpec("draft.tidied", "Removed what was left of a draft", _FIELDS, "Removed what was left of “{form}”", _NAMES),
)
