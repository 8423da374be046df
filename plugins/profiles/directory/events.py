"""The audit events of the directory."""

from __future__ import annotations

from hp_portal.api import EventSpec

EVENTS = (EventSpec("profiles.directory.exported", "Exported the directory", ("format", "as_of", "rows")),)
