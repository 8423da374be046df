"""The audit events of the registry's file."""

from __future__ import annotations

from hp_portal.api import EventSpec

EVENTS = (EventSpec("profiles.registry.loaded", "Loaded entries of the national registry of NPIs", ("rows",)),)
