"""The codes in what somebody typed or pasted: `CO-16 N290`, `PR 204, MA130`, `OA23`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .plain_words import GROUPS, PROVIDER_ADJUSTMENTS

MOST = 30
LONGEST = 400
_GROUP = "|".join(GROUPS)
# Not a part of a word, an amount or a longer number.
_CODE = re.compile(
    rf"(?<![\w$.])(?<!\d,)(?:(?:(?P<group>{_GROUP})\s*[-–:]?\s*)?(?P<code>[A-Z]{{0,2}}\d{{1,3}})|(?P<word>[A-Z]{{2}}))(?!\w|[.,]\d)"
)
_REMARK = re.compile(r"(?:MA|M|N)\d+")


@dataclass(frozen=True)
class AskedCode:
    """A code of a list, and the group that was written before it."""

    list: str
    code: str
    group: str = ""

    @property
    def shown(self) -> str:
        return f"{self.group}-{self.code}" if self.group else self.code


def asked_codes(text: str) -> list[AskedCode]:
    """Every code once, in the order typed; at most MOST. Other words are passed over."""
    return list(dict.fromkeys(_codes(text.upper()[:LONGEST])))[:MOST]


def _codes(text: str) -> Iterator[AskedCode]:
    for match in _CODE.finditer(text):
        group, code, word = match["group"] or "", match["code"] or "", match["word"] or ""
        if word in GROUPS:
            yield AskedCode("GROUP", word)
        elif word in PROVIDER_ADJUSTMENTS:
            yield AskedCode("PLB", word)
        elif _REMARK.fullmatch(code):
            yield AskedCode("RARC", code)
        elif code:
            yield AskedCode("CARC", code.lstrip("0") or code, group)
