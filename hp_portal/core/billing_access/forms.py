"""Forms of requests for access: asking, one at a time or many, and answering."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    FieldList,
    Form,
    FormField,
    HiddenField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import DataRequired, Length, Optional, StopValidation, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from hp_portal.core.billing_access.checking import Approver, Wanted
from hp_portal.core.billing_access.showing import STATUSES
from hp_portal.core.identifiers.numbers import parse_npi
from hp_portal.core.people.forms import a_name, an_email
from hp_portal.core.sheets.layouts import DIGITS, SheetColumn, SheetLayout
from hp_portal.core.tax_ids.tables import TableColumn
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import DayField, EmailField, ParsedField, TinField, a_phone, without_tax_ids

PERSON, DELEGATES = "person", "delegates"
MOST_NPIS = 80
OFF = {"autocomplete": "off"}
_OPTIONAL = "Of the approver at the provider’s office"
LAYOUT = SheetLayout(
    "tax-id-npi-access requests",
    "Requests for access",
    (
        SheetColumn(
            "provider",
            "provider",
            ("provider name", "practice", "client", "name of provider"),
            example="Harbor Clinic",
            about="What you call it",
        ),
        SheetColumn(
            "tin",
            "tin",
            ("Tax ID", "Tax ID TIN", "EIN", "provider TIN", "TIN Tax ID"),
            required=True,
            kind=DIGITS,
            widths=(9,),
            example="12-3456789",
            about="Its Tax ID, 9 digits",
        ),
        SheetColumn(
            "npis",
            "npis",
            ("NPI", "NPI numbers", "NPI list"),
            example="1234567893",
            about="One or several with blanks between them; empty: all of the Tax ID",
        ),
        SheetColumn(
            "name",
            "name",
            ("approver", "approver name", "approvers name", "contact", "contact name"),
            example="Olive Office",
            about="The approver at the provider’s office. Leave name, title, email and phone empty to ask the delegates of the "
            "registered provider: they are sure to be the right people",
        ),
        SheetColumn(
            "title",
            "title",
            ("approver title", "approvers title", "job title", "position"),
            example="Office manager",
            about=_OPTIONAL,
        ),
        SheetColumn(
            "email",
            "email",
            ("approver email", "approvers email", "mail", "email address"),
            example="olive@clinic.example",
            about=_OPTIONAL,
        ),
        SheetColumn(
            "phone",
            "phone",
            ("approver phone", "approvers phone", "telephone", "tel", "phone number"),
            example="555-010-0100",
            about=_OPTIONAL,
        ),
    ),
    in_order=True,
    strict=True,
)
COLUMNS = tuple(TableColumn(column.key, tuple(column.headings())) for column in LAYOUT.columns)


class NpisField(ParsedField):
    """NPIs with blanks or commas between them; `data` is a tuple of ten digits each."""

    def read(self, text: str) -> tuple[str, ...]:
        found = dict.fromkeys(parse_npi(one) for one in re.split(r"[\s,;/]+", text) if one)
        if len(found) > MOST_NPIS:
            raise ValueError(f"Name at most {MOST_NPIS} NPIs; leave the field empty for all of the Tax ID.")
        return tuple(found)

    def show(self, value: tuple[str, ...]) -> str:
        return " ".join(value)


def _approver(*, required: bool = True) -> dict[str, Any]:
    """The fields of an approver; in a row they may all be empty, which asks the provider's delegates."""

    def needed(message: str) -> Any:
        return DataRequired(message) if required else _UnlessEmpty(message)

    return {
        "name": StringField(
            "Approver’s name",
            [needed("Enter the approver’s first and last name."), Length(2, 200, "Use 2 to 200 characters."), a_name],
            filters=[one_line],
            render_kw=OFF,
        ),
        "title": StringField(
            "Title",
            [needed("Enter the approver’s title, such as office manager."), Length(2, 100, "Use 2 to 100 characters.")],
            filters=[one_line],
            render_kw=OFF,
        ),
        "email": EmailField(
            "E-mail",
            [needed("Enter the approver’s e-mail address."), Length(max=254), an_email],
            render_kw=OFF,
        ),
        "phone": StringField(
            "Telephone",
            [needed("Enter the approver’s telephone number."), Length(max=40), a_phone],
            filters=[one_line],
            render_kw={**OFF, "type": "tel"},
        ),
    }


