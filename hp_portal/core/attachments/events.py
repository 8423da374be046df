"""The audit events of attached files. Names of files, which may tell of a patient, are not in the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hp_portal.database import PortalSession
from hp_portal.events import EventSpec, Reference

_FIELDS = ("file", "about", "kind")
_WORDS = {
    "pdf": "a PDF",
    "jpeg": "a picture",
    "png": "a picture",
    "tiff": "a picture",
    "docx": "a Word document",
    "xlsx": "an Excel workbook",
    "office": "an office file",
    "text": "a text file",
}


def _kinds(_session: PortalSession, events: Sequence[Mapping[str, Any]], _for_staff: bool) -> list[Reference | None]:
    return [Reference(_WORDS[event["kind"]]) if event["kind"] in _WORDS else None for event in events]


_KIND = {"what": _kinds}
ATTACHMENT_EVENTS = (
    EventSpec("attachment.file.sent", "Attached a file", (*_FIELDS, "size"), "Attached {what}", _KIND),
    EventSpec(
        "attachment.file.removed", "Removed an attached file", _FIELDS, "Removed {what} that was attached", _KIND
    ),
    EventSpec(
        "attachment.file.downloaded",
        "Downloaded an attached file",
        _FIELDS,
        "Downloaded {what} that was attached",
        _KIND,
        member_data=True,
    ),
    EventSpec(
        "attachment.file.quarantined",
        "A virus was found in an attached file",
        (*_FIELDS, "found", "scanned"),
        "A virus was found in {what} that was attached",
        _KIND,
        told=True,
    ),
    EventSpec(
        "attachment.file.refused",
        "An attached file was not accepted",
        (*_FIELDS, "scanned"),
        "What was attached was not accepted: {what}",
        _KIND,
        told=True,
    ),
    EventSpec(
        "attachment.file.checked",
        "An attached file was checked",
        (*_FIELDS, "state", "scanned"),
        "{what} that was attached was checked",
        _KIND,
    ),
    EventSpec("attachment.file.checked-again", "Had an attached file checked again", _FIELDS, staff_only=True),
    EventSpec("attachment.held.viewed", "Looked at attached files that were held back", ("shown",), staff_only=True),
)
