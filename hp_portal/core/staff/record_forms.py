"""Forms for payees of the record, and for linking them to organizations."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from hp_portal.audience import PROVIDER_TYPES
from hp_portal.core.payees.by_hand import PayeeFacts
from hp_portal.core.payees.models import NETWORK_STATUSES
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.web.cleaning import one_line, several_lines
from hp_portal.core.web.fields import NpiField, TinField


class _IdentifiedPayee(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """A payee by its Tax ID and, unless it has none, its NPI."""

    tin = TinField("Tax ID (TIN)", required="Enter the payee's Tax ID.")
    npi = NpiField("NPI")


class LinkForm(_IdentifiedPayee, ReasonForm):
    """A payee to link to an organization, and why the payer vouches for it."""


def _lines(text: str | None) -> str | None:
    """The lines without control characters and without blanks around them; empty lines are left out."""
    if (cleaned := several_lines(text)) is None:
        return None
    return "\n".join(line for part in cleaned.split("\n") if (line := part.strip()))


class PayeeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What the record says of a payee besides its TIN and NPI."""

    name = StringField("Name", [DataRequired("Enter the payee's name."), Length(max=200)], filters=[one_line])
    vendor_number = StringField(
        "Vendor number", [DataRequired("Enter the vendor number."), Length(max=40)], filters=[one_line]
    )
    provider_type = SelectField("Provider type", choices=[SelectChoice(one.value, one.label) for one in PROVIDER_TYPES])
    network_status = SelectField(
        "Network status", choices=[SelectChoice(one, one.capitalize()) for one in NETWORK_STATUSES]
    )
    address = TextAreaField("Mailing address", [Optional(), Length(max=350)], filters=[_lines], render_kw={"rows": 3})

    def facts(self) -> PayeeFacts:
        return PayeeFacts(
            vendor_number=self.vendor_number.data,
            name=self.name.data,
            provider_type=self.provider_type.data,
            network_status=self.network_status.data,
            address=self.address.data or "",
        )


class NewPayeeForm(_IdentifiedPayee, PayeeForm):
    """A payee that is not on record yet."""