class _UnlessEmpty:
    """Needed when anything of the approver is given, or somebody is asked by name."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, form: Any, field: Any) -> None:
        if (field.data or "").strip():
            return
        field.errors = []
        raise StopValidation(self.message if form.asks_person() else None)


def _provider() -> StringField:
    return StringField("Provider", [Optional(), Length(max=200)], filters=[one_line], render_kw=OFF)


def _tin() -> TinField:
    return TinField("Provider’s Tax ID (TIN)", required="Enter the provider’s Tax ID.")


class _Puts:
    """Shows what speaks against what was typed beside its fields."""

    def put(self: Any, problems: dict[str, str]) -> None:
        for name, text in problems.items():
            self[name].errors = [*self[name].errors, text]


class _Wanting(_Puts):
    """What was typed, of a form or of a row."""

    def asks_person(self) -> bool:
        """Is somebody asked by name, and not the delegates?"""
        raise NotImplementedError  # each of the forms says: one has a choice, the other has empty cells

    def wanted(self: Any, form: str) -> Wanted:
        person = self.asks_person()
        approver = (
            Approver(self["name"].data, self.title.data, self.email.data, self.phone.data) if person else Approver()
        )
        return Wanted(self.tin.data, self.npis.data or (), self.provider.data or "", not person, approver, form)


class RequestForm(_Wanting, FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """One request."""

    provider = _provider()
    tin = _tin()
    npis = NpisField("NPIs", render_kw=OFF)
    whom = RadioField(
        "Who shall approve?",
        choices=[
            SelectChoice(DELEGATES, "The delegates of the registered provider: they are sure to be the right people"),
            SelectChoice(PERSON, "Somebody at the provider’s office whom I name"),
        ],
        default=DELEGATES,
    )
    form = HiddenField(filters=[lambda text: (text or "")[:32]])
    locals().update(_approver(required=False))

    def asks_person(self) -> bool:
        return bool(self.whom.data != DELEGATES)

    def validate_whom(self, field: Any) -> None:
        if field.data == DELEGATES and any((self[name].data or "").strip() for name in ("name", "email", "phone")):
            raise ValidationError("You have named somebody below. Choose that, or empty those fields.")


class RowForm(_Wanting, Form):  # type: ignore[misc] # WTForms has no types
    """A row of many: without an approver it goes to the delegates of the registered provider. `row` stays when rows above go."""

    row = HiddenField(filters=[lambda text: (text or "")[:32]])
    provider = _provider()
    tin = _tin()
    npis = NpisField("NPIs", render_kw=OFF)
    locals().update(_approver(required=False))

    def asks_person(self) -> bool:
        typed = [(self[name].data or "").strip() for name in ("name", "title", "email", "phone")]
        return any(typed)


class RowsForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Rows that were pasted, or sent in a file: then `table` is the word for it with what became of them."""

    rows = FieldList(FormField(RowForm))
    table = HiddenField(filters=[lambda text: (text or "")[:32]])
    form = HiddenField(filters=[lambda text: (text or "")[:32]])

    def count_errors(self) -> None:
        """Have what was put beside fields after validating count as errors of the form, which sums them up."""
        found = [entry.errors for entry in self.rows.entries]
        self.rows.errors = found if any(found) else []


class ApproverForm(_Puts, FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Somebody else who is asked."""

    locals().update(_approver())

    def approver(self) -> Approver:
        return Approver(self["name"].data, self.title.data, self.email.data, self.phone.data)


class Checkboxes(SelectMultipleField):  # type: ignore[misc] # WTForms has no types
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class ApproveForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The answer yes; the view says which payees and which last day there may be."""

    payees = Checkboxes("Which payments may they see?", coerce=str)
    until = DayField("Until when?", required="Enter the last day on which they may see the payments.")
    signed_name = StringField(
        "Your name", [DataRequired("Type your name: it is your signature."), Length(2, 200), a_name], filters=[one_line]
    )
    signed_title = StringField(
        "Your title", [DataRequired("Enter your title, such as office manager."), Length(2, 100)], filters=[one_line]
    )
    first_day: dt.date
    last_day: dt.date

    def validate_payees(self, field: Any) -> None:
        if not field.data:
            raise ValidationError("Tick at least one. If they may see none, decline the request below.")

    def validate_until(self, field: Any) -> None:
        if field.data is not None and not self.first_day <= field.data <= self.last_day:
            raise ValidationError(f"Choose a day from today until {self.last_day:%m/%d/%Y}.")


class DeclineForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    answer = StringField(
        "Why do you decline?",
        [DataRequired("Say why: whoever asked reads it."), Length(3, 300, "Use 3 to 300 characters."), without_tax_ids],
        filters=[one_line],
        render_kw=OFF,
    )


class FilterForm(Form):  # type: ignore[misc] # WTForms has no types
    """What the list of requests is narrowed to, read from the address."""

    text = StringField(
        "Provider, approver or number",
        [Optional(), Length(max=200)],
        filters=[one_line],
        render_kw=OFF,
    )
    status = SelectField(
        "Status",
        [Optional()],
        coerce=str.strip,
        choices=[
            SelectChoice("", "Any"),
            SelectChoice("open", "Waiting for an answer"),
            *(SelectChoice(key, label) for key, label in STATUSES.items()),
        ],
    )
