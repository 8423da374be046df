"""The audit events of the record."""

from __future__ import annotations

from hp_portal.api import EventSpec

EVENTS = (
    EventSpec("profiles.practitioner.viewed", "Viewed a practitioner’s record", ("practitioner",)),
    EventSpec("profiles.location.viewed", "Viewed a location’s record", ("location",)),
    EventSpec("profiles.record.changed", "Changed the record of practitioners and locations", ("change", "kind")),
    EventSpec("profiles.record.exported", "Exported the record of practitioners and locations", ("facts",)),
    EventSpec("profiles.specialties.loaded", "Loaded the list of specialties", ("rows",)),
    EventSpec(
        "profiles.record.undone",
        "Took back a change of the record of practitioners and locations",
        ("change", "undone"),
    ),
)
