"""Forms for drafts of agreements and for publishing them."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, TextAreaField
from wtforms.validators import DataRequired, Length
from wtforms.widgets import HiddenInput

from hp_portal.core.web.cleaning import several_lines
from hp_portal.core.web.fields import DayField

LONGEST = 100_000


class DiscardForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    revision = IntegerField(widget=HiddenInput(), default=0)


class DraftForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    text = TextAreaField(
        "Text",
        [
            DataRequired("Enter the text of the agreement."),
            Length(20, LONGEST, "Use 20 to 100,000 characters: people have to be able to read it."),
        ],
        filters=[several_lines],
        render_kw={"rows": 20},
    )
    revision = IntegerField(widget=HiddenInput(), default=0)


class PublishForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    applies_on = DayField("Applies from", required="Enter the day from which this version applies.")
    revision = HiddenField()
