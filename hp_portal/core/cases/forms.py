"""The forms of cases: what is written along with a step, a comment, a note, and the filters of lists."""

from __future__ import annotations

import re
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from hp_portal.case_kinds import CaseRefused
from hp_portal.core.attachments.fields import AttachmentsField
from hp_portal.core.cases.acting import CaseMoved, WordsNeeded
from hp_portal.core.cases.numbers import BadCaseNumber, read_number
from hp_portal.core.cases.queue import SHOWS
from hp_portal.core.web.cleaning import one_line, several_lines

LONGEST = 4000


class ReadForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """`read` is when the provider wrote the newest message that was on the page, empty for none."""

    read = HiddenField()


class StepForm(ReadForm):
    """A step, the state it is taken from, and what is written along."""

    form_errors: list[str]
    step = HiddenField()
    seen = HiddenField()
    words = TextAreaField("Message", [Length(max=LONGEST)], filters=[several_lines], render_kw={"rows": 4})

    def is_sent(self) -> bool:
        """Was it sent as it should be? The buttons say which step it is."""
        fine = bool(self.validate_on_submit())
        if not self.step.data:
            self.form_errors = [*self.form_errors, "Choose what to do."]
        return fine and bool(self.step.data)

    def refuse(self, error: CaseMoved | WordsNeeded | CaseRefused, *, moved: str, needed: str) -> int:
        """Say why the step was not taken; the status of the answer."""
        if isinstance(error, CaseMoved):
            self.form_errors = [moved]
            return 409
        self.form_errors = [needed if isinstance(error, WordsNeeded) else str(error)]
        return 422


class CommentForm(ReadForm):
    """Something that the other side reads."""

    comment = TextAreaField(
        "Message",
        [DataRequired("Write your message."), Length(max=LONGEST)],
        filters=[several_lines],
        render_kw={"rows": 4},
    )


class FilesForm(ReadForm):
    """Files to attach to a case."""

    files = AttachmentsField("Attach files", required="Choose one file or more.")


def a_case_number(_form: Any, field: Any) -> None:
    """A validator: what looks like the number of a case is one, so that a digit that was misheard is told."""
    if re.fullmatch(r"[\s\-]*(\d[\s\-]*){8}", field.data or "", re.ASCII):
        try:
            read_number(field.data)
        except BadCaseNumber as error:
            raise ValidationError(str(error)) from None


class OwnCasesForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The filters of *Our cases*. They change nothing, so they need no token."""

    class Meta:
        csrf = False

    q = StringField("Case number or words", [Length(max=100), a_case_number], filters=[one_line], default="")
    show = SelectField(
        "Show",
        choices=[SelectChoice("open", "Open"), SelectChoice("ended", "Done"), SelectChoice("all", "All")],
        default="open",
    )
    kind = SelectField("Kind", default="")
    mine = BooleanField("Only mine")


class QueueForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The filters of the staff's queue. They change nothing, so they need no token."""

    class Meta:
        csrf = False

    q = StringField(
        "Case number, words or organization", [Length(max=100), a_case_number], filters=[one_line], default=""
    )
    show = SelectField("Show", choices=[SelectChoice(*one) for one in SHOWS.items()], default="open")
    kind = SelectField("Kind", default="")
    worker = SelectField("Assigned to", default="")


class ManyForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What to do with the cases that are checked: `deed` is `assign:<id>`, `assign:` for nobody, or `step:<key>`."""

    deed = SelectField("What to do", [DataRequired("Choose what to do.")])
    words = TextAreaField("Message", [Length(max=LONGEST)], filters=[several_lines], render_kw={"rows": 2})


class AssignForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who works on a case; `was` is who did when it was shown."""

    was = HiddenField()
    worker = SelectField("Assigned to", default="")


class NoteForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Something that staff alone read."""

    note = TextAreaField(
        "Note", [DataRequired("Write the note."), Length(max=LONGEST)], filters=[several_lines], render_kw={"rows": 3}
    )


class ViewForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The name of a filter that somebody saves."""

    name = StringField(
        "Save this filter as", [DataRequired("Enter a name for the filter."), Length(max=80)], filters=[one_line]
    )
