"""The forms of attesting."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from hp_portal.api import several_lines, signing


class AttestForm(signing.SignedForm):
    """The signature under everything that is shown."""


class NotRightForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What is not right."""

    words = TextAreaField(
        "What is not right?",
        [DataRequired("Say what is not right, and what would be."), Length(max=1000)],
        filters=[several_lines],
        description="Name no patients.",
    )


class ResponsibleForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who is reminded; nobody in particular: the delegates."""

    responsible = SelectField("Who is reminded", [Optional()])

    def __init__(self, people: dict[str, str], **given: Any) -> None:
        super().__init__(**given)
        self.responsible.choices = [SelectChoice("", "Our delegates"), *(SelectChoice(*one) for one in people.items())]
