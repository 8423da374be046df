"""Fields of forms: what people type becomes a value or words that say what to do; nothing typed gets lost."""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import Form, StringField, TextAreaField
from wtforms.fields.core import UnboundField
from wtforms.validators import Length

import hp_portal.core
import hp_portal_plugins
from hp_portal.core.web.cleaning import several_lines, table_lines
from hp_portal.core.web.fields import AmountField, DayField, NpiField, TinField, later_than
from hp_portal.core.web.formats import parse_money, plain_money
from tests.support.identifiers import make_npi


class SampleForm(Form):  # type: ignore[misc]
    begins = DayField("From")
    ends = DayField("To", [later_than("begins", "The last day is before the first.")])
    least = AmountField("At least")
    most = AmountField("At most", [later_than("least", "Less than the least.")])
    tin = TinField("Tax ID", required="Enter the Tax ID.")
    npi = NpiField("NPI")


def typed(**values: str) -> SampleForm:
    return SampleForm(MultiDict({"tin": "00-0000001", **values}))


def problems(form: SampleForm) -> dict[str, Any]:
    form.validate()
    return dict(form.errors)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("begins", "2026-03-02", dt.date(2026, 3, 2)),
        ("begins", "3/2/2026", dt.date(2026, 3, 2)),
        ("begins", " 03/02/2026 ", dt.date(2026, 3, 2)),
        ("begins", "", None),
        ("begins", "   ", None),
        ("least", "1,234.5", 123450),
        ("least", "$ 12", 1200),
        ("least", "0", 0),
        ("least", "", None),
        ("tin", "00 0000001", "000000001"),
        ("npi", "1234 567-893", "1234567893"),
        ("npi", "", None),
    ],
)
def test_what_is_typed_becomes_a_value(field: str, text: str, value: object) -> None:
    form = typed(**{field: text})
    assert problems(form) == {}
    assert form[field].data == value
    assert form[field]._value() == text, "the page shows what was typed"


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("begins", "yesterday", "Enter a date as month, day and year."),
        ("begins", "2026-02-30", "Enter a date as month, day and year."),
        ("begins", "0026-03-02", "Enter a day with a year such as 2026."),
        ("least", "12.345", "Enter an amount in dollars, such as 1234.50."),
        ("least", "-5", "Enter an amount in dollars, such as 1234.50."),
        ("least", "5\n", None),
        ("tin", "12345", "A Tax ID has 9 digits, such as 12-3456789."),
        ("tin", "", "Enter the Tax ID."),
        ("tin", "  ", "Enter the Tax ID."),
        ("npi", "1234567890", "This NPI's check digit is wrong. Compare it with your NPPES record."),
    ],
)
def test_what_cannot_be_read_is_told_in_words(field: str, text: str, words: str | None) -> None:
    form = typed(**{field: text})
    assert problems(form) == ({field: [words]} if words else {})
    if words:
        assert form[field].data is None, "no half-read value reaches a verb"
        assert form[field]._value() == text


def forms() -> Iterator[type[Form]]:
    """Every form of the portal and its plugins."""
    for package in (hp_portal.core, hp_portal_plugins):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    waiting = [Form]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        if form.__module__.startswith(("hp_portal.", "hp_portal_plugins.")):
            yield form


# Whole texts, which staff write, and tables that are pasted.
LONG = {
    **dict.fromkeys(
        ("StepForm.words", "ManyForm.words", "DecideForm.words", "CommentForm.comment", "NoteForm.note"), 4_000
    ),
    "UpdateForm.words": 4_000,  # several changes in the provider's own words
    "DraftForm.text": 100_000,
    "TableForm.table": 200_000,
    "SeveralForm.table": 200_000,
}


def test_every_field_of_free_text_has_a_greatest_length_and_loses_control_characters() -> None:
    wrong, seen = [], 0
    for form in forms():
        for name, field in vars(form).items():
            if not isinstance(field, UnboundField) or field.field_class not in (StringField, TextAreaField):
                continue
            seen += 1
            options = field.kwargs
            checks = options.get("validators") or (field.args[1] if len(field.args) > 1 else ())
            most = LONG.get(f"{form.__name__}.{name}", 1_000)
            if not any(isinstance(check, Length) and 0 < check.max <= most for check in checks):
                wrong.append(f"{form.__name__}.{name} has no greatest length")
            if not options.get("filters"):
                wrong.append(f"{form.__name__}.{name} keeps control characters")
    assert not wrong
    assert seen > 20


def test_a_missing_required_field_is_told() -> None:
    form = SampleForm(MultiDict({"npi": ""}))
    assert problems(form) == {"tin": ["Enter the Tax ID."]}


@pytest.mark.parametrize(
    ("first", "last", "fits"), [("1", "2", True), ("2", "2", True), ("3", "2", False), ("", "2", True)]
)
def test_a_span_ends_after_it_begins(first: str, last: str, fits: bool) -> None:
    days = typed(begins=first and f"2026-03-0{first}", ends=f"2026-03-0{last}")
    assert problems(days) == ({} if fits else {"ends": ["The last day is before the first."]})
    amounts = typed(least=first, most=last)
    assert problems(amounts) == ({} if fits else {"most": ["Less than the least."]})


def test_an_unreadable_beginning_is_told_once() -> None:
    assert problems(typed(begins="x", ends="2026-03-02")) == {"begins": ["Enter a date as month, day and year."]}


def test_a_value_given_by_the_view_is_shown() -> None:
    form = SampleForm(MultiDict(), data={"begins": dt.date(2026, 3, 2), "least": 123450, "tin": "000000001"})
    assert [form[name]._value() for name in ("begins", "least", "tin", "npi")] == [
        "2026-03-02",
        "1234.50",
        "000000001",
        "",
    ]


def test_tax_ids_stay_out_of_the_browser_s_storage_and_autocompletion() -> None:
    assert 'data-sensitive=""' in str(typed().tin())
    assert 'autocomplete="off"' in str(typed().tin())
    assert "data-sensitive" not in str(typed().npi())
    assert 'inputmode="numeric"' in str(typed().npi())


@settings(deadline=None)
@given(st.integers(0, 10**14 - 1))
def test_amounts_survive_being_shown_and_read(cents: int) -> None:
    assert parse_money(plain_money(cents)) == cents
    assert parse_money(f"${cents // 100:,}.{cents % 100:02d}") == cents


@settings(deadline=None)
@given(st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)))
def test_days_survive_being_shown_and_read(day: dt.date) -> None:
    field = typed(begins=f"{day.month}/{day.day}/{day.year:04}").begins
    assert (field.data, field.show(field.data)) == (day, day.isoformat())


@settings(deadline=None)
@given(st.text(max_size=30))
def test_no_text_breaks_a_field(text: str) -> None:
    form = typed(begins=text, least=text, tin=text, npi=text)
    form.validate()
    for name in ("begins", "least", "tin", "npi"):
        assert form[name].data is None or not form[name].errors


@settings(deadline=None)
@given(st.integers(0, 9_999))
def test_every_right_npi_is_taken(number: int) -> None:
    form = typed(npi=make_npi(number))
    assert problems(form) == {}


def test_several_lines_lose_control_characters_and_keep_their_order() -> None:
    assert several_lines("  one\x00\r\n\r\n  two\x07 \rthree\t\n") == "one\n\n  two\nthree"
    assert several_lines(None) is None


def test_a_pasted_table_keeps_its_empty_cells_and_loses_other_control_characters() -> None:
    assert table_lines("\n\tone\x00 \ttwo\t\r\n three\x07\t\t\n") == "\tone\ttwo\t\nthree\t\t"
    assert table_lines(None) is None
