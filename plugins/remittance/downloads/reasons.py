"""Why somebody downloads: a short list in the words of the session's reasons, so that the record of activity can be counted."""

from __future__ import annotations

from collections.abc import Mapping

from flask import abort

REASONS = {
    "posting": "Posting payments",
    "follow-up": "Following up on a claim",
    "secondary-billing": "Billing a secondary payer",
    "patient-question": "Answering a patient",
    "appeal": "An appeal",
    "review": "An audit or review",
    "other": "Another reason",
}
USUAL = "posting"


def read_reason(arguments: Mapping[str, str], given: str) -> str:
    """Why, as the record of activity shows it: from the query's `reason` (400 for one that is not in the list), else what the
    session was `given`."""
    named = arguments.get("reason", "")
    if not named and given:
        return given
    return REASONS.get(named or USUAL) or abort(400)


def choices(given: str) -> tuple[Mapping[str, str], str]:
    """The reasons to choose from, by key, and the one chosen at first: what the session was `given`, else the usual one.

    The session's own words stand under the empty key.
    """
    if not given:
        return REASONS, USUAL
    for key, words in REASONS.items():
        if words == given:
            return REASONS, key
    return {"": given, **REASONS}, ""
