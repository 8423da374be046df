"""A long remittance advice in parts, each of which is typeset for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Rows of tables in a part. Memory grows with them: some 300 MiB for so many.
MOST_ROWS = 800
# A claim's heading and facts, in rows.
_AROUND_A_CLAIM = 2

# What a part of a document may hold; each says what it does.
NOTHING: dict[str, Any] = {
    "heading": "",
    "note": "",
    "blocks": [],
    "overview_heading": "",
    "overview": [],
    "overview_ends": False,
    "provider_adjustments": [],
    "claims_heading": "",
    "claims": [],
    "glossary": [],
}


def in_parts(
    beginning: Mapping[str, Any],
    *,
    overview: Sequence[list[str]],
    provider_adjustments: Sequence[list[str]],
    claims: Sequence[Mapping[str, Any]],
    claims_heading: str,
    glossary: Sequence[list[str]],
) -> list[dict[str, Any]]:
    """What a document begins with, its tables and claims in their order, in as few parts as hold them."""
    parts = _Parts(beginning)
    for number, row in enumerate(overview):
        part = parts.with_room(1)
        if number == 0:
            part["overview_heading"] = "Claims at a glance"
        part["overview"].append(row)
        part["overview_ends"] = number == len(overview) - 1
    if provider_adjustments:
        parts.with_room(len(provider_adjustments))["provider_adjustments"] = list(provider_adjustments)
    for number, claim in enumerate(claims):
        part = parts.with_room(_AROUND_A_CLAIM + len(claim["rows"]))
        if number == 0:
            part["claims_heading"] = claims_heading
        part["claims"].append(claim)
    if glossary:
        parts.with_room(len(glossary))["glossary"] = list(glossary)
    return list(parts)


class _Parts:
    def __init__(self, beginning: Mapping[str, Any]) -> None:
        self._made = [_empty() | dict(beginning)]
        self._rows = 0

    def with_room(self, rows: int) -> dict[str, Any]:
        """The last part, or a new one when the last has no room for so many rows."""
        if self._rows and self._rows + rows > MOST_ROWS:
            self._made.append(_empty())
            self._rows = 0
        self._rows += rows
        return self._made[-1]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._made)


def _empty() -> dict[str, Any]:
    return {name: [] if isinstance(value, list) else value for name, value in NOTHING.items()}
