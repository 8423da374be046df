"""Numbers and places as offices type them: DEA registrations, taxonomy codes, states, ZIP codes."""

from __future__ import annotations

import re
from typing import Any

from wtforms.validators import ValidationError

from hp_portal.api import ParsedField

STATES = tuple(
    re.findall(
        "..",
        "ALAKAZARCACOCTDEDCFLGAHIIDILINIAKSKYLAMEMDMAMIMNMSMOMTNENVNHNJNMNYNCNDOHOKORPAPRRISCSDTNTXUTVTVIVAWAWVWIWY",
    )
)
_DEA = re.compile(r"[A-Z][A-Z9][0-9]{7}", re.ASCII)
_TAXONOMY = re.compile(r"[0-9A-Z]{9}X", re.ASCII)
_ZIP = re.compile(r"[0-9]{5}(-[0-9]{4})?", re.ASCII)


def read_dea(text: str) -> str:
    """A DEA registration number whose check digit is right, in capitals. Raises ValueError with words for whoever typed it."""
    number = re.sub(r"[\s-]", "", text).upper()
    if not _DEA.fullmatch(number):
        raise ValueError("Enter the DEA number as two letters and seven digits, such as AB1234563.")
    digits = [int(one) for one in number[2:]]
    if (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 != digits[6]:
        raise ValueError(
            "This DEA number has a mistake: its last digit does not fit the others. Check the certificate."
        )
    return number


class DeaField(ParsedField):
    """A DEA registration number; `data` is it in capitals."""

    def read(self, text: str) -> str:
        return read_dea(text)


def a_taxonomy(_form: Any, field: Any) -> None:
    """A validator: a code of the provider taxonomy."""
    if field.data and not _TAXONOMY.fullmatch(field.data):
        raise ValidationError("Enter the taxonomy code as ten letters and digits that end with X, such as 207Q00000X.")


def a_zip(_form: Any, field: Any) -> None:
    """A validator: a ZIP code."""
    if field.data and not _ZIP.fullmatch(field.data):
        raise ValidationError("Enter the ZIP code as five digits, such as 55440, or with four more.")


def capitals(text: str | None) -> str | None:
    """A code without blanks around it, in capitals."""
    return text.strip().upper() if text else text
