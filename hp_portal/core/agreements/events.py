"""The audit events of agreements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hp_portal.core.agreements.kinds import KINDS
from hp_portal.database import PortalSession
from hp_portal.events import EventSpec, Reference


def _titles(_session: PortalSession, events: Sequence[Mapping[str, Any]], _for_staff: bool) -> list[Reference | None]:
    kinds = [KINDS.get(event["agreement"]) for event in events]
    return [Reference(f"the {kind.title.lower()}") if kind else None for kind in kinds]


_NAMES = {"agreement": _titles}

AGREEMENT_EVENTS = (
    EventSpec(
        "identity.terms.accepted", "Accepted the terms of use", ("version",), "Accepted the terms of use of {version}"
    ),
    EventSpec(
        "identity.delegate-agreement.accepted",
        "Accepted the site delegate agreement",
        ("version",),
        "Accepted the site delegate agreement of {version}",
    ),
    EventSpec(
        "agreements.draft.saved",
        "Saved the draft of an agreement",
        ("agreement",),
        "Saved a draft of {agreement}",
        _NAMES,
    ),
    EventSpec(
        "agreements.draft.discarded",
        "Discarded the draft of an agreement",
        ("agreement",),
        "Discarded the draft of {agreement}",
        _NAMES,
    ),
    EventSpec(
        "agreements.version.published",
        "Published a version of an agreement",
        ("agreement", "version", "applies_on"),
        "Published version {version} of {agreement}, which applies from {applies_on}",
        _NAMES,
    ),
)
