"""The forms of attesting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from hp_portal.api import several_lines, signing

from .statement import Part


class AttestForm(signing.SignedForm):
    """The signature under everything that is shown. `seen` are the words of the pages that somebody has been shown."""

    seen = HiddenField()

    def look(self, parts: Sequence[Part], seen: str) -> None:
        """What there is to see, and what was shown."""
        self.parts = parts
        self.seen.data = " ".join(one.word for one in parts if one.word in seen.split())

    @property
    def unseen(self) -> list[int]:
        """The numbers of the pages that were not shown as they are now."""
        return [one.number for one in self.parts if one.word not in (self.seen.data or "").split()]

    def validate(self, extra_validators: Any = None) -> bool:
        """Nothing is wrong, and every page was shown as it is now."""
        fine = bool(super().validate(extra_validators))
        if len(self.parts) > 1 and self.unseen:
            pages = ", ".join(map(str, self.unseen))
            self.form_errors = [
                *self.form_errors,
                f"Not seen yet, or changed since: page {pages}. Look at it, then sign.",
            ]
            return False
        return fine


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
