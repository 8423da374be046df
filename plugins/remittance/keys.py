"""The forms in which texts, numbers and names are kept and compared: what people type and what files say meet here.

Importing stores these keys beside what the file said; searching turns what was typed into the same form.
"""

from __future__ import annotations

import re

_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_LEADING_ZEROS = re.compile(r"^(NP)?0+(?=.)")


_LONGEST = 100
"""Keys are cut here: an index takes no text of any length, and nobody types more."""


def plain(text: str | None) -> str:
    """One line without control characters, blanks cut to one and none around it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text or "").split())


def number_key(text: str | None) -> str:
    """A check, EFT, NP, claim or member number without spaces, dashes, case and leading zeros (also those after `NP`).

    Empty when nothing is left.
    """
    if not text:
        return ""
    # Importing asks for every claim: no regular expression and no call where it would change nothing.
    key = text.upper() if text.isalnum() else _alphanumeric(text)
    return _LEADING_ZEROS.sub(r"\1", key)[:_LONGEST] if key[:1] in "0N" else key[:_LONGEST]


def name_key(last: str | None, first: str | None) -> str:
    """`LAST,FIRST` in capitals, without punctuation and spaces; `LAST,` when there is no first name.

    A search for a last name, or for a last name and the beginning of the first, is a search for a prefix.
    """
    return f"{_alphanumeric(last or '')[:_LONGEST]},{_alphanumeric(first or '')[:_LONGEST]}"


def _alphanumeric(text: str) -> str:
    return (text if text.isalnum() else _NOT_ALPHANUMERIC.sub("", text)).upper()
