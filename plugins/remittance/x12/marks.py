"""What is odd about a check and no matter of its balance, as it is kept with the payment: for the pages and documents of those
who are paid. It names claims, lines and segments, never what stands in them.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

MOST_MISPLACED = MOST_CLAIMS = 200
UNNAMED = "?"


class Marks(NamedTuple):
    """`owed`: how many claims there are whose CLP05 is not the sum of their PR. `misplaced`: claim (0: before the first), line
    (0: the claim itself) and name of each segment in the wrong place. `second`: segments that a payment has once and that stand
    there twice. `negative`: BPR02 is negative. `missing`: how many segments SE01 counts that are not there.
    `currency`: the word that CUR02 has instead of a currency's code, UNNAMED where it is no word. `charges`: how many claims
    there are whose service lines do not charge what the claim does, and `charges_in` the first of them."""

    owed: int = 0
    misplaced: tuple[tuple[int, int, str], ...] = ()
    second: tuple[str, ...] = ()
    negative: bool = False
    missing: int = 0
    currency: str = ""
    charges: int = 0
    charges_in: tuple[int, ...] = ()

    def as_json(self) -> str | None:
        """None when there is nothing to say."""
        if self == Marks():
            return None
        shown = self._replace(misplaced=self.misplaced[:MOST_MISPLACED], charges_in=self.charges_in[:MOST_CLAIMS])
        return json.dumps({name: value for name, value in shown._asdict().items() if value}, separators=(",", ":"))


def read_marks(text: str | None) -> Marks:
    """What `as_json` wrote."""
    if not text:
        return Marks()
    found: dict[str, Any] = json.loads(text)
    misplaced = tuple((claim, line, tag) for claim, line, tag in found.get("misplaced", ()))
    return Marks(
        int(found.get("owed", 0)),
        misplaced,
        tuple(found.get("second", ())),
        bool(found.get("negative")),
        int(found.get("missing", 0)),
        str(found.get("currency", "")),
        int(found.get("charges", 0)),
        tuple(found.get("charges_in", ())),
    )
