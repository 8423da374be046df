"""Adding a Tax ID and NPI."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length, ValidationError

from hp_portal.core.payees.identifiers import BadIdentifier, parse_npi, parse_tin
from hp_portal.core.web.cleaning import one_line


class AddPayeeForm(FlaskForm):  # type: ignore[misc]
    tin = StringField(
        "Tax ID (TIN)",
        [DataRequired("Enter the Tax ID the payment was made to."), Length(max=20)],
        render_kw={"inputmode": "numeric", "autocomplete": "off", "data-sensitive": ""},
    )
    npi = StringField(
        "NPI",
        [DataRequired("Enter the NPI the payment was made to."), Length(max=20)],
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    number = StringField(
        "Check, EFT or non-payment notice number",
        [DataRequired("Enter the number of a payment to this Tax ID."), Length(max=60)],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )

    def validate_tin(self, field: Any) -> None:
        try:
            parse_tin(field.data)
        except BadIdentifier as error:
            raise ValidationError(str(error)) from error

    def validate_npi(self, field: Any) -> None:
        try:
            parse_npi(field.data)
        except BadIdentifier as error:
            raise ValidationError(str(error)) from error
