"""Adding a Tax ID and NPI."""

from __future__ import annotations

from collections.abc import Sequence

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from hp_portal.core.sheets.keeping import SheetField
from hp_portal.core.tax_ids.proving import Proof
from hp_portal.core.tax_ids.tables import MOST_CHARACTERS, TableColumn, read_table
from hp_portal.core.web.cleaning import one_line, several_lines, table_lines
from hp_portal.core.web.fields import AmountField, DayField, NpiField, TinField, a_phone, without_tax_ids


class PaymentProofForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What stands on the remittance advice of a payment that proves something."""

    tin = TinField("Tax ID (TIN)", required="Enter the Tax ID the payment was made to.")
    npi = NpiField("NPI")
    number = StringField(
        "Check, EFT or non-payment notice number",
        [DataRequired("Enter the number of a payment to this Tax ID."), Length(max=60)],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
    vendor_number = StringField(
        "Vendor number", [Optional(), Length(max=40)], filters=[one_line], render_kw={"autocomplete": "off"}
    )
    amount = AmountField("Amount of the payment", render_kw={"autocomplete": "off"})
    paid_on = DayField("Date of the payment")

    def proof(self) -> Proof:
        """What was typed."""
        return Proof(
            self.tin.data,
            self.npi.data or "",
            self.number.data,
            vendor_number=self.vendor_number.data or "",
            amount=self.amount.data,
            paid_on=self.paid_on.data,
        )


class AddPayeeForm(PaymentProofForm):
    next = HiddenField()


class ObjectionForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    reason = StringField(
        "Why should this organization not be linked?",
        [
            DataRequired("Say why, for example that nobody at your office knows them."),
            Length(3, 200, "Use 3 to 200 characters."),
        ],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )


class TableForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """A table that is pasted or uploaded."""

    table = TextAreaField(
        "Paste your table",
        [Optional(), Length(max=MOST_CHARACTERS)],
        filters=[table_lines],
        render_kw={"rows": 10, "class": "tabular", "spellcheck": "false", "autocomplete": "off"},
    )
    file = SheetField("Or choose a CSV file or an Excel workbook")

    def rows(self, columns: Sequence[TableColumn], most: int) -> list[dict[str, str]]:
        """The rows of what was pasted. Raises UnreadableTable."""
        return read_table(self.table.data or "", columns, most)


class CaseForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """No payment at hand: staff get in touch."""

    tin = TinField("Tax ID (TIN)", required="Enter the Tax ID that you want to add.")
    npi = NpiField("NPI")
    phone = StringField(
        "Your telephone number",
        [DataRequired("Enter the number at which we can call you."), Length(max=40), a_phone],
        filters=[one_line],
        render_kw={"type": "tel", "autocomplete": "tel"},
    )
    about = TextAreaField(
        "Why is there no payment, and how are you connected with this Tax ID?",
        [DataRequired("Say why there is no payment that you can name."), Length(5, 500), without_tax_ids],
        filters=[several_lines],
        render_kw={"rows": 4},
    )
