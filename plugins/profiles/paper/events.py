"""The audit events of change forms."""

from __future__ import annotations

from hp_portal.api import EventSpec

EVENTS = (
    EventSpec(
        "profiles.paper.made",
        "Made a change form of a practitioner for other payers",
        ("form", "practitioner", "personal"),
    ),
    EventSpec("profiles.paper.downloaded", "Downloaded a change form of a practitioner", ("form", "format")),
    EventSpec(
        "profiles.paper.sent",
        "Sent a change form of a practitioner to another payer",
        ("form", "channel", "recipient", "addressee"),
        "Sent a change form of a practitioner to {addressee}, {recipient}",
    ),
    EventSpec("profiles.paper.signed", "Signed a change form of a practitioner", ("form",)),
)
