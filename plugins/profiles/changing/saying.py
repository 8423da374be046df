"""What was typed of a practitioner, as values of the record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wtforms.validators import ValidationError

from hp_portal.api import PortalSession

from ..loading.specialties import specialty_words
from ..record.facts import Key
from ..record.fields import WEEKDAYS, BadValue, Subject, find_field, read_value


def languages_in(text: str | None) -> list[str]:
    """Languages with commas between them."""
    return list(dict.fromkeys(filter(None, (one.strip() for one in (text or "").split(",")))))


def licenses_said(rows: Iterable[Mapping[str, Any]]) -> dict[Key, str]:
    """Number, beginning and end of the first license of each state."""
    found: dict[Key, str] = {}
    for row in rows:
        state = row["state"]
        if state and ("license_number", state) not in found:
            found["license_number", state] = row["number"]
            found["license_starts", state] = row["starts"].isoformat() if row["starts"] else ""
            found["license_expires", state] = row["expires"].isoformat() if row["expires"] else ""
    return found


def codes_by_name(session: PortalSession) -> dict[str, str]:
    """The code of each specialty of the payer's list, by its words in small letters."""
    return {words.casefold(): code for code, words in specialty_words(session).items()}


def specialties_said(session: PortalSession, rows: Iterable[Mapping[str, Any]]) -> dict[Key, str]:
    """Each specialty that has a code, or whose name is that of a code in the payer's list; the first is the primary one."""
    codes = codes_by_name(session)
    found: dict[Key, str] = {}
    for row in rows:
        code = row["taxonomy"] or codes.get((row["name"] or "").casefold(), "")
        if code and ("specialty", code) not in found:
            found["specialty", code] = "secondary" if found else "primary"
    return found


def pack(values: Mapping[Key, str]) -> str:
    """Values as a page keeps them, to tell later what was read."""
    return json.dumps([[name, item, text] for (name, item), text in sorted(values.items())])


def unpack(subject: Subject, text: str | None) -> dict[Key, str]:
    """The reverse. What the record cannot say was not read from it."""
    found: dict[Key, str] = {}
    try:
        for name, item, value in json.loads(text or "[]"):
            found[str(name), str(item)] = kept_value(subject, str(name), str(item), str(value))
    except (BadValue, ValueError, TypeError):
        return {}
    return found


def kept_value(subject: Subject, name: str, item: str, value: str) -> str:
    """A value as the record keeps it. Raises BadValue."""
    return read_value(find_field(subject, name), item, value)[1]


def as_in_record(subject: Subject, name: str, item: str = "") -> Callable[[Any, Any], None]:
    """A validator: a value that the record can keep."""

    def check(_form: Any, field: Any) -> None:
        try:
            kept_value(subject, name, item, field.data or "")
        except BadValue as error:
            raise ValidationError(str(error)) from None

    return check


def said_of_place(answers: Mapping[str, Any]) -> dict[Key, str]:
    """The values of a location's form, as the record keeps them, by the names of the fields."""
    found: dict[Key, str] = {}
    for name, value in answers.items():
        key = ("hours", name.removeprefix("hours_")) if name.startswith("hours_") else (name, "")
        if name == "accessibility":
            found |= {("accessibility", one[:80]): "yes" for one in languages_in(value)}
        elif name in PLACE_FIELDS:
            found[key] = kept_value("location", *key, value or "")
    return found


PLACE_FIELDS = (
    *("name", "street", "street_2", "city", "state", "zip", "phone", "fax", "accessibility"),
    *(f"hours_{day}" for day in WEEKDAYS),
)
