"""The forms in which a change form is made, signed and sent."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError

from hp_portal.api import DayField, is_email, one_line, parse_fax_number, several_lines, signing

from .contents import REASONS
from .sending import CHANNELS, FAX

NO_PATIENTS = "Name no patients."


class MakeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What a change form says beside the record."""

    reason = SelectField(
        "Reason",
        [DataRequired("Choose the reason.")],
        choices=[SelectChoice("", "Choose"), *(SelectChoice(*one) for one in REASONS.items())],
    )
    words = TextAreaField("In your words", [Optional(), Length(max=400)], filters=[several_lines])
    effective_on = DayField("Effective date", required="Enter from when on the change holds.")
    as_of = DayField("Our record as of", required="Enter as of which day the form shows the record.")
    phone = StringField(
        "Your telephone", [DataRequired("Enter a telephone number for questions."), Length(max=40)], filters=[one_line]
    )
    birth_date = BooleanField("Include the date of birth")
    dea = BooleanField("Include the DEA number and when it expires")


class SignPaperForm(signing.SignedForm):
    """The signature of a change form."""


class SendForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Whom a change form is sent to. What leaves is confirmed."""

    addressee = StringField(
        "To whom",
        [DataRequired("Enter who gets it, such as the name of the payer."), Length(max=100)],
        filters=[one_line],
    )
    channel = RadioField(
        "How",
        [InputRequired("Choose fax or e-mail.")],
        choices=[SelectChoice(*one) for one in CHANNELS.items()],
    )
    fax = StringField("Fax number", [Length(max=40)], filters=[one_line])
    email = StringField("E-mail address", [Length(max=254)], filters=[one_line])
    confirmed = BooleanField("This may leave", [InputRequired("Confirm what leaves.")])

    def validate_fax(self, field: Any) -> None:
        """A number, when it goes by fax."""
        if self.channel.data == FAX:
            try:
                parse_fax_number(field.data or "")
            except ValueError as error:
                raise ValidationError(str(error)) from None

    def validate_email(self, field: Any) -> None:
        """An address, when it goes by e-mail."""
        if self.channel.data and self.channel.data != FAX and not is_email(field.data or ""):
            raise ValidationError("Enter an e-mail address such as name@payer.example.")

    @property
    def recipient(self) -> str:
        """The number or the address; valid once the form is."""
        return parse_fax_number(self.fax.data) if self.channel.data == FAX else str(self.email.data)
