"""Forms of signing in."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length

from hp_portal.core.web.cleaning import one_line


class SignInForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    username = StringField(
        "User name or e-mail",
        [DataRequired("Enter your user name or e-mail address."), Length(max=254)],
        filters=[one_line],
        render_kw={"autocomplete": "username webauthn", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        "Password", [InputRequired("Enter your password.")], render_kw={"autocomplete": "current-password"}
    )
    next = HiddenField()


class ChangePasswordForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    current = PasswordField(
        "Current password",
        [InputRequired("Enter the password you have now.")],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(
        "New password", [InputRequired("Enter a new password.")], render_kw={"autocomplete": "new-password"}
    )
    again = PasswordField(
        "New password again",
        [InputRequired("Enter the new password once more."), EqualTo("new", "The two new passwords differ.")],
        render_kw={"autocomplete": "new-password"},
    )


class AcceptForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What is asked for before any page; `agreements_form` adds a box for each agreement."""

    next = HiddenField()
