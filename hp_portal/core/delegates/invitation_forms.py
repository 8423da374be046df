"""Forms of invitations and accounts: whom a delegate invites, corrects or lets go, and what whoever was invited chooses."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    Form,
    HiddenField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from hp_portal.core.people.accounts import USERNAME
from hp_portal.core.people.forms import TYPED, a_name, an_email
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import EmailField

AT_WORK = "Enter the person’s own e-mail address at work."


def _name() -> StringField:
    return StringField(
        "Name",
        [DataRequired("Enter the person’s first and last name."), Length(2, 80, "Use 2 to 80 characters."), a_name],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )


def _email(required: str) -> StringField:
    return EmailField(
        "E-mail",
        [DataRequired(required), Length(max=254), an_email],
        render_kw={"autocomplete": "off"},
    )


class LookForForm(Form):  # type: ignore[misc] # WTForms has no types
    """Whom a delegate wants to give an account, read from the address: is the person known already?"""

    name = _name()
    email = _email(AT_WORK)


class InviteForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The invitation. The view fills in the applications that a delegate may give."""

    name = _name()
    email = _email(AT_WORK)
    applications = SelectMultipleField(
        "Applications", choices=[], option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False)
    )
    delegate = BooleanField("Delegate: invites people, and looks after the accounts of your organization")


class AcceptAsNewForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What whoever was invited chooses for a new account. The boxes of the agreements are the view's."""

    username = StringField(
        "User name",
        [DataRequired("Choose a user name."), Length(max=80)],
        filters=[one_line],
        render_kw={**TYPED, "autocomplete": "username"},
    )
    new = PasswordField("Password", [InputRequired("Enter a password.")], render_kw={"autocomplete": "new-password"})
    again = PasswordField(
        "Password again",
        [InputRequired("Enter the password once more."), EqualTo("new", "The two passwords differ.")],
        render_kw={"autocomplete": "new-password"},
    )

    def validate_username(self, field: Any) -> None:
        if field.data and not USERNAME.fullmatch(field.data.lower()):
            raise ValidationError("Use 3 to 80 letters, digits, periods, hyphens or underscores, such as first.last.")


class EditForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The name and address of an account; `known` is the name as the delegate saw it."""

    name = _name()
    email = _email("Enter the person’s own e-mail address.")
    known = HiddenField(filters=[one_line])


class StayForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """`known`: the plan that the delegate saw."""

    known = HiddenField()

    @property
    def known_id(self) -> int:
        """Its id; 0 for none, and -1 for what is no number: no plan has it."""
        text = self.known.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else -1


class LeavingForm(StayForm):
    """When somebody leaves, and who takes over. The view fills in the colleagues."""

    day = DateField("Leaves on", [InputRequired("Enter the day on which the person leaves.")])
    successor = SelectField("Who takes over", choices=[], coerce=str.strip, validate_choice=False)
    reason = StringField(
        "Reason",
        [DataRequired("Say why: it is kept with the record."), Length(3, 200, "Use 3 to 200 characters.")],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )

    def validate_successor(self, field: Any) -> None:
        if not field.data or field.data not in {choice.value for choice in field.choices}:
            raise ValidationError("Choose who takes over.")


class PeopleFilter(Form):  # type: ignore[misc] # WTForms has no types
    """Whose applications are shown, read from the address."""

    name = StringField(
        "Name or user name",
        [Optional(), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
