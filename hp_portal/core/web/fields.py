"""Fields of forms for what people in offices type: days, amounts, Tax IDs, NPIs.

A field's `data` is the parsed value, or None when nothing (or nothing readable) was typed; the page shows what was typed.
`required` is the message for an empty field; without it the field is optional. What is wrong is said in words that tell what
to do.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Any

from wtforms import Field, StringField
from wtforms.validators import InputRequired, Optional, StopValidation, ValidationError
from wtforms.widgets import DateInput, TextInput

from hp_portal.core.identifiers.numbers import parse_npi, parse_tin
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.formats import parse_money, plain_money

NOT_A_DAY = "Enter a date as month, day and year."
NOT_A_YEAR = "Enter a day with a year such as 2026."
_DAYS = ("%Y-%m-%d", "%m/%d/%Y")
_YEARS = range(1900, 3000)


class _Required(InputRequired):  # type: ignore[misc] # WTForms has no types
    """Something must have been typed; blanks are nothing."""

    def __call__(self, form: Any, field: Any) -> None:  # noqa: ARG002 - WTForms passes it
        if not (field.raw_data and str(field.raw_data[0]).strip()):
            field.errors = []
            raise StopValidation(self.message)


class ParsedField(Field):  # type: ignore[misc] # WTForms has no types
    """A line of text that is read into a value by `read`, which raises ValueError with a message for the person."""

    widget = TextInput()
    data: Any

    def __init__(self, label: str = "", validators: Sequence[Any] = (), *, required: str = "", **options: Any) -> None:
        first = _Required(required) if required else Optional()
        super().__init__(label, [first, *validators], **options)

    def read(self, text: str) -> Any:
        """The value of what was typed, without blanks around it."""
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """A value as the field holds it."""
        return str(value)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.show(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return  # nothing was sent for this field: what the view gave stays
        self.data = None
        if typed := valuelist[0].strip():
            self.data = self.read(typed)


_TAX_ID = re.compile(r"(?<![\d-])(?:\d{2}-?\d{7}|\d{3}-\d{2}-\d{4})(?![\d-])")


def read_day(text: str) -> dt.date:
    """A day as browsers send it or people type it. Raises ValueError with a text for whoever typed it."""
    for pattern in _DAYS:
        try:
            day = dt.datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        if day.year not in _YEARS:
            raise ValueError(NOT_A_YEAR)
        return day
    raise ValueError(NOT_A_DAY)


class DayField(ParsedField):
    """A business date (`datetime.date`). Browsers without a date picker send what was typed: 3/2/2026 is read, too."""

    widget = DateInput()

    def read(self, text: str) -> dt.date:
        return read_day(text)

    def show(self, value: dt.date) -> str:
        return value.isoformat()


class AmountField(ParsedField):
    """Dollars as people type them (`1,234.5`, `$1,234.50`); `data` is integer cents, never negative."""

    def __init__(self, *arguments: Any, render_kw: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(*arguments, render_kw={"inputmode": "decimal", **(render_kw or {})}, **options)

    def read(self, text: str) -> int | None:
        return parse_money(text)

    def show(self, value: int) -> str:
        return plain_money(value)


class EmailField(StringField):  # type: ignore[misc] # WTForms has no types
    """An e-mail address in one line. `render_kw={"autocomplete": "off"}` where it is not their own."""

    def __init__(self, *arguments: Any, render_kw: dict[str, Any] | None = None, **options: Any) -> None:
        known = {"type": "email", "autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(*arguments, filters=[one_line], render_kw={**known, **(render_kw or {})}, **options)


class _IdentifierField(ParsedField):
    parse: Callable[[str], str]
    attributes: dict[str, Any] = {}

    def __init__(self, *arguments: Any, render_kw: dict[str, Any] | None = None, **options: Any) -> None:
        known = {"inputmode": "numeric", "autocomplete": "off", **self.attributes}
        super().__init__(*arguments, render_kw={**known, **(render_kw or {})}, **options)

    def read(self, text: str) -> str:
        return type(self).parse(text)


class TinField(_IdentifierField):
    """A Tax ID; `data` is its nine digits. Never put into the browser's storage."""

    parse = staticmethod(parse_tin)
    attributes = {"data-sensitive": ""}


class NpiField(_IdentifierField):
    """An NPI; `data` is its ten digits, the check digit right."""

    parse = staticmethod(parse_npi)


def later_than(first: str, message: str) -> Callable[[Any, Any], None]:
    """A validator for the end of a span: refuses what lies before the field called `first`.

    Equal is fine, and so is a span with one end alone.
    """

    def check(form: Any, field: Any) -> None:
        begins = form[first].data
        if begins is not None and field.data is not None and field.data < begins:
            raise ValidationError(message)

    return check


def without_tax_ids(_form: Any, field: Any) -> None:
    """A validator of what leaves by e-mail: no full Tax ID, as nine digits or written as an EIN or an SSN."""
    if _TAX_ID.search(field.data or ""):
        raise ValidationError("Leave out the Tax ID: e-mail is not secure. Its last four digits are enough.")


def a_phone(_form: Any, field: Any) -> None:
    """A validator: a telephone number with its area code, perhaps with an extension."""
    text = field.data or ""
    if not re.fullmatch(r"[0-9 +().\-]*(?:\s*(?:x|ext\.?)\s*\d{1,6})?", text) or len(re.findall(r"\d", text)) < 10:
        raise ValidationError("Enter a telephone number with its area code, such as 555-010-0100.")
