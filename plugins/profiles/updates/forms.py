"""The form of provider updates."""

from __future__ import annotations

from typing import Any

from wtforms import RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from hp_portal.api import ContactForm, DayField, NpiField, TinField, one_line, several_lines

from .cases import CHANGES

EARLIEST = 1970


class UpdateForm(ContactForm):
    """Who tells of it, of which provider, and what changes from when on."""

    role = StringField(
        "What you do there",
        [DataRequired("Enter what you do, such as office manager."), Length(max=100)],
        filters=[one_line],
        render_kw={"autocomplete": "organization-title"},
    )
    provider = StringField(
        "Name of the provider",
        [DataRequired("Enter the provider’s name as it is on claims."), Length(2, 120, "Use 2 to 120 characters.")],
        filters=[one_line],
        render_kw={"autocomplete": "organization"},
    )
    tin = TinField("Tax ID (TIN)", required="Enter the Tax ID that the provider has now.")
    npi = NpiField("NPI")
    change = RadioField(
        "What changes?",
        choices=[SelectChoice(*one) for one in CHANGES.items()],
        validate_choice=False,
        filters=[lambda value: value or None],
    )
    effective_on = DayField("From which day?", required="Enter the day from which on it is so.")
    words = TextAreaField(
        "What is different",
        [DataRequired("Write what was, and what is from that day on."), Length(max=4000)],
        filters=[several_lines],
        render_kw={"rows": 6},
    )

    def validate_change(self, field: Any) -> None:
        """One of those that are offered."""
        if field.data not in CHANGES:
            raise ValidationError("Choose what fits best.")

    def validate_effective_on(self, field: Any) -> None:
        """A slip of the pen in the year."""
        if field.data is not None and not EARLIEST <= field.data.year <= 2100:
            raise ValidationError("Check the year.")

    def values(self) -> dict[str, Any]:
        """What belongs to the case, of a form that is right."""
        return {
            "role": self.role.data,
            "provider": self.provider.data,
            "tin": self.tin.data,
            "npi": self.npi.data or "",
            "change": self.change.data,
            "effective_on": self.effective_on.data.isoformat(),
            "words": self.words.data,
        }
