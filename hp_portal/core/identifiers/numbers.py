"""TIN and NPI: reading what people type, and masking what they may not see whole."""

from __future__ import annotations

import re

from stdnum import luhn


class BadIdentifier(ValueError):
    """Not a TIN or NPI; the text says what to do."""


def parse_tin(text: str) -> str:
    """Nine digits of an EIN (12-3456789) or SSN; raises BadIdentifier. EINs have no check digit (IRS Publication 1635)."""
    digits = re.sub(r"[\s\-.]", "", text)
    if not re.fullmatch(r"[0-9]{9}", digits):
        raise BadIdentifier("A Tax ID has 9 digits, such as 12-3456789.")
    return digits


def parse_npi(text: str) -> str:
    """Ten digits, first 1 or 2, last a Luhn digit over 80840 + NPI (45 CFR 162.406); raises BadIdentifier."""
    digits = re.sub(r"[\s\-.]", "", text)
    if not re.fullmatch(r"[12][0-9]{9}", digits):
        raise BadIdentifier("An NPI has 10 digits and starts with 1 or 2.")
    if not luhn.is_valid("80840" + digits):
        raise BadIdentifier("This NPI's check digit is wrong. Compare it with your NPPES record.")
    return digits


def mask_tin(tin: str) -> str:
    """The last four digits, as every screen shows it."""
    return f"•••••{tin[-4:]}"
