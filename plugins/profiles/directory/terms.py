"""The terms by which rows are found. A term begins with a letter for its kind; beginnings of words are terms of their own, so
that a search for `smi` reads one stretch of an index.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .models import LONGEST_TERM

SPECIALTY, LANGUAGE, ACCESS, ACCEPTING = "s", "l", "a", "p"
_NAME, _NPI, _CITY, _ZIP = "n", "i", "c", "z"
_LONGEST_WORD = 12
MOST_WORDS = 6


def fold(text: str) -> list[str]:
    """The words of a text without accents, apostrophes and capitals: `Ana-María O’Neil` is ana, maria, oneil."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).lower()
    return re.findall(r"[^\W_]+", re.sub("['’ʼ`]", "", plain))


def _beginnings(kind: str, text: str) -> Iterator[str]:
    for word in fold(text):
        for end in range(1, min(len(word), _LONGEST_WORD) + 1):
            yield f"{kind}:{word[:end]}"


def _whole(kind: str, text: str) -> Iterator[str]:
    return (f"{kind}:{word[:_LONGEST_WORD]}" for word in fold(text))


def exact(kind: str, value: str) -> str:
    """The term of a value that is chosen from a list."""
    return f"{kind}:{value}"[:LONGEST_TERM]


def terms_of(contents: Mapping[str, Any]) -> set[str]:
    """Every term by which a row is found."""
    person, place = contents["practitioner"], contents["location"]
    name = " ".join(person[part] for part in ("first_name", "middle_name", "last_name"))
    return {
        *_beginnings(_NAME, name),
        *_whole(_NAME, place["name"]),
        f"{_NPI}:{person['npi']}",
        *_beginnings(_CITY, f"{place['city']} {place['state']}"),
        f"{_ZIP}:{place['zip']}",
        *(exact(SPECIALTY, one["code"]) for one in contents["specialties"]),
        *(exact(LANGUAGE, one) for one in person["languages"]),
        *(exact(ACCESS, one) for one in place["accessibility"]),
        *([exact(ACCEPTING, contents["accepting"])] if contents["accepting"] else []),
    }


def name_terms(text: str) -> list[str]:
    """What somebody typed as a name, or an NPI."""
    if re.fullmatch(r"\d{10}", text, re.ASCII):
        return [f"{_NPI}:{text}"]
    return list(_whole(_NAME, text))


def place_terms(text: str) -> list[str]:
    """What somebody typed as a city, with or without a state, or as a ZIP code."""
    if found := re.fullmatch(r"(\d{5})(-?\d{4})?", text, re.ASCII):
        return [f"{_ZIP}:{found[1]}"]
    return list(_whole(_CITY, text))


def kind_of(term: str) -> str:
    return term[0]


def counted(terms: Iterable[str]) -> list[str]:
    """Each term once, in order."""
    return sorted(set(terms))
