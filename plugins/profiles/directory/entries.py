"""What members see of a practitioner at a location on a day, and why something is not shown. Pure: it asks no database.

Only values of fields that say `public` get in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..record.facts import Key, items_of
from ..record.fields import FIELDS, WEEKDAYS, Subject
from .models import LONGEST_PLACE
from .terms import fold

UNATTESTED = "attestation"
REASONS = {
    UNATTESTED: "The attestation of practitioners and locations is overdue",
    "affiliation": "Not to be shown at this location",
    "location": "The location is not to be shown",
    "last_name": "Last name missing",
    "npi": "NPI missing",
    "specialty": "Specialty missing",
    "street": "Street missing",
    "city": "City missing",
    "state": "State missing",
    "zip": "ZIP code missing",
    "phone": "Telephone missing",
}
_OF_PRACTITIONER = ("last_name", "npi")
_OF_LOCATION = ("street", "city", "state", "zip", "phone")
_NAMES = ("last_name", "first_name", "middle_name", "suffix", "degree")
_ADDRESS = ("name", "street", "street_2", "city", "state")
Values = Mapping[Key, str]


@dataclass(frozen=True)
class Both:
    """An affiliation with its two sides, by their ids."""

    affiliation_id: int
    practitioner_id: int
    location_id: int


@dataclass(frozen=True)
class Entry:
    """A row of the directory."""

    both: Both
    contents: Mapping[str, Any]

    @property
    def written(self) -> str:
        """As it is kept and compared."""
        return json.dumps(self.contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def place(self) -> str:
        """Where it stands in the order of names; no two rows have the same."""
        person = self.contents["practitioner"]
        name = " ".join(fold(f"{person['last_name']} {person['first_name']} {person['middle_name']}"))
        return f"{name[: LONGEST_PLACE - 20]} {self.contents['id']}"


@dataclass(frozen=True)
class Hidden:
    """Somebody who works at an open location and is not shown: `reasons` are keys of REASONS."""

    both: Both
    reasons: tuple[str, ...]


def digest_of(text: str) -> str:
    """A digest of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def entry_of(
    both: Both,
    practitioner: Values,
    location: Values,
    affiliation: Values,
    words: Mapping[str, str],
    attested: bool = True,
) -> Entry | Hidden | None:
    """What is shown, or why it is not; None where nobody works there on the day, or the location is not open.

    `attested`: somebody has confirmed in time that what is said of the location is right.
    """
    if affiliation.get(("standing", "")) != "active" or location.get(("standing", "")) != "open":
        return None
    practitioner, location = _public("practitioner", practitioner), _public("location", location)
    affiliation = _public("affiliation", affiliation)
    codes = _codes(practitioner, affiliation)
    unattested = [] if attested else [UNATTESTED]
    if reasons := (*unattested, *_reasons(practitioner, location, affiliation, codes)):
        return Hidden(both, reasons)
    contents = {
        "id": _number("role", both.affiliation_id),
        "practitioner": _practitioner(both, practitioner),
        "location": _location(both, location),
        "specialties": [{"code": code, "name": words.get(code, code)} for code in codes],
        "accepting": affiliation.get(("accepting", ""), ""),
        "primary": affiliation.get(("primary", "")) == "yes",
    }
    return Entry(both, contents)


def _public(subject: Subject, values: Values) -> Values:
    return {
        key: value
        for key, value in values.items()
        if (field := FIELDS.get((subject, key[0]))) is not None and field.public and not field.sealed
    }


def _codes(practitioner: Values, affiliation: Values) -> list[str]:
    """The specialty at the location, or else those of the practitioner, the primary ones first."""
    if here := affiliation.get(("specialty", "")):
        return [here]
    own = items_of(practitioner, "specialty")
    return sorted(own, key=lambda code: (own[code] != "primary", code))


def _reasons(practitioner: Values, location: Values, affiliation: Values, codes: Sequence[str]) -> list[str]:
    found = []
    if affiliation.get(("directory", "")) != "yes":
        found.append("affiliation")
    if location.get(("directory", "")) != "yes":
        found.append("location")
    found += [field for field in _OF_PRACTITIONER if not practitioner.get((field, ""))]
    found += [] if codes else ["specialty"]
    return found + [field for field in _OF_LOCATION if not location.get((field, ""))]


def _number(what: str, row_id: int) -> str:
    """A number that stays the same in every build, and says nothing."""
    return digest_of(f"directory {what} {row_id}")[:16]


def _practitioner(both: Both, values: Values) -> dict[str, Any]:
    return {
        "id": _number("practitioner", both.practitioner_id),
        "npi": values["npi", ""],
        **{field: values.get((field, ""), "") for field in _NAMES},
        "primary_care": values.get(("primary_care", "")) == "yes",
        "languages": list(items_of(values, "language")),
        "hospitals": list(items_of(values, "hospital")),
    }


def _location(both: Both, values: Values) -> dict[str, Any]:
    hours = items_of(values, "hours")
    return {
        "id": _number("location", both.location_id),
        **{field: values.get((field, ""), "") for field in _ADDRESS},
        "zip": values["zip", ""][:5],
        "phone": values["phone", ""],
        "fax": values.get(("fax", ""), ""),
        "hours": {day: hours[day] for day in WEEKDAYS if day in hours},
        "accessibility": list(items_of(values, "accessibility")),
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is another one in two contents of the same row, in words."""
    found = []
    for part, subject in (("practitioner", "practitioner"), ("location", "location"), ("", "affiliation")):
        one, other = (before[part], after[part]) if part else (before, after)
        for key in sorted(one.keys() | other.keys()):
            if key not in ("practitioner", "location") and one.get(key) != other.get(key):
                found.append(_label(subject, key))
    return found


def _label(subject: str, key: str) -> str:
    singular = {"languages": "language", "hospitals": "hospital", "specialties": "specialty"}.get(key, key)
    labels = {(field.subject, field.key): field.label for field in FIELDS.values()}
    return next((label for (of, name), label in labels.items() if name == singular and of == subject), key.capitalize())


def label_of(contents: Mapping[str, Any]) -> str:
    """Of whom a row speaks, and where."""
    person, place = contents["practitioner"], contents["location"]
    name = ", ".join(part for part in (person["last_name"], person["first_name"]) if part)
    return f"{name} at {place['name'] or place['street']}"
