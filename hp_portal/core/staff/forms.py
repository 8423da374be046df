"""The console's search forms."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Form, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from hp_portal.audience import Audience
from hp_portal.core.delivery.faxes import parse_fax_number
from hp_portal.core.delivery.letters import LONGEST_LINE, MOST_LINES
from hp_portal.core.delivery.mail import is_email
from hp_portal.core.delivery.overview import CHANNELS, STATES
from hp_portal.core.staff.lookup import may_be_tin
from hp_portal.core.web.cleaning import one_line, several_lines
from hp_portal.core.web.fields import DayField, EmailField, later_than

# What the postal service prints on mail that it brings back.
RETURNED_BECAUSE = (
    "Not deliverable as addressed",
    "Addressee unknown",
    "Moved, and the time for forwarding has ended",
    "Insufficient address",
    "No such number",
    "Refused",
    "Unclaimed",
    "Vacant",
)


class LookupForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    query = StringField(
        "Name, user name, e-mail, Tax ID, NPI or vendor number",
        [DataRequired("Enter what to look for."), Length(2, 200, "Enter 2 to 200 characters.")],
        filters=[one_line],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )


class OrganizationsForm(Form):  # type: ignore[misc] # WTForms has no types
    """Read from the address, so Tax IDs are not taken."""

    name = StringField("Name", [Optional(), Length(max=200)], filters=[one_line], render_kw={"autocomplete": "off"})
    type = SelectField(
        "Type",
        [Optional()],
        choices=[SelectChoice("", "Any type"), *(SelectChoice(one.value, one.label) for one in Audience)],
    )
    account = SelectField(
        "Account",
        [Optional()],
        choices=[
            SelectChoice("", "Any"),
            SelectChoice("validated", "Validated"),
            SelectChoice("waiting", "Not validated"),
            SelectChoice("ended", "Ended"),
        ],
    )

    def validate_name(self, field: Any) -> None:
        if field.data and may_be_tin(field.data):
            raise ValidationError("This looks like a Tax ID. Use the search, which keeps Tax IDs out of addresses.")


class RoleForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    name = StringField(
        "Name of the role",
        [DataRequired("Enter a name for the role."), Length(2, 80, "Enter 2 to 80 characters.")],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )


class ActivityForm(Form):  # type: ignore[misc] # WTForms has no types
    """Read from the address: nothing in it is about a member, and a search can be kept as a bookmark."""

    person = StringField(
        "Person",
        [Optional(), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    organization = StringField(
        "Organization", [Optional(), Length(max=200)], filters=[one_line], render_kw={"autocomplete": "off"}
    )
    event = SelectField("What was done", [Optional()])
    since = DayField("From")
    until = DayField("To", [later_than("since", "The last day is before the first.")])


class AccessReviewsForm(Form):  # type: ignore[misc] # WTForms has no types
    """Read from the address."""

    show = SelectField(
        "Show",
        [Optional()],
        coerce=str.strip,
        choices=[
            SelectChoice("overdue", "Overdue"),
            SelectChoice("open", "Not signed yet"),
            SelectChoice("signed", "Signed"),
        ],
    )
    name = StringField(
        "Organization", [Optional(), Length(max=200)], filters=[one_line], render_kw={"autocomplete": "off"}
    )


class DeliveriesForm(Form):  # type: ignore[misc] # WTForms has no types
    """Read from the address."""

    recipient = StringField(
        "To",
        [Optional(), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    state = SelectField(
        "State",
        [Optional()],
        coerce=str.strip,
        choices=[SelectChoice("", "Any"), *(SelectChoice(state, label) for state, label in STATES.items())],
    )
    channel = SelectField(
        "Kind",
        [Optional()],
        coerce=str.strip,
        choices=[SelectChoice("", "Any"), *(SelectChoice(channel, label) for channel, label in CHANNELS.items())],
    )
    words = StringField(
        "Subject or reason", [Optional(), Length(max=200)], filters=[one_line], render_kw={"autocomplete": "off"}
    )
    since = DayField("Written from")
    until = DayField("To", [later_than("since", "The last day is before the first.")])

    def wanted(self) -> dict[str, Any]:
        """What `view_messages` is asked for."""
        return {name: field.data for name, field in self._fields.items() if field.data}


class TestMailForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Where a test message goes."""

    __test__ = False  # no test of pytest's

    address = EmailField(
        "E-mail address",
        [
            DataRequired("Enter the e-mail address that the message goes to."),
            Length(3, 320, "Use 3 to 320 characters."),
        ],
    )

    def validate_address(self, field: Any) -> None:
        if not is_email(field.data or ""):
            raise ValidationError("This is not an e-mail address, such as name@example.com.")


class TestLetterForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Where a test letter goes."""

    __test__ = False  # no test of pytest's

    address = TextAreaField(
        "Address",
        [
            DataRequired("Enter the address as it is to stand in the envelope’s window."),
            Length(max=400, message="Use at most 400 characters."),
        ],
        filters=[several_lines],
        render_kw={"rows": MOST_LINES, "autocomplete": "off"},
    )

    @property
    def lines(self) -> list[str]:
        """The lines of the address."""
        return [line.strip() for line in (self.address.data or "").splitlines() if line.strip()]

    def validate_address(self, field: Any) -> None:
        if field.data and not 2 <= len(self.lines) <= MOST_LINES:
            raise ValidationError(f"Use 2 to {MOST_LINES} lines: the name, then the address.")
        if longest := max((line for line in self.lines if len(line) > LONGEST_LINE), key=len, default=""):
            raise ValidationError(f"This line is too long for the envelope’s window: {longest}")


class TestFaxForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Where a test fax goes."""

    __test__ = False  # no test of pytest's

    to = StringField(
        "Who gets it",
        [DataRequired("Enter who gets the fax."), Length(max=80, message="Use at most 80 characters.")],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
    number = StringField(
        "Fax number",
        [DataRequired("Enter the fax number."), Length(max=40, message="Use at most 40 characters.")],
        filters=[one_line],
        render_kw={"type": "tel", "autocomplete": "off"},
    )

    def validate_number(self, field: Any) -> None:
        try:
            parse_fax_number(field.data or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error


class FailedFaxForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Why a fax could not be sent by hand."""

    reason = StringField(
        "What happened",
        [DataRequired("Say in a few words what happened."), Length(max=200, message="Use at most 200 characters.")],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )


class ReturnedLetterForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Why the mail brought a letter back, in the words of its labels."""

    reason = SelectField(
        "Why it came back",
        coerce=str.strip,
        choices=[SelectChoice(why, why) for why in RETURNED_BECAUSE],
    )
