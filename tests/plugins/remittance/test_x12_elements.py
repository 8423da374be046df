"""Amounts, quantities, dates, text and separators, each on its own."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hp_portal_plugins.remittance.x12.dates import iso_date
from hp_portal_plugins.remittance.x12.diagnostics import RULES, diagnostic
from hp_portal_plugins.remittance.x12.file_kinds import file_kind
from hp_portal_plugins.remittance.x12.money import cents, dollars, quantity
from hp_portal_plugins.remittance.x12.readable_text import display
from hp_portal_plugins.remittance.x12.separators import find_separators


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0), ("12", 1200), ("12.3", 1230), ("12.34", 1234), ("-12.34", -1234), (".5", 50), ("-.05", -5), ("7.", 700),
        ("1.500", 150), ("007.10", 710), ("10000", 1000000), ("123456.78", 12345678), ("-0", 0), (" 12.3 ", 1230),
        ("9999999999999.99", 999999999999999), ("00000000000000000000000001", 100),
    ],
)  # fmt: skip
def test_amounts_are_exact_cents(text: str, expected: int) -> None:
    assert cents(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", ".", "-", "--1", "+1", "1.2.3", "1,5", "1.505", "1e2", "1_0", "1 2", "$1", "12.3x", "٣", "²", "1\x00",
     "99999999999999.99", "9" * 5000, "NaN", "1.5\x1f", "\xa05"],
)  # fmt: skip
def test_what_is_no_amount_is_never_guessed(text: str) -> None:
    assert cents(text) is None


@given(st.integers(-(10**14), 10**14))
def test_amounts_written_by_us_are_read_back(amount: int) -> None:
    assert cents(dollars(amount)) == amount


@given(st.text(alphabet="0123456789.- ", max_size=9))
def test_amounts_are_those_of_decimal_arithmetic(text: str) -> None:
    found = cents(text)
    if found is not None:
        assert Decimal(text.strip(" ")) * 100 == found
    else:
        try:
            exact = Decimal(text.strip(" ")) * 100
        except InvalidOperation:
            return
        assert exact != exact.to_integral_value()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "1"), ("1.50", "1.5"), ("0", "0"), ("-2", "-2"), ("-0", "0"), ("007", "7"), (".25", "0.25"), (" 3 ", "3"),
        ("", None), ("x", None), ("1.2.3", None), ("1e5", None), ("1" * 16, None), ("-", None),
    ],
)  # fmt: skip
def test_quantities(text: str, expected: str | None) -> None:
    assert quantity(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260302", "2026-03-02"), ("20240229", "2024-02-29"), ("20260229", None), ("20261301", None), ("260302", None),
        ("", None), ("2026030", None), ("2026-3-2", None), ("00000101", None), ("٢٠٢٦٠٣٠٢", None), (" 20260302 ", "2026-03-02"),
    ],
)  # fmt: skip
def test_dates(text: str, expected: str | None) -> None:
    assert iso_date(text) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain", "plain"), ("Zoë".encode(), "Zoë"), ("Zoë".encode("latin-1"), "Zoë"), (b"O\x92NEIL", "O’NEIL"),
        (b"a\x00b\x1fc\x7f", "abc"), (b"\x81x", "x"), ("漢字".encode(), "漢字"),
    ],
)  # fmt: skip
def test_display_text(data: bytes, expected: str) -> None:
    assert display(data.decode("latin-1")) == expected


@given(st.binary(max_size=40))
def test_display_never_fails_and_has_no_control_characters(data: bytes) -> None:
    assert not {chr(value) for value in range(32)} & set(display(data.decode("latin-1")))


def test_separators_are_not_taken_from_fixed_places() -> None:
    text = b"ISA|00||00||ZZ|A|ZZ|B|260302|0645|!|00501|1|0|P|>'\nGS|HP|A|B'\nST|835|1'\nBPR|I|1'\nSVC|HC>1|1|1'\n"
    found = find_separators(text, b"|")
    assert found is not None
    assert (found.element, found.component, found.repetition, found.terminator, found.end) == (
        "|",
        ">",
        "!",
        "'",
        "'\n",
    )


def test_a_value_that_ends_like_a_terminator_does_not_count_as_one() -> None:
    lines = [b"ST*835*1", b"N1*PR*A)", b"REF*2U*1)", b"N1*PE*B)", b"CLP*1)", b"REF*3*X", b"SE*6*1"]
    found = find_separators(b"\n".join(lines) + b"\n", b"*")
    assert found is not None
    assert found.terminator == "\n"


def test_text_of_one_segment_has_no_separators_to_find() -> None:
    assert find_separators(b"ST*835*0001 and nothing else", b"*") is None


def test_a_finding_of_an_unknown_rule_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        diagnostic("no.such.rule", 1, 0, "", "")


def test_every_rule_is_explained() -> None:
    assert all(meaning and not meaning.endswith(".") for _, meaning in RULES.values())


def test_kind_of_a_file_with_a_byte_order_mark() -> None:
    assert file_kind(b"\xef\xbb\xbfhello") == "text"
