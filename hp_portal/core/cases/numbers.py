"""Numbers of cases: eight digits that people say on the telephone, in two groups; the last is a check digit."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from stdnum import damm
from stdnum.exceptions import ValidationError

from hp_portal.core.cases.models import Case
from hp_portal.database import PortalSession

DIGITS = 8
TRIES = 1000


class BadCaseNumber(ValueError):
    """This is no number of a case; the text says what is wrong with it."""


def draw_number() -> str:
    """A number nobody can guess from others. Damm's check digit tells every wrong digit and every two that changed places."""
    digits = str(10 ** (DIGITS - 2) + secrets.randbelow(9 * 10 ** (DIGITS - 2)))
    return digits + damm.calc_check_digit(digits)


def free_number(session: PortalSession) -> str:
    """A number that no case has. Raises RuntimeError when nearly all are taken. Needs a whole scope."""
    for _ in range(TRIES):
        number = draw_number()
        if session.scalar(sa.select(Case.id).where(Case.number == number)) is None:
            return number
    raise RuntimeError("nearly all numbers of cases are taken")


def show_number(number: str) -> str:
    """As people read it: `4831-9076`."""
    return f"{number[:4]}-{number[4:]}"


def read_number(text: str) -> str:
    """The number of a case as somebody typed it. Raises BadCaseNumber."""
    digits = "".join(one for one in text if one.isascii() and one.isdigit())
    if len(digits) != DIGITS:
        raise BadCaseNumber(f"The number of a case has {DIGITS} digits, such as 4831-9076.")
    try:
        damm.validate(digits)
    except ValidationError:
        raise BadCaseNumber("There is no case with this number. Check each digit.") from None
    return digits
