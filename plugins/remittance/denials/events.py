"""The audit events of denials, and their sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hp_portal.api import SHOWN, EventSpec, PortalSession, Reference

from ..inquiry.tracing import payees_shown

Fields = Sequence[Mapping[str, Any]]


def _code(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    return [Reference(event["code"]) for event in events]


def _format(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    words = {"xlsx": "Excel", "csv": "CSV"}
    return [Reference(words.get(event["format"], str(event["format"]))) for event in events]


EVENTS = (
    EventSpec("remittance.denial.counted", "Viewed denials by reason", ("filter",)),
    EventSpec(
        "remittance.denial.listed",
        "Viewed denied lines",
        ("filter", "code", *SHOWN, "claims"),
        "Viewed lines that were denied or reduced for {code}",
        {"code": _code},
        member_data=True,
        payees_shown=payees_shown,
    ),
    EventSpec(
        "remittance.denial.downloaded",
        "Downloaded denied lines",
        ("filter", "format", "claims"),
        "Downloaded denied lines as {format}",
        {"format": _format},
        member_data=True,
        payees_shown=payees_shown,
    ),
    EventSpec(
        "remittance.recovery.listed",
        "Viewed recoveries",
        ("filter", "page", "shown", "payments", "claims"),
        member_data=True,
        payees_shown=payees_shown,
    ),
    EventSpec(
        "remittance.recovery.downloaded",
        "Downloaded recoveries",
        ("filter", "format", "payments", "claims"),
        "Downloaded recoveries as {format}",
        {"format": _format},
        member_data=True,
        payees_shown=payees_shown,
    ),
)
