"""What denials are asked for by. Sent by GET: nothing in it tells of a patient."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import Length, Optional, ValidationError

from hp_portal.api import DayField, later_than

from ..codes.codes_in_text import LONGEST, AskedCode, asked_codes
from ..codes.plain_words import GROUPS, REVERSAL, STATUSES
from ..keys import plain
from .criteria import ANY, DAYS, NOT_REVERSED, REVERSED_ONLY, REVERSED_TOO, DenialCriteria
from .recoveries import CLOSED, EVERYTHING, OPEN, RecoveryCriteria

_STATUSES = [("", "Any status"), *((code, f"{words} ({code})") for code, words in STATUSES.items() if code != REVERSAL)]
_GROUP_NAMES = {"CO": "Contract", "CR": "Correction", "OA": "Other", "PI": "Plan’s own rules", "PR": "Patient"}
_GROUPS = [("", "Any group"), *((code, f"{code}: {_GROUP_NAMES[code]}") for code in GROUPS)]
_REVERSED = [
    (NOT_REVERSED, "Not reversed since"),
    (REVERSED_TOO, "Reversed since or not"),
    (REVERSED_ONLY, "Only reversed since"),
]
_SHOWN = [(OPEN, "What is open"), (CLOSED, "What is settled or stands alone"), (EVERYTHING, "Everything")]
_CODES = "Enter reason codes, such as CO-97 or 97, with blanks between."


class _FirstDay(DayField):
    """The first day; `any` in an address says that there is none, where an empty one would be left out."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata([] if valuelist == [ANY] else valuelist)

    def _value(self) -> str:
        return "" if self.raw_data == [ANY] else super()._value()


class DenialForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Which denials. `payees`: pairs of id and name to choose from, the first one for all; `today`: where the usual span ends."""

    class Meta:
        csrf = False

    issued_from = _FirstDay("Payments from")
    issued_to = DayField("Payments to", [later_than("issued_from", "This date lies before the first one.")])
    payee = SelectField("Payee", [Optional()], coerce=str.strip)
    group = SelectField("Group", [Optional()], coerce=str.strip)
    codes = StringField("Reason codes", filters=[plain], validators=[Length(max=LONGEST, message=_CODES)])
    status = SelectField("Claim status", [Optional()], coerce=str.strip)
    reversed = SelectField("Reversed claims", [Optional()], coerce=str.strip)
    patient = BooleanField("Also what the patient owes (PR)")
    contract = BooleanField("Also what the contract takes off (CO-45)")

    def __init__(self, payees: list[tuple[str, str]], today: dt.date, **values: Any) -> None:
        super().__init__(**values)
        self.payee.choices = payees
        self.group.choices, self.status.choices, self.reversed.choices = _GROUPS, _STATUSES, _REVERSED
        if not values.get("formdata") or "issued_from" not in values["formdata"]:
            self.issued_from.data = today - dt.timedelta(days=DAYS - 1)

    def validate_codes(self, field: StringField) -> None:
        """Reason codes alone: a remark, or what is no code, would find nothing without saying why."""
        typed = field.data or ""
        found = asked_codes(typed)
        if typed and not found:
            raise ValidationError(_CODES)
        others = [one.shown for one in found if one.list != "CARC"]
        if others:
            raise ValidationError(f"{others[0]} is not a reason code. Enter one such as CO-97 or 97.")

    def criteria(self) -> DenialCriteria:
        """What was asked for; valid once the form is."""
        reasons: tuple[AskedCode, ...] = tuple(asked_codes(self.codes.data or ""))
        return DenialCriteria(
            self.issued_from.data,
            self.issued_to.data,
            int(self.payee.data) if self.payee.data else None,
            self.group.data or "",
            reasons,
            self.status.data or "",
            self.patient.data,
            self.contract.data,
            self.reversed.data or NOT_REVERSED,
        )


class RecoveryForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Which recoveries. `payees`: pairs of id and name to choose from, the first one for all."""

    class Meta:
        csrf = False

    issued_from = DayField("Payments from")
    issued_to = DayField("Payments to", [later_than("issued_from", "This date lies before the first one.")])
    payee = SelectField("Payee", [Optional()], coerce=str.strip)
    show = SelectField("Entries", [Optional()], coerce=str.strip)

    def __init__(self, payees: list[tuple[str, str]], **values: Any) -> None:
        super().__init__(**values)
        self.payee.choices = payees
        self.show.choices = _SHOWN

    def criteria(self) -> RecoveryCriteria:
        """What was asked for; valid once the form is."""
        payee = int(self.payee.data) if self.payee.data else None
        return RecoveryCriteria(payee, self.show.data or OPEN, self.issued_from.data, self.issued_to.data)
