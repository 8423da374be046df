"""Fields that several of the forms have."""

from __future__ import annotations

import datetime as dt
from typing import Any

from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from hp_portal.api import one_line

from .offering import now

AHEAD = dt.timedelta(days=365)
DAY = dt.timedelta(days=1)


class ChecksField(SelectMultipleField):  # type: ignore[misc] # WTForms has no types
    """Several of a list of ids, as check boxes; `data` are texts."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    @property
    def ids(self) -> list[int]:
        """What is ticked, of what is offered."""
        offered = {str(value) for value, *_ in self.choices or ()}
        return [int(one) for one in self.data or () if one in offered]


def within_a_year(_form: Any, field: Any) -> None:
    """A validator: neither years ahead nor years ago, which is a mistake in the year."""
    if field.data and field.data > now() + AHEAD:
        raise ValidationError("Enter a day within the next 12 months.")
    if field.data and field.data < now() - AHEAD:
        raise ValidationError("Enter a day within the last 12 months. Ask your service specialist about earlier ones.")


def line(label: str, missing: str = "", most: int = 100, description: str = "", *more: Any) -> StringField:
    """A line of text, asked for when `missing` says what to do without one."""
    needed = DataRequired(missing) if missing else Optional()
    return StringField(label, [needed, Length(max=most), *more], filters=[one_line], description=description)


def choice(label: str, missing: str, description: str = "") -> SelectField:
    """One of a list that `prepare` fills in."""
    return SelectField(label, [DataRequired(missing)], choices=[], description=description)


def id_in(field: Any) -> int | None:
    """The id that is chosen, of those that are offered."""
    offered = {str(value) for value, *_ in field.choices or ()}
    return int(field.data) if field.data and field.data in offered else None


def number_in(text: str | None) -> int:
    """A whole number that a key can be, or 0."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else 0
