"""TINs and NPIs of nobody: TINs start with 00, which the IRS does not issue."""

from __future__ import annotations

from stdnum import luhn


def make_npi(number: int) -> str:
    """An NPI with a valid check digit: 19998xxxxC."""
    base = f"19998{number:04d}"
    return base + str(luhn.calc_check_digit("80840" + base))


def make_tin(number: int) -> str:
    return f"00{number:07d}"
