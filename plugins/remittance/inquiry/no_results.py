"""Why nothing was found: what is wrong with a number, as far as its form and the asker's own data tell.

Nothing here looks beyond what the asker may see, so the answer is the same whether a payment does not exist or is
somebody else's.
"""

from __future__ import annotations

import re
from enum import StrEnum

from hp_portal.api import BadIdentifier, PortalSession, parse_npi

from ..keys import number_key
from . import search

# ASC X12 005010X221A1, TRN02: at most 50 characters.
LONGEST = 50
# Shorter numbers are not issued; three digits are the last ones of something, or a typing error.
SHORTEST = 4


class Problem(StrEnum):
    """What is wrong with a number; the page has the words."""

    EMPTY = "empty"
    TOO_LONG = "too long"
    TOO_SHORT = "too short"
    CLAIM = "claim"
    TIN_OR_NPI = "tin or npi"
    LETTERS = "letters"


def what_is_wrong(session: PortalSession, number: str) -> Problem | None:
    """What a number that found nothing looks like instead, or None when it looks like a payment's."""
    key = number_key(number)
    if not key:
        return Problem.EMPTY
    if len(key) > LONGEST:
        return Problem.TOO_LONG
    if search.claim_is_called(session, number):
        return Problem.CLAIM
    if _looks_like_npi(number) or re.fullmatch(r"\d{2}-\d{7}|\d{3}-\d{2}-\d{4}", number.strip()):
        return Problem.TIN_OR_NPI
    if search.is_own_identifier(session, number):
        return Problem.TIN_OR_NPI
    if not key.removeprefix("NP").isdigit():
        return Problem.LETTERS
    if len(key.removeprefix("NP")) < SHORTEST and len(re.sub(r"\D", "", number)) < SHORTEST:
        return Problem.TOO_SHORT
    return None


def _looks_like_npi(number: str) -> bool:
    try:
        parse_npi(number)
    except BadIdentifier:
        return False
    return True
