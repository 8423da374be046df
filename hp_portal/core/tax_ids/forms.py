"""Adding a Tax ID and NPI."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import NpiField, TinField


class AddPayeeForm(FlaskForm):  # type: ignore[misc]
    tin = TinField("Tax ID (TIN)", required="Enter the Tax ID the payment was made to.")
    npi = NpiField("NPI", required="Enter the NPI the payment was made to.")
    number = StringField(
        "Check, EFT or non-payment notice number",
        [DataRequired("Enter the number of a payment to this Tax ID."), Length(max=60)],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
