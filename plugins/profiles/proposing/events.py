"""The audit events of proposals."""

from __future__ import annotations

from hp_portal.api import EventSpec

EVENTS = (
    EventSpec("profiles.clocks.viewed", "Viewed the clocks of provider data"),
    EventSpec("profiles.delta.exported", "Exported changes that wait for the claims system", ("lines",)),
    EventSpec("profiles.change.compared", "Compared a change with the record", ("case",)),
    EventSpec(
        "profiles.change.decided",
        "Decided lines of a change of practitioners and locations",
        ("case", "applied", "refused"),
    ),
    EventSpec("profiles.change.all_asked", "Had all open lines of a change applied", ("case", "lines")),
    EventSpec(
        "profiles.change.undone", "Took back what a case had changed of practitioners and locations", ("case", "lines")
    ),
)
