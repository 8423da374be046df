"""What *Our activity* is narrowed to."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import Form, SelectField, StringField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import DayField, later_than


class OursForm(Form):  # type: ignore[misc] # WTForms has no types
    """Read from the address: nothing in it is about a patient. The view fills in the choices."""

    person = StringField(
        "Person",
        [Optional(), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    application = SelectField("Application", [Optional()], coerce=str.strip)
    event = SelectField("What was done", [Optional()], coerce=str.strip)
    since = DayField("From")
    until = DayField("To", [later_than("since", "The last day is before the first.")])


def _has_a_digit(_form: object, field: StringField) -> None:
    if not any(letter.isdigit() for letter in field.data or ""):
        raise ValidationError("Enter a number, as it stands on the claim or the member’s card.")


class PatientForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Posted, so that the number stands in no address."""

    number = StringField(
        "Number of a patient, member or claim",
        [DataRequired("Enter the number to look for."), Length(3, 60, "Use 3 to 60 characters."), _has_a_digit],
        filters=[one_line],
        render_kw={"autocomplete": "off", "spellcheck": "false", "data-sensitive": ""},
    )
