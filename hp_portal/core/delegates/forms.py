"""Forms of *Find my delegate*, and of what delegates do with requests."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Form, HiddenField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError

from hp_portal import clock
from hp_portal.core.delegates.finding import Wanted
from hp_portal.core.identifiers.numbers import BadIdentifier, parse_npi
from hp_portal.core.people.forms import a_name, an_email
from hp_portal.core.signing.names import same_name
from hp_portal.core.web.cleaning import one_line, several_lines
from hp_portal.core.web.fields import DayField, EmailField, ParsedField, TinField, a_phone, without_tax_ids
from hp_portal.core.web.render import settings

_ZIP = re.compile(r"(\d{5})(?:-?\d{4})?")


class NpiOrZipField(ParsedField):
    """Ten digits are an NPI, five (or nine) a ZIP code; `data` is a pair of both, one of them empty."""

    def read(self, text: str) -> tuple[str, str]:
        digits = re.sub(r"[\s.]", "", text)
        if found := _ZIP.fullmatch(digits):
            return "", found.group(1)
        try:
            return parse_npi(text), ""
        except BadIdentifier as error:
            raise ValueError(f"Enter an NPI of 10 digits or a ZIP code of 5 digits. {error}") from error


class FindForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    tin = TinField("Tax ID (TIN)", required="Enter the Tax ID of your organization.")
    npi_or_zip = NpiOrZipField(
        "NPI or ZIP code",
        required="Enter an NPI of your organization, or the ZIP code of its mailing address.",
        render_kw={"autocomplete": "off", "inputmode": "numeric"},
    )

    def wanted(self) -> Wanted:
        npi, zip_code = self.npi_or_zip.data
        return Wanted(self.tin.data, npi, zip_code)


def _no_links(_form: Any, field: Any) -> None:
    if re.search(r"://|\bwww\.", field.data or "", re.IGNORECASE):
        raise ValidationError(
            "Leave out website addresses: nobody should follow a link from somebody they do not know."
        )


class AskForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who asks to be contacted."""

    name = StringField(
        "Your name",
        [DataRequired("Enter your first and last name."), Length(2, 80, "Use 2 to 80 characters."), a_name],
        filters=[one_line],
        render_kw={"autocomplete": "name"},
    )
    email = EmailField(
        "Your work e-mail",
        [DataRequired("Enter your work e-mail address."), Length(max=254), an_email],
    )
    phone = StringField(
        "Your telephone number",
        [DataRequired("Enter a telephone number."), Length(max=40), a_phone],
        filters=[one_line],
        render_kw={"autocomplete": "tel", "type": "tel"},
    )
    about = TextAreaField(
        "What it is about",
        [DataRequired("Say what you need."), Length(10, 500, "Use 10 to 500 characters."), _no_links],
        filters=[several_lines],
        render_kw={"rows": 4},
    )
    lookup = HiddenField()


class AnswerForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    answer = TextAreaField(
        "Your answer",
        [
            DataRequired("Write what the person should read."),
            Length(5, 1000, "Use 5 to 1,000 characters."),
            without_tax_ids,
        ],
        filters=[several_lines],
        render_kw={"rows": 5},
    )


class ReportForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    reason = TextAreaField(
        "What is suspicious",
        [DataRequired("Say what is suspicious: we look into it."), Length(5, 500, "Use 5 to 500 characters.")],
        filters=[several_lines],
        render_kw={"rows": 3},
    )


class InviteBillingForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """A billing service that is told how to register and to ask for access."""

    name = StringField(
        "Name of the billing service",
        [DataRequired("Enter the name of the billing service."), Length(2, 100, "Use 2 to 100 characters."), _no_links],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
    email = EmailField(
        "Its e-mail address",
        [DataRequired("Enter the e-mail address of somebody there."), Length(max=254), an_email],
        render_kw={"autocomplete": "off"},
    )


class ExtendForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Until when access that ends by itself goes on. `ends` is the end that the page showed; the view says which day that is."""

    present_end = dt.date.min

    until = DayField(
        "Extend until", required="Enter the last day on which the billing organization may see your payments."
    )
    ends = HiddenField()

    def validate_until(self, field: Any) -> None:
        today = clock.today(settings().payer.zone)
        last_day = today + dt.timedelta(days=settings().access_days_most)
        if field.data is not None and not today < field.data <= last_day:
            raise ValidationError(f"Choose a day after today, until {last_day:%m/%d/%Y} at the latest.")
        if field.data is not None and field.data <= self.present_end:
            raise ValidationError(
                f"It can be seen until {self.present_end:%m/%d/%Y} already. Choose a later day. To end it sooner, choose End "
                "under Who can see our data."
            )


class SignReviewForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The signature under an access review. `account_name` is what the view knows the signer by; `shown` what the page showed."""

    account_name = ""
    agree = BooleanField("I agree", [InputRequired("Say that you have gone through every row.")])
    name = StringField(
        "Your name, as a signature",
        [DataRequired("Type your name as a signature."), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
    shown = HiddenField()

    def validate_name(self, field: Any) -> None:
        if not same_name(field.data or "", self.account_name):
            raise ValidationError(f"Type your name as it stands in your account: {self.account_name}.")


def _choices(**values: str) -> list[SelectChoice]:
    return [SelectChoice("", "Any"), *(SelectChoice(value, label) for value, label in values.items())]


class AccountsForm(Form):  # type: ignore[misc] # WTForms has no types
    """What *View all accounts* is narrowed to, read from the address. The view fills in the applications."""

    name = StringField(
        "Name, user name or e-mail",
        [Optional(), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    state = SelectField(
        "Status",
        [Optional()],
        coerce=str.strip,
        choices=_choices(active="Active", locked="Locked", deactivated="Deactivated", delegate="Delegates"),
    )
    application = SelectField("Application", [Optional()], coerce=str.strip, choices=_choices())
    factor = SelectField("Second factor", [Optional()], coerce=str.strip, choices=_choices(yes="Set up", no="None"))
    seen = SelectField(
        "Last sign-in",
        [Optional()],
        coerce=str.strip,
        choices=[
            SelectChoice("", "Any"),
            SelectChoice("30", "More than 30 days ago"),
            SelectChoice("90", "More than 90 days ago"),
            SelectChoice("never", "Never"),
        ],
    )
