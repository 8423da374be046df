"""Further words for the sentences of the core's events: applications by label, filters and changed fields in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hp_portal.core.access.enforce import directory
from hp_portal.core.applications.menu import plugins
from hp_portal.core.people.named import worded
from hp_portal.database import PortalSession
from hp_portal.events import Reference

Fields = Sequence[Mapping[str, Any]]
_FILTERS = {
    "person": "person",
    "organization": "organization",
    "event": "deed",
    "since": "from",
    "until": "to",
    "name": "name",
    "audience": "type",
    "account": "account",
    "application": "application",
}
_UNSAID = {"patient": "a patient’s number"}

_ENDS = {
    "signed out": "Signed out",
    "ended by the person": "Ended another session",
    "signed in again": "Ended a session by signing in again in the same browser",
}
ends = worded("how", _ENDS)


ANY_REFUSAL = "refusals"
"""Stands for every kind of event that is a refusal, where staff choose a kind."""


def deed_label(session: PortalSession, key: str) -> str:
    """What people read for a kind of event, or for every refusal."""
    return "Refusals of every kind" if key == ANY_REFUSAL else session.context.events.label(key)


def applications(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """The application of each event; one that is uninstalled has no name any more."""
    labels = {application.key: application.label for application in plugins().applications}
    return [Reference(labels[event["application"]]) if event["application"] in labels else None for event in events]


def permissions(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """The permission of each event, in the words of whoever declares it."""
    labels = directory().staff_permissions
    return [Reference(labels[event["permission"]]) if event["permission"] in labels else None for event in events]


def filters(session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """What a list was narrowed to: ` by person “anna”`; nothing when it was not."""
    said: list[Reference | None] = []
    for event in events:
        words = []
        for name, value in event["filters"].items():
            if name in _UNSAID:
                words.append(_UNSAID[name])
                continue
            shown = deed_label(session, value) if name == "event" else value
            words.append(f"{_FILTERS.get(name, name)} “{shown}”")
        said.append(Reference(f" by {', '.join(words)}" if words else ""))
    return said


def pages(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """What was asked for, by the page's place: `a page of Remittance Inquiry`."""
    said: list[Reference | None] = []
    for event in events:
        blueprint = str(event["page"]).rpartition(".")[0]
        application = directory().application_of_blueprint.get(blueprint)
        place = "the staff console" if blueprint == "staff" else application.label if application else "the portal"
        said.append(Reference(f"a page of {place}"))
    return said


def changed(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """Names of fields as people call them: `vendor number and name`."""
    return [Reference(" and ".join(name.replace("_", " ") for name in event["changed"])) for event in events]


def deeds(session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """What another kind of event is called."""
    return [Reference(session.context.events.label(event["event"])) for event in events]
