"""What somebody types or pastes into the one box: a number, often with its heading (`EFT 9400…`, `Member ID: …`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ..keys import number_key, plain
from .criteria import MOST_READ


class Kind(StrEnum):
    """What a number's heading says it is. UNKNOWN: it has none, or one that says nothing."""

    UNKNOWN = ""
    PAYMENT = "payment"
    CLAIM = "claim"
    ACCOUNT = "account"
    MEMBER = "member"


_HEADINGS = {
    Kind.MEMBER: "member subscriber insured enrollee beneficiary policy hicn mbi ssn",
    Kind.ACCOUNT: "account acct patient pcn mrn",
    Kind.CLAIM: "claim clm clp icn dcn tcn ccn",
    Kind.PAYMENT: "payment eft ach check chk ck draft voucher trace trn reassociation remittance remit era notice warrant "
    "non-payment nonpayment",
}
_KINDS = {word: kind for kind, words in _HEADINGS.items() for word in words.split()}
# Words beside them that say nothing of their own.
_SAY_NOTHING = (
    "number numbers no num nr id ids the of or and your our plan plans plan’s plan's payer payers payer’s payer's control "
    "electronic funds transfer health issued paid ref reference"
)
_FILLERS = frozenset(_SAY_NOTHING.split())
_PARTS = re.compile(r"[\s:#=/.,;()]+|[^\s:#=/.,;()]+")
_SEGMENT = re.compile(r"TRN\W\d\W([^*|~^]+)", re.IGNORECASE)
_GLUED = re.compile(r"([A-Za-z]{2,})\W*(\d.*)")
_SHORTEST_PART = 4
_BETWEEN = re.compile(r"[\s,;|]+")
_NUMBER = re.compile(r"(?=\D*\d)[A-Za-z0-9-]{5,}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4}|(19|20)\d\d(0[1-9]|1[0-2])[0-3]\d")


@dataclass(frozen=True)
class AnyNumber:
    """A number as it was typed, what its heading says it is, the keys to look for in turn (the likeliest first), the number
    without its heading and what follows it, and how many other numbers follow, which no key is for."""

    typed: str
    kind: Kind
    keys: tuple[str, ...]
    bare: str = ""
    more: int = 0

    @classmethod
    def of(cls, text: str) -> AnyNumber:
        """The number in what somebody typed; of something very long, its beginning. Without keys when there is none."""
        typed = plain(text[:MOST_READ])
        if segment := _SEGMENT.match(typed):
            return cls(typed, Kind.PAYMENT, _keys(segment[1]), segment[1])
        kinds, rest = _without_heading(typed)
        kind = next((kind for kind in _HEADINGS if kind in kinds), Kind.UNKNOWN)
        glued = _GLUED.fullmatch(rest)
        if glued and (found := _KINDS.get(glued[1].lower())):
            return cls(typed, kind or found, _keys(rest, glued[2], typed), glued[2])
        # What follows the number, such as a date, is not part of it. What looks like a heading may be part of it.
        part = _first_part(rest)
        more = sum(map(_is_number, _BETWEEN.split(rest)[1:])) if part else 0
        return cls(typed, kind, _keys(rest, part, typed if rest != typed else ""), part or rest, more)


def _without_heading(typed: str) -> tuple[set[Kind], str]:
    """What the words before the number say, and what follows them; all of the text when it has no heading."""
    kinds: set[Kind] = set()
    words = 0
    for part in _PARTS.finditer(typed):
        word = part[0].lower()
        if word in _KINDS:
            kinds.add(_KINDS[word])
            words += 1
        elif word in _FILLERS:
            words += 1
        elif any(letter.isalnum() for letter in word):
            rest = typed[part.start() :]
            return (kinds, rest) if words and any(letter.isdigit() for letter in rest) else (set(), typed)
    return set(), typed


def _first_part(rest: str) -> str:
    """The number before a blank, where more follows it: `940000050001 Sep 11, 2026`."""
    first, more = (*_BETWEEN.split(rest, maxsplit=1), "")[:2]
    key = number_key(first)
    return first if more and len(key) >= _SHORTEST_PART and any(letter.isdigit() for letter in key) else ""


def _is_number(part: str) -> bool:
    """Does a part of what was typed look like a number of its own, and not like a day or an amount?"""
    return bool(_NUMBER.fullmatch(part)) and not _DAY.fullmatch(part)


def _keys(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for key in map(number_key, texts) if key))
