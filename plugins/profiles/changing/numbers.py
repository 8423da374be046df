"""Numbers and places as offices type them: DEA registrations, taxonomy codes, license numbers, ZIP codes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wtforms.validators import ValidationError

from hp_portal.api import ParsedField

_DEA = re.compile(r"[A-Z][A-Z9][0-9]{7}", re.ASCII)
_TAXONOMY = re.compile(r"[0-9A-Z]{9}X", re.ASCII)
_ZIPS = """AL 350-369; AK 995-999; AS 967; AZ 850-865; AR 716-729; CA 900-961; CO 800-816; CT 060-069; DE 197-199; DC 200 202-205
569 888; FL 320-339 341-349; GA 300-319 398-399; GU 969; HI 967-968; ID 832-838; IL 600-629; IN 460-479; IA 500-528; KS
660-679; KY 400-427; LA 700-714; ME 039-049; MD 205-219; MA 010-027 055; MI 480-499; MN 550-567; MS 386-397; MO 630-658
726; MT 590-599; NE 680-693; NV 889-898; NH 030-038; NJ 070-089; NM 870-884; NY 005 063 100-149; NC 270-289; ND 580-588;
MP 969; OH 430-459; OK 730-731 734-749; OR 970-979; PA 150-196; PR 006-007 009; RI 028-029; SC 290-299; SD 570-577; TN
370-385; TX 733 739 750-799 885; UT 840-847; VT 050-054 056-059; VI 008; VA 201 205 220-246; WA 980-994; WV 247-268; WI
530-549; WY 820-831 834"""
"""The first three digits of the ZIP codes of each state, which the USPS publishes as labeling list L002 of its Domestic Mail
Manual; made from all ZIP codes in version 3.0 of the package zipcodes, with prefixes between them that no state has."""
_STATES_BY_ZIP: dict[str, list[str]] = {}
for _line in _ZIPS.replace("\n", " ").split("; "):
    _state, *_spans = _line.split()
    for _first, _, _last in (span.partition("-") for span in _spans):
        for _number in range(int(_first), int(_last or _first) + 1):
            _STATES_BY_ZIP.setdefault(f"{_number:03}", []).append(_state)
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


def license_doubt(state: str, number: str, shapes: Mapping[str, Sequence[str]]) -> str:
    """What may be wrong with a license number; empty: nothing. `shapes` say how those of a state look, by the payer's settings: 9
    is a digit, A a letter, anything else itself. Blanks do not count."""
    known, typed = shapes.get(state, ()), re.sub(r"\s", "", number).upper()
    if not known or not typed or any(_looks_like(shape, typed) for shape in known):
        return ""
    return f"A license number of {state} usually looks like {' or '.join(known)}. Is this one right?"


def _looks_like(shape: str, typed: str) -> bool:
    plain, kinds = re.sub(r"\s", "", shape).upper(), {"9": "0123456789", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    return len(plain) == len(typed) and all(
        one in kinds.get(kind, kind) for kind, one in zip(plain, typed, strict=True)
    )


def zip_doubt(state: str, text: str) -> str:
    """What may be wrong with a ZIP code and a state; empty: nothing."""
    start = text.strip()[:3]
    if not re.fullmatch("[0-9]{3}", start, re.ASCII) or not state:
        return ""
    states = _STATES_BY_ZIP.get(start, [])
    if state in states:
        return ""
    where = f"is one of {' or '.join(states)}, not of {state}" if states else f"is not one of {state}"
    return f"A ZIP code that begins with {start} {where}."
