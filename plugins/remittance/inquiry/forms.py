"""The forms of Remittance Inquiry. Those whose values may stand in a URL are sent by GET and need no CSRF token."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from hp_portal.api import AmountField, DayField, later_than, one_line, several_lines

from ..keys import number_key, plain
from ..office.notes import LONGEST, ShownNote
from .criteria import PERIODS, CheckNumber, ClaimCriteria, PaymentCriteria, days_of

_EARLIER = "This date lies before the first one."


class PaymentSearchForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What a payment is like. `payees`: pairs of id and name to choose from, the first one for all."""

    class Meta:
        csrf = False

    period = SelectField("Issued in", [Optional()], coerce=str.strip)
    issued_from = DayField("Issued from")
    issued_to = DayField("Issued to", [later_than("issued_from", _EARLIER)])
    amount_min = AmountField("Amount from")
    amount_max = AmountField("Amount to", [later_than("amount_min", "This amount is lower than the first one.")])
    payee = SelectField("Payee", [Optional()], coerce=str.strip)
    zero = BooleanField("Only payments of $0.00 and non-payment notices")
    new = BooleanField("Only payments that are new since your last visit")
    unposted = BooleanField("Only payments that are not yet posted, or only in part")

    def __init__(self, payees: list[tuple[str, str]], **values: Any) -> None:
        super().__init__(**values)
        self.period.choices = [("", "Any time, or the dates below"), *PERIODS.items()]
        self.payee.choices = payees

    def validate(self, extra_validators: Any = None) -> bool:
        """A period or dates, not both."""
        valid: bool = super().validate(extra_validators)
        if self.period.data and (self.issued_from.raw_data or [""])[0] + (self.issued_to.raw_data or [""])[0]:
            self.period.errors = ["Choose a period, or enter dates, but not both."]
            return False
        return valid

    def criteria(self, number: CheckNumber, today: dt.date, since: Callable[[], dt.datetime]) -> PaymentCriteria:
        """What was asked for; valid once the form is. `since` tells since when payments are new."""
        period = self.period.data or ""
        first, last = days_of(period, today) if period else (self.issued_from.data, self.issued_to.data)
        return PaymentCriteria(
            number,
            first,
            last,
            self.amount_min.data,
            self.amount_max.data,
            int(self.payee.data) if self.payee.data else None,
            self.zero.data,
            since() if self.new.data else None,
            self.unposted.data,
            period,
        )


class ClaimSearchForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What a claim is like: posted, because it tells of a patient."""

    claim_number = StringField("Claim number", filters=[plain], validators=[Optional(), Length(max=80)])
    patient_account = StringField("Patient account", filters=[plain], validators=[Optional(), Length(max=80)])
    member_id = StringField("Member ID", filters=[plain], validators=[Optional(), Length(max=80)])
    last_name = StringField("Patient’s last name", filters=[plain], validators=[Optional(), Length(max=100)])
    first_name = StringField("First name, or its beginning", filters=[plain], validators=[Optional(), Length(max=100)])
    service_from = DayField("Dates of service from")
    service_to = DayField("Dates of service to", [later_than("service_from", _EARLIER)])

    def validate(self, extra_validators: Any = None) -> bool:
        """At least one thing to search by, and for a name the dates of service."""
        valid: bool = super().validate(extra_validators)
        named = number_key(self.last_name.data)
        if not any(number_key(field.data) for field in (self.claim_number, self.patient_account, self.member_id)):
            if not named:
                self.claim_number.errors = ["Enter a claim number, patient account, member ID or last name."]
                return False
            if not self.service_from.errors and self.service_from.data is None:
                self.service_from.errors = ["A name needs the dates of service. Enter the first one."]
                return False
        if number_key(self.first_name.data) and not named:
            self.last_name.errors = ["Enter the last name, too."]
            return False
        return valid

    def criteria(self) -> ClaimCriteria:
        """What was asked for; valid once the form is. One date alone is that day."""
        first: dt.date | None = self.service_from.data
        return ClaimCriteria(
            self.claim_number.data,
            self.patient_account.data,
            self.member_id.data,
            self.last_name.data,
            self.first_name.data,
            first,
            self.service_to.data or first,
        )


class ClaimFilterForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Words that the claims of a payment must hold: posted, because they tell of a patient."""

    text = StringField("Patient or claim number", filters=[plain], validators=[Optional(), Length(max=100)])


class SavedSearchForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The name of a saved search, and whether colleagues find it, too."""

    name = StringField(
        "Name",
        filters=[one_line],
        validators=[
            DataRequired("Enter a name, such as Not posted last month."),
            Length(max=60, message="A name has at most 60 characters."),
        ],
    )
    shared = BooleanField("Share it with everybody at my office")


class NoteForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A note about a payment or claim, for the office alone."""

    text = TextAreaField(
        "Note",
        filters=[several_lines],
        validators=[
            DataRequired("Write the note."),
            Length(max=LONGEST, message=f"A note has at most {LONGEST:,} characters. Shorten it, or write two."),
        ],
    )


def note_form_of(note_id: int | None, **values: Any) -> NoteForm:
    """The form of a note, or of a new one; each has names of its own on a page with several."""
    return NoteForm(prefix=f"note-{note_id or 'new'}-", **values)


class NoteForms:
    """Makes the forms of a page's notes, called with a note, or with None for a new one. `refused` is what was sent and is not
    right, for the note with that id."""

    def __init__(self, refused: NoteForm | None = None, note_id: int | None = None) -> None:
        self.refused, self._note_id = refused, note_id

    def __call__(self, note: ShownNote | None) -> NoteForm:
        if self.refused is not None and (note.id if note else None) == self._note_id:
            return self.refused
        return note_form_of(note.id, formdata=None, text=note.text) if note else note_form_of(None, formdata=None)
