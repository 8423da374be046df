"""When a typed name is the name of who signs: capitals, spaces, accents and punctuation do not tell two people apart."""

from __future__ import annotations

import unicodedata

# Letters that no decomposition turns into those people type instead of them.
_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h"})


def plain_name(name: str) -> str:
    """A name as it is compared."""
    letters = unicodedata.normalize("NFKD", name.casefold()).casefold().translate(_PLAIN)
    kept = (one for one in letters if unicodedata.category(one)[0] not in "MC" or one.isspace())
    words = "".join(
        " " if unicodedata.category(one) in ("Pd", "Zs") or one.isspace() else one
        for one in kept
        if unicodedata.category(one) == "Pd" or unicodedata.category(one)[0] != "P"
    )
    return " ".join(words.split())


def same_name(typed: str, name: str) -> bool:
    """Is what was typed this name?"""
    found = plain_name(name)
    return plain_name(typed) == found if found else typed.strip() == name.strip() != ""
