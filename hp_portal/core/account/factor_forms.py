"""Forms of the second step, and of what one signs in with."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from hp_portal.core.identity.factors import LONGEST_NAME
from hp_portal.core.people.forms import an_email
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import EmailField

_CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "none", "spellcheck": "false"}


class AppCodeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    code = StringField(
        "Code from your app",
        [DataRequired("Enter the six digits that your app shows now."), Length(max=40)],
        filters=[one_line],
        render_kw=_CODE,
    )
    next = HiddenField()


class RecoveryCodeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    code = StringField(
        "Recovery code",
        [DataRequired("Enter one of your recovery codes."), Length(max=40)],
        filters=[one_line],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
    next = HiddenField()


class PasswordForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    code = PasswordField(
        "Your password", [InputRequired("Enter your password.")], render_kw={"autocomplete": "current-password"}
    )
    next = HiddenField()


class DirectoryForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Nothing is entered here: the staff's directory asks."""

    next = HiddenField()


class EmailForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    email = EmailField(
        "New e-mail address",
        [DataRequired("Enter the new e-mail address."), Length(max=254), an_email],
    )


class PasskeyForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What the page's script fills in: the word for the challenge, and the browser's answer as JSON."""

    MISSING = "Your browser has given no passkey. It needs JavaScript for that; there are other ways to sign in."
    token = HiddenField(validators=[InputRequired(), Length(max=100)])
    credential = HiddenField(validators=[InputRequired(), Length(max=20_000)])
    next = HiddenField()


class _Named(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    name = StringField(
        "Name",
        [DataRequired("Give it a name, such as “Office telephone”."), Length(max=LONGEST_NAME)],
        filters=[one_line],
        render_kw={"autocomplete": "off"},
    )


class NewAppForm(_Named):
    code = StringField(
        "Code that the app shows now",
        [DataRequired("Enter the six digits that your app shows now."), Length(max=40)],
        filters=[one_line],
        render_kw=_CODE,
    )


class NewPasskeyForm(_Named):
    token = HiddenField(validators=[InputRequired(), Length(max=100)])
    credential = HiddenField(validators=[InputRequired(), Length(max=20_000)])


class RenameForm(_Named):
    """What somebody calls an app or a passkey of theirs."""
