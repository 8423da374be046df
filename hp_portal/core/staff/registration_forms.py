"""Forms for registrations: which to list, what to decide, and what to try as a proof."""

from __future__ import annotations

from typing import Any, Self

from flask_wtf import FlaskForm
from wtforms import Form, HiddenField, RadioField, SelectChoice, SelectField, StringField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from hp_portal.core.registration.models import CHECK, MAIL, NOTICE
from hp_portal.core.staff.lookup import may_be_tin
from hp_portal.core.staff.lost_factors import MailTo
from hp_portal.core.staff.registrations import SHOWN
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import AmountField, DayField, NpiField, TinField, without_tax_ids

OFF = {"autocomplete": "off"}
TRIED = {
    CHECK: "With a check or EFT",
    NOTICE: "With a non-payment notice",
    MAIL: "With a PIN by mail",
}


class RegistrationsForm(Form):  # type: ignore[misc] # WTForms has no types
    """Read from the address, so Tax IDs are not taken."""

    show = SelectField(
        "Show",
        [Optional()],
        coerce=str.strip,
        choices=[SelectChoice(*one) for one in SHOWN.items()],
    )
    name = StringField(
        "Name or e-mail",
        [Optional(), Length(max=200)],
        filters=[one_line],
        render_kw={**OFF, "autocapitalize": "none", "spellcheck": "false"},
    )

    def validate_name(self, field: Any) -> None:
        if field.data and may_be_tin(field.data):
            raise ValidationError("This looks like a Tax ID. Use the search, which keeps Tax IDs out of addresses.")


class FindPayeeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Another payee of the record, by the payer's own number."""

    vendor_number = StringField(
        "Vendor number",
        [DataRequired("Enter the vendor number of a payee on record."), Length(max=40)],
        filters=[one_line],
        render_kw=OFF,
    )


class DecideForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What staff decide on a registration. The choices are those that fit it; the first part of each is the decision, the
    second what it is about, such as `new:12`."""

    decision = RadioField(
        "What do you decide?", choices=[], validate_choice=False, filters=[lambda value: value or None]
    )
    reason = StringField(
        "Reason",
        [DataRequired("Say why: it is kept with the record."), Length(3, 200, "Use 3 to 200 characters.")],
        filters=[one_line],
        render_kw=OFF,
    )
    # The vendor number of a payee that staff have looked for.
    looked_for = HiddenField(validators=[Optional(), Length(max=40)], filters=[one_line])
    answer = StringField(
        "What should the person be told?",
        [
            DataRequired("Write a sentence for the person."),
            Length(3, 300, "Use 3 to 300 characters."),
            without_tax_ids,
        ],
        filters=[one_line],
        render_kw=OFF,
    )

    def validate_decision(self, field: Any) -> None:
        if field.data not in {choice.value for choice in field.choices}:
            raise ValidationError(
                "This does not fit any more: choose from what fits now." if field.data else "Choose what you decide."
            )


class TryForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What somebody types who registers, whichever way. What has to be filled in is said by the form of that way."""

    path = RadioField(
        "How does the person register?", choices=[SelectChoice(*one) for one in TRIED.items()], validate_choice=False
    )
    number = StringField(
        "Number of the check, EFT or notice", [Optional(), Length(max=60)], filters=[one_line], render_kw=OFF
    )
    tin = TinField("Tax ID (TIN)")
    npi = NpiField("NPI")
    vendor_number = StringField("Vendor number", [Optional(), Length(max=40)], filters=[one_line], render_kw=OFF)
    amount = AmountField("Amount of the payment", render_kw=OFF)
    paid_on = DayField("Date of the payment")

    def validate_path(self, field: Any) -> None:
        if field.data not in TRIED:
            raise ValidationError("Choose how the person registers.")


class MailPinForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which payee a letter with a PIN goes to."""

    payee = RadioField("Where should the letter go?", validate_choice=False)

    def with_payees(self, payees: list[MailTo]) -> Self:
        """The same form, with what can be chosen; the only one is chosen."""
        self.payee.choices = [
            SelectChoice(str(one.payee_id), f"{', '.join(one.lines)} (Tax ID {one.tin})") for one in payees
        ]
        if len(payees) == 1 and not self.payee.data:
            self.payee.data = str(payees[0].payee_id)
        return self

    def validate_payee(self, field: Any) -> None:
        if field.data not in [choice.value for choice in self.payee.choices]:
            raise ValidationError("Choose where the letter should go.")
