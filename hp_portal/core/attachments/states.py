"""What becomes of an attached file, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WAITING, READY, QUARANTINED, REFUSED, FAILED = "waiting", "ready", "quarantined", "refused", "failed"
DAMAGED = "What is stored of it is damaged or was altered."
HELD = (QUARANTINED, FAILED)
"""States that the payer's staff look into."""
WENT_WRONG = (QUARANTINED, REFUSED, FAILED)
"""States of files that nobody has got anything of."""


@dataclass(frozen=True)
class State:
    """How a file stands: a few words, how they are shown, and what there is to know or do."""

    label: str
    tone: Literal["neutral", "info", "good", "warn", "bad"]
    more: str = ""


_STATES = {
    WAITING: State("Being checked", "info"),
    READY: State("Ready", "good"),
    QUARANTINED: State(
        "Contains a virus",
        "bad",
        "The file is locked away and nobody can open it. Ask whoever it came from to send it again, from a computer "
        "that was checked for viruses.",
    ),
    FAILED: State(
        "Could not be checked",
        "warn",
        "The file is kept, but nobody can open it until it is checked. The plan’s staff see it. You can also save it anew, "
        "best as PDF, and attach that.",
    ),
}
_UNSCANNED = State(
    "Waits for its check",
    "warn",
    "It cannot be checked at the moment. The file is kept, and is checked as soon as that is possible.",
)


def state_of(state: str, why: str, *, unscanned: bool) -> State:
    """The words for a state."""
    if state == REFUSED:
        return State("Not accepted", "bad", why)
    return _UNSCANNED if state == WAITING and unscanned else _STATES[state]
