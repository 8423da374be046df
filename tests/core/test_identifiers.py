"""TIN and NPI as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hp_portal.core.identifiers.numbers import BadIdentifier, mask_tin, parse_npi, parse_tin
from tests.support.identifiers import make_npi


@pytest.mark.parametrize("text", ["00-0000001", "000-00-0001", "000000001", " 00 0000001 ", "00.0000001"])
def test_a_tin_as_people_write_it(text: str) -> None:
    assert parse_tin(text) == "000000001"


@pytest.mark.parametrize("text", ["", "12345678", "1234567890", "12-345678x", "١٢٣٤٥٦٧٨٩", "12/3456789"])
def test_what_is_no_tin(text: str) -> None:
    with pytest.raises(BadIdentifier, match="9 digits, such as"):
        parse_tin(text)


def test_an_npi_with_its_check_digit() -> None:
    """1234567893 is the example of the NPI's check digit specification."""
    assert parse_npi("1234567893") == "1234567893"
    assert parse_npi("1234 567-893") == "1234567893"


@pytest.mark.parametrize("text", ["", "123456789", "12345678931", "0234567893", "3234567893", "12345678x3"])
def test_what_is_no_npi(text: str) -> None:
    with pytest.raises(BadIdentifier, match="10 digits and starts with 1 or 2"):
        parse_npi(text)


@given(st.integers(0, 9999), st.integers(0, 9), st.integers(1, 9))
def test_any_wrong_digit_is_noticed(number: int, place: int, change: int) -> None:
    npi = make_npi(number)
    assert parse_npi(npi) == npi
    wrong = npi[:place] + str((int(npi[place]) + change) % 10) + npi[place + 1 :]
    with pytest.raises(BadIdentifier):
        parse_npi(wrong)


def test_a_tin_is_shown_by_its_last_four_digits() -> None:
    assert mask_tin("123456789") == "•••••6789"
