"""What can be said of a practitioner, a location and an affiliation: the fields, and how a value of each is written.

A value is text as it is kept and compared: digits of telephones and NPIs, days as 2026-03-01, words of a choice.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from hp_portal.api import BadIdentifier, one_line, parse_npi, safe_text

Subject = Literal["practitioner", "location", "affiliation"]
LONGEST = 400
PLAIN = 200
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ACCEPTING = {
    "new": "Accepts new patients",
    "existing": "Existing patients only",
    "referral": "By referral only",
    "closed": "Closed to patients",
}
AFFILIATED = {"active": "Works here", "ended": "Has left"}
OPEN = {"open": "Open", "closed": "Closed"}
RANKS = {"primary": "Primary", "secondary": "Secondary"}
YES_NO = {"yes": "Yes", "no": "No"}
_BY_NAME = """AL AK AS AZ AR CA CO CT DE DC FL GA GU HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND MP OH
    OK OR PA PR RI SC SD TN TX UT VT VI VA WA WV WI WY"""
STATES = tuple(_BY_NAME.split())
"""States, the District of Columbia and territories by the letters of the USPS, in the order of their names."""


class BadValue(ValueError):
    """A value that a field cannot have; the text says what to do."""


def _text(text: str, longest: int = PLAIN) -> str:
    if len(text) > longest:
        raise BadValue(f"Use at most {longest} characters.")
    return text


def _npi(text: str) -> str:
    try:
        found = parse_npi(text)
    except BadIdentifier as error:
        raise BadValue(str(error)) from None
    if found[0] != "1":
        raise BadValue("This is the NPI of an organization. A practitioner’s NPI starts with 1.")
    return found


def _phone(text: str) -> str:
    digits = re.sub(r"[\s().+/-]", "", text)
    digits = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    if not re.fullmatch(r"[2-9][0-9]{2}[2-9][0-9]{6}", digits, re.ASCII):
        raise BadValue("A telephone or fax number has 10 digits, such as 952-555-0100.")
    return digits


def _zip(text: str) -> str:
    if not re.fullmatch(r"[0-9]{5}(-?[0-9]{4})?", text, re.ASCII):
        raise BadValue("A ZIP code has 5 or 9 digits, such as 55000 or 55000-1234.")
    return text[:5] + (f"-{text[-4:]}" if len(text) > 5 else "")


def _state(text: str) -> str:
    if text.upper() not in STATES:
        raise BadValue("Use the two letters of a state, such as MN.")
    return text.upper()


def read_day(text: str) -> dt.date:
    """A day written as 2026-03-01. Raises BadValue."""
    try:
        day = dt.date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else None
    except ValueError:
        day = None
    if day is None or not 1900 <= day.year <= 2999:
        raise BadValue("Write a day as 2026-03-01.")
    return day


def _day(text: str) -> str:
    return read_day(text).isoformat()


def _hours(text: str) -> str:
    """`08:00-17:00`, or several spans of one day: `08:00-12:00, 13:00-17:00`."""
    spans = [span.strip() for span in text.split(",")]
    end = ""
    for span in spans:
        found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):[0-5]\d|24:00)", span, re.ASCII)
        start, _, stop = span.partition("-")
        if not found or not end <= start < stop:
            raise BadValue("Write hours as 08:00-17:00, several as 08:00-12:00, 13:00-17:00.")
        end = stop
    return ", ".join(spans)


def _specialty(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Z]{10}", text.upper(), re.ASCII):
        raise BadValue("A specialty is a taxonomy code of 10 letters and digits, such as 207Q00000X.")
    return text.upper()


def _weekday(text: str) -> str:
    if text.lower() not in WEEKDAYS:
        raise BadValue("Use the name of a weekday, such as monday.")
    return text.lower()


def _choice(words: Mapping[str, str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise BadValue(f"Use one of: {', '.join(words)}.")
        return text.lower()

    return read


@dataclass(frozen=True)
class Field:
    """Something that can be said of a subject. `item`: it can be said several times, each of another item, which this reads,
    such as one license for each state; None: it has one value. `choices` are words by value. `sealed`: it is kept sealed and is
    about the person alone. Nothing is published but what says `public`."""

    subject: Subject
    key: str
    label: str
    read: Callable[[str], str] = _text
    item: Callable[[str], str] | None = None
    choices: Mapping[str, str] | None = None
    sealed: bool = False
    public: bool = False

    @property
    def dated(self) -> bool:
        """Is its value a day?"""
        return self.read is _day


def _choosing(
    subject: Subject,
    key: str,
    label: str,
    words: Mapping[str, str],
    *,
    public: bool = True,
    item: Callable[[str], str] | None = None,
) -> Field:
    return Field(subject, key, label, _choice(words), item=item, choices=words, public=public)


_PRACTITIONER = (
    Field("practitioner", "last_name", "Last name", public=True),
    Field("practitioner", "first_name", "First name", public=True),
    Field("practitioner", "middle_name", "Middle name", public=True),
    Field("practitioner", "suffix", "Suffix", public=True),
    Field("practitioner", "former_name", "Former name"),
    Field("practitioner", "degree", "Degree", public=True),
    Field("practitioner", "npi", "NPI", _npi, public=True),
    Field("practitioner", "birth_date", "Date of birth", _day, sealed=True),
    _choosing("practitioner", "primary_care", "Primary care", YES_NO),
    _choosing("practitioner", "specialty", "Specialty", RANKS, item=_specialty),
    Field("practitioner", "license_number", "License number", item=_state),
    Field("practitioner", "license_starts", "License valid from", _day, item=_state),
    Field("practitioner", "license_expires", "License expires", _day, item=_state),
    Field("practitioner", "dea_number", "DEA number", sealed=True),
    Field("practitioner", "dea_expires", "DEA registration expires", _day),
    Field("practitioner", "insurance_carrier", "Liability insurance"),
    Field("practitioner", "insurance_expires", "Liability insurance expires", _day),
    _choosing("practitioner", "language", "Language", {"yes": "Yes"}, item=_text),
    _choosing("practitioner", "hospital", "Hospital affiliation", {"yes": "Yes"}, item=_text),
    _choosing("practitioner", "supervised_by", "Supervised by", {"yes": "Yes"}, public=False, item=_text),
    _choosing("practitioner", "covered_by", "Covered by", {"yes": "Yes"}, public=False, item=_text),
)
_LOCATION = (
    _choosing("location", "standing", "Standing", OPEN),
    Field("location", "name", "Name", public=True),
    Field("location", "street", "Street", public=True),
    Field("location", "street_2", "Suite or floor", public=True),
    Field("location", "city", "City", public=True),
    Field("location", "state", "State", _state, public=True),
    Field("location", "zip", "ZIP code", _zip, public=True),
    Field("location", "phone", "Telephone", _phone, public=True),
    Field("location", "fax", "Fax", _phone, public=True),
    Field("location", "hours", "Hours", _hours, item=_weekday, public=True),
    _choosing("location", "accessibility", "Accessibility", {"yes": "Yes"}, item=_text),
    _choosing("location", "directory", "Shown in the directory", YES_NO),
    Field("location", "billing_name", "Billing name"),
    Field("location", "billing_street", "Billing street"),
    Field("location", "billing_city", "Billing city"),
    Field("location", "billing_state", "Billing state", _state),
    Field("location", "billing_zip", "Billing ZIP code", _zip),
)
_AFFILIATION = (
    _choosing("affiliation", "standing", "Standing", AFFILIATED),
    Field("affiliation", "reason", "Reason for leaving"),
    _choosing("affiliation", "primary", "Primary location", YES_NO),
    Field("affiliation", "specialty", "Specialty here", _specialty, public=True),
    _choosing("affiliation", "accepting", "Accepting patients", ACCEPTING),
    _choosing("affiliation", "directory", "Shown in the directory", YES_NO),
)


FIELDS: dict[tuple[Subject, str], Field] = {
    (field.subject, field.key): field for field in (*_PRACTITIONER, *_LOCATION, *_AFFILIATION)
}


def find_field(subject: Subject, key: str) -> Field:
    """The field. Raises BadValue for one that there is not."""
    try:
        return FIELDS[subject, key]
    except KeyError:
        raise BadValue(f"Nothing is called {key[:40]!r} that can be said of {article(subject)}.") from None


def article(subject: Subject) -> str:
    """The subject in a sentence."""
    return "an affiliation" if subject == "affiliation" else f"a {subject}"


def read_value(field: Field, item: str, value: str) -> tuple[str, str]:
    """Item and value as they are kept; an empty value stays empty: nothing holds from then on. Raises BadValue."""
    item, value = one_line(item) or "", one_line(value) or ""
    if value.startswith("'") and safe_text(value[1:]) == value:
        value = value[1:]  # a spreadsheet's apostrophe before what it would take for a formula
    if field.item is None and item:
        raise BadValue(f"{field.label} has one value, and so no item.")
    if field.item is not None:
        if not item:
            raise BadValue(f"{field.label} needs an item, such as the state of a license.")
        item = _text(field.item(item), 80)
    return item, _text(field.read(value), LONGEST) if value else ""
