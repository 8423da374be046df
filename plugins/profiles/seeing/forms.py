"""The forms that narrow lists, and say as of which day. They change nothing, so they need no token."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional

from hp_portal.api import DayField, one_line

from .lists import STANDING, Wanted


class DayForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """As of which day the record is shown; empty: today."""

    class Meta:
        csrf = False

    on = DayField("As of")


class PractitionersForm(DayForm):
    """Which practitioners are looked for. `specialties` and `locations` are words by value."""

    q = StringField("Name or NPI", [Length(max=100)], filters=[one_line])
    specialty = SelectField("Specialty", [Optional()])
    location = SelectField("Location", [Optional()])
    show = SelectField("Show", [Optional()], choices=[SelectChoice(*choice) for choice in STANDING.items()])

    def __init__(self, specialties: dict[str, str], locations: dict[str, str], **given: Any) -> None:
        super().__init__(**given)
        self.specialty.choices = [SelectChoice("", "Any"), *(SelectChoice(*one) for one in specialties.items())]
        self.location.choices = [SelectChoice("", "Any"), *(SelectChoice(*one) for one in locations.items())]

    def wanted(self) -> Wanted:
        """What was asked for; valid once the form is."""
        # Blanks alone pass as nothing chosen.
        specialty, place, show = ((field.data or "").strip() for field in (self.specialty, self.location, self.show))
        return Wanted(self.q.data or "", specialty, int(place) if place else None, show)
