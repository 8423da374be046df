"""The form by which members search the directory. It changes nothing, so it needs no token, and no cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional, ValidationError

from hp_portal.api import one_line

from .searching import Asked, Choices
from .terms import fold


class SearchForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who is looked for. `choices` are what the directory has."""

    class Meta:
        csrf = False

    name = StringField("Name of the practitioner or clinic", [Length(max=100)], filters=[one_line])
    place = StringField("City or ZIP code", [Length(max=100)], filters=[one_line])
    specialty = SelectField("Specialty", [Optional()], filters=[one_line], validate_choice=False)
    language = SelectField("Language", [Optional()], filters=[one_line], validate_choice=False)
    access = SelectField("Accessibility", [Optional()], filters=[one_line], validate_choice=False)
    accepting = BooleanField("Accepts new patients")

    def __init__(self, choices: Choices, **given: Any) -> None:
        super().__init__(**given)
        for field, values in (
            (self.specialty, choices.specialties),
            (self.language, choices.languages),
            (self.access, choices.access),
        ):
            field.choices = _choices(values, field.data)

    def validate_name(self, field: Any) -> None:
        """Something must be there to look for."""
        if field.data and not fold(field.data):
            raise ValidationError("Enter letters of the name.")

    def validate_place(self, field: Any) -> None:
        """Something must be there to look for."""
        if field.data and not fold(field.data):
            raise ValidationError("Enter a city, or the five digits of a ZIP code.")

    def asked(self, after: str) -> Asked:
        """What was asked for; valid once the form is."""
        return Asked(
            self.name.data or "",
            self.specialty.data or "",
            self.place.data or "",
            self.language.data or "",
            self.access.data or "",
            bool(self.accepting.data),
            after,
        )


def _choices(values: Mapping[str, str], chosen: str | None) -> list[SelectChoice]:
    """With what was chosen, also where nobody has it any more, so that a kept address says what it asks for."""
    gone = {chosen[:80]: chosen[:80]} if chosen and chosen not in values else {}
    return [SelectChoice("", "Any"), *(SelectChoice(*one) for one in {**values, **gone}.items())]
