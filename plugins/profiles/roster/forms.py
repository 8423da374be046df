"""The forms of a roster."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from hp_portal.api import DayField, sheets

from .uploads import SHOWN


class RosterForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """A roster, from when on it holds, and what it means that somebody is missing in it."""

    form_errors: list[str]

    file = sheets.SheetField("Your roster", required="Choose the file with your roster.")
    effective_on = DayField("Effective date")
    complete = BooleanField("The file is complete: end whoever is missing in it")
    complete_on = DayField("Whoever is missing left on")

    def validate(self, extra_validators: Any = None) -> bool:
        """Ending whoever is missing needs a day."""
        fine = bool(super().validate(extra_validators))
        if self.complete.data and not self.complete_on.data and not self.complete_on.errors:
            self.complete_on.errors = ["Say since when whoever is missing no longer works there."]
            fine = False
        if self.complete_on.data and not self.complete.data:
            self.complete.errors = ["Tick this as well if whoever is missing is to be ended; else leave the day empty."]
            fine = False
        return fine


class RowsForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which rows are shown. It changes nothing, so it needs no token."""

    class Meta:
        csrf = False

    show = SelectField("Show", [Optional()], choices=[SelectChoice(*choice) for choice in SHOWN.items()])
