"""The audit events of proposals."""

from __future__ import annotations

from hp_portal.api import EventSpec

EVENTS = (
    EventSpec(
        "profiles.change.decided",
        "Decided lines of a change of practitioners and locations",
        ("case", "applied", "refused"),
    ),
    EventSpec(
        "profiles.change.undone", "Took back what a case had changed of practitioners and locations", ("case", "lines")
    ),
)
