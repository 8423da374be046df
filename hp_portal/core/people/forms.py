"""Creating an account, and setting a password by a link."""

from __future__ import annotations

import re
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, Optional, Regexp, ValidationError

from hp_portal.core.delivery.mail import is_email
from hp_portal.core.people.accounts import USERNAME
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import EmailField

TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


def a_name(_form: Any, field: Any) -> None:
    """A validator: a person's name, which stands in messages, is no advertisement."""
    if re.search(r"[\d@:/<>]", field.data or ""):
        raise ValidationError("Enter your first and last name, without digits or addresses.")


def an_email(_form: Any, field: Any) -> None:
    """A validator: what may be an e-mail address."""
    if not is_email(field.data or ""):
        raise ValidationError("Enter an e-mail address such as name@office.example.")


class CreatePersonForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    name = StringField(
        "Name",
        [DataRequired("Enter the person's first and last name."), Length(max=200)],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
    email = EmailField(
        "E-mail",
        [
            DataRequired("Enter the person's own e-mail address."),
            Length(max=254),
            Regexp(r"[^@\s]+@[^@\s]+\.[^@\s.]+\Z", message="Enter an e-mail address such as name@office.example."),
        ],
        render_kw={"autocomplete": "off"},
    )
    username = StringField("User name", [Optional(), Length(max=80)], filters=[one_line], render_kw=TYPED)
    delegate = BooleanField("Delegate: looks after the accounts of this organization")

    def validate_username(self, field: Any) -> None:
        if field.data and not USERNAME.fullmatch(field.data.lower()):
            raise ValidationError("Use 3 to 80 letters, digits, periods, hyphens or underscores, such as first.last.")


class SetPasswordForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    new = PasswordField(
        "New password", [InputRequired("Enter a password.")], render_kw={"autocomplete": "new-password"}
    )
    again = PasswordField(
        "New password again",
        [InputRequired("Enter the password once more."), EqualTo("new", "The two passwords differ.")],
        render_kw={"autocomplete": "new-password"},
    )


class ReasonForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Why staff or delegates do something that somebody will ask about later; kept with the record."""

    reason = StringField(
        "Reason",
        [DataRequired("Say why: it is kept with the record."), Length(3, 200, "Use 3 to 200 characters.")],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )
