"""The form of somebody who cannot sign in."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from hp_portal.core.web.cleaning import one_line


class RecoveryForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    typed = StringField(
        "User name or e-mail",
        [DataRequired("Enter your user name or e-mail address."), Length(max=254)],
        filters=[one_line],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
