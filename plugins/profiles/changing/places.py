"""The locations of an organization as a table in a form: where somebody works, which one is primary, and whom they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, Form, HiddenField, SelectChoice, SelectField
from wtforms.validators import ValidationError

from ..record.fields import ACCEPTING
from .fields import number_in


class PlaceForm(Form):  # type: ignore[misc] # WTForms has no types
    """A location of the organization: works there or not."""

    location = HiddenField()
    here = BooleanField("Works here")
    primary = BooleanField("Primary location")
    accepting = SelectField(
        "Accepting patients", choices=[SelectChoice(one, text) for one, text in ACCEPTING.items()], default="new"
    )


class PlacesField(FieldList):  # type: ignore[misc] # WTForms has no types
    """A row for each location that is offered; `data` says all rows, `chosen` those where somebody works."""

    names: dict[int, str] = {}

    def offer(self, names: dict[int, str]) -> None:
        """The locations there are, in their order. One that was added meanwhile is there, too."""
        self.names = names
        there = {entry.form.location.data for entry in self.entries}
        for one in names:
            if str(one) not in there:
                self.append_entry({"location": str(one)})

    @property
    def rows(self) -> list[tuple[str, Any]]:
        """Name and row of each location."""
        found = [(self.names.get(number_in(entry.form.location.data), ""), entry) for entry in self.entries]
        return [(name, entry) for name, entry in found if name]

    @property
    def here(self) -> list[int]:
        """The locations where somebody works."""
        return [number_in(entry.form.location.data) for _, entry in self.rows if entry.form.here.data]

    def words(self) -> str:
        """Where, a line each."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for name, entry in self.rows:
            if entry.form.here.data:
                primary = " (primary)" if entry.form.primary.data else ""
                yield f"{name}{primary}: {ACCEPTING.get(entry.form.accepting.data, '')}"


def one_primary(_form: FlaskForm, field: PlacesField) -> None:
    """A validator: a location or more, and one of several is the primary one."""
    here = [entry for _, entry in field.rows if entry.form.here.data]
    marked = [entry for _, entry in field.rows if entry.form.primary.data]
    if not here:
        raise ValidationError("Check one location or more.")
    for entry in marked:
        if not entry.form.here.data:
            entry.form.primary.errors = ["The primary location is one where the practitioner works."]
            raise ValidationError("The primary location is one where the practitioner works.")
    if len(marked) > 1:
        for entry in marked:
            entry.form.primary.errors = ["Only one location can be the primary one."]
        raise ValidationError("Only one location can be the primary one.")
    if not marked and len(here) > 1:
        here[0].form.primary.errors = ["Say which location is the primary one."]
        raise ValidationError("Say which location is the primary one.")


def chosen(rows: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The rows of the answers where somebody works; the only one is the primary one."""
    found = [row for row in rows or () if row["here"] and (row["location"] or "").isdecimal()]
    return [{**row, "primary": True} for row in found] if len(found) == 1 else found
