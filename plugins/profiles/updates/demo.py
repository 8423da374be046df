"""What the demo has of provider updates: one that waits for staff. Production never imports it."""

from __future__ import annotations

from hp_portal.api import Contact, PortalSession, open_public_case

from .cases import UPDATE

CONTACT = Contact("Sample Sender", "sender@faraway.example", "555-010-0181")
"""Who has sent it, without an account."""
VALUES = {
    "role": "Office manager",
    "provider": "Faraway Sample Clinic",
    "tin": "000000091",
    "npi": "",
    "change": "address",
    "effective_on": "2026-12-01",
    "words": "We move to 12 Lantern Street, Duluth MN 55802. The old address ends the day before.",
}


def load_update(session: PortalSession) -> None:
    """An update that was confirmed and waits for staff. Commits nothing."""
    open_public_case(session, UPDATE, CONTACT, VALUES)
