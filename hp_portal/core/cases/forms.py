"""The forms of cases: what is written along with a step, a comment, a note, and the filters of lists."""

from __future__ import annotations

import re
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Regexp, ValidationError

from hp_portal.case_kinds import CaseRefused
from hp_portal.core.attachments.fields import AttachmentsField
from hp_portal.core.cases.acting import CaseMoved, WordsNeeded
from hp_portal.core.cases.numbers import BadCaseNumber, read_number
from hp_portal.core.cases.queue import SHOWS
from hp_portal.core.cases.submitters import Contact
from hp_portal.core.people.forms import a_name, an_email
from hp_portal.core.web.cleaning import one_line, several_lines
from hp_portal.core.web.fields import EmailField, NpiField, TinField

LONGEST = 4000


def is_a_case_number(_form: Any, field: Any) -> None:
    """A validator: it is the number of a case, as far as its check digit tells."""
    try:
        read_number(field.data or "")
    except BadCaseNumber as error:
        raise ValidationError(str(error)) from None


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


class ContactForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who sends something in without an account: the first fields of every such form."""

    name = StringField(
        "Your first and last name",
        [DataRequired("Enter your own first and last name."), Length(2, 80, "Use 2 to 80 characters."), a_name],
        filters=[one_line],
        render_kw={"autocomplete": "name"},
    )
    email = EmailField(
        "Your e-mail",
        [DataRequired("Enter your own e-mail address."), Length(max=254), an_email],
    )
    telephone = StringField(
        "Your telephone",
        [
            DataRequired("Enter a telephone number where we can reach you."),
            Length(max=40),
            Regexp(r"(?:.*\d){10}", message="Enter the number with its area code, such as 218-555-0142."),
        ],
        filters=[one_line],
        render_kw={"autocomplete": "tel", "inputmode": "tel"},
    )

    @property
    def contact(self) -> Contact:
        """Who it is, of a form that is right."""
        return Contact(self.name.data, self.email.data.lower(), self.telephone.data)


class LookForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """A case of somebody without an account, by its number and their e-mail address."""

    number = StringField(
        "Case number",
        [DataRequired("Enter the number of the case, such as 4831-9076."), Length(max=40), is_a_case_number],
        filters=[one_line],
        render_kw={"autocomplete": "off", "inputmode": "numeric"},
    )
    email = EmailField(
        "Your e-mail",
        [DataRequired("Enter the e-mail address that you gave with the form."), Length(max=254), an_email],
    )


class PayeeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which payee of the payer's record a case is about; nothing typed: none."""

    tin = TinField("Tax ID (TIN)")
    npi = NpiField("NPI")


class OrganizationForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which organization a case is given to."""

    organization = SelectField("Organization", default="")


class HandForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """To which colleague of the office a case goes."""

    colleague = SelectField("Hand to", [DataRequired("Choose a colleague.")])


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
