"""The audit events of attesting."""

from __future__ import annotations

from hp_portal.api import EventSpec

EVENTS = (
    EventSpec(
        "profiles.attestation.signed",
        "Attested practitioners and locations",
        ("attestation", "practitioners", "locations", "left_out"),
        "Attested {practitioners} practitioners at {locations} locations, {left_out} left out",
    ),
    EventSpec("profiles.attestation.not-right", "Said what is not right instead of attesting it", ("case",)),
    EventSpec("profiles.attestation.responsible", "Chose who is reminded of the attestation", ("person",)),
    EventSpec("profiles.attestation.downloaded", "Downloaded an attestation", ("attestation",)),
    EventSpec(
        "profiles.attestation.hidden",
        "Hid an organization from the directory, as its attestation is overdue",
        ("organization",),
    ),
    EventSpec(
        "profiles.contradiction.told",
        "Told what speaks against the record",
        ("rows", "source"),
        "Told what speaks against the record: {rows} entries, source: {source}",
    ),
    EventSpec("profiles.contradiction.settled", "Settled what spoke against the record", ("contradiction",)),
)
