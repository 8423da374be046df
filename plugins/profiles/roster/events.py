"""The audit events of rosters."""

from __future__ import annotations

from hp_portal.api import EventSpec

EVENTS = (
    EventSpec("profiles.roster.downloaded", "Downloaded the roster", ("format",)),
    EventSpec("profiles.roster.uploaded", "Sent a roster to be compared", ("roster",)),
    EventSpec("profiles.roster.sent", "Sent the changes of a roster", ("roster", "case", "rows")),
    EventSpec("profiles.roster.problems", "Downloaded a roster with what is wrong in it", ("roster",)),
)
