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
_LICENSES: dict[str, tuple[re.Pattern[str], str]] = {
    "MN": (
        re.compile(r"[0-9]{4,7}|R ?[0-9]{6,7}-?[0-9]?|CNP ?[0-9]{3,6}", re.ASCII),
        "4 to 7 digits, or R and 6 or 7 digits for nurses",
    ),
    "WI": (
        re.compile(r"[0-9]{1,7}(-[0-9]{2,3})?", re.ASCII),
        "up to 7 digits, with a hyphen and the profession’s number behind them",
    ),
    "IA": (
        re.compile(r"[A-Z]{0,4}-?[0-9]{3,7}", re.ASCII),
        "3 to 7 digits, with letters before them for some professions",
    ),
    "ND": (
        re.compile(r"[A-Z]{0,3}[0-9]{3,6}", re.ASCII),
        "3 to 6 digits, with letters before them for some professions",
    ),
    "SD": (
        re.compile(r"[A-Z]{0,3}[0-9]{3,6}", re.ASCII),
        "3 to 6 digits, with letters before them for some professions",
    ),
}
"""How license numbers look in Minnesota and around it: to be pointed out, never refused, since boards change them."""
_ZIP_OF_STATE = {
    "MN": ("550", "567"), "WI": ("530", "549"), "IA": ("500", "528"), "ND": ("580", "588"), "SD": ("570", "577"),
    "IL": ("600", "629"), "MI": ("480", "499"), "NE": ("680", "693"), "MT": ("590", "599"),
}  # fmt: skip
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


def license_doubt(state: str, number: str) -> str:
    """What may be wrong with a license number of a state that is known here; empty: nothing."""
    looks = _LICENSES.get(state)
    if not looks or not number or looks[0].fullmatch(number.strip().upper()):
        return ""
    return f"A license number of {state} usually has {looks[1]}. Is this one right?"


def zip_doubt(state: str, text: str) -> str:
    """What may be wrong with a ZIP code and a state; empty: nothing."""
    start = text.strip()[:3]
    if not re.fullmatch("[0-9]{3}", start, re.ASCII) or not state:
        return ""
    known = _ZIP_OF_STATE.get(state)
    if known and not known[0] <= start <= known[1]:
        return f"A ZIP code that begins with {start} is not one of {state}."
    other = next((one for one, (first, last) in _ZIP_OF_STATE.items() if first <= start <= last), state)
    return "" if other == state or known else f"A ZIP code that begins with {start} is one of {other}, not of {state}."
