"""The audit event of signatures."""

from __future__ import annotations

from hp_portal.events import EventSpec

SIGNING_EVENTS = (EventSpec("signature.made", "Signed a form electronically", ("signature", "digest")),)
