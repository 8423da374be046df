"""The table of a roster: a row for each practitioner and location, and what of the record each column says.

A column that is about the practitioner or the location stands in every row of theirs.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hp_portal.api import read_day, sheets

from ..record.facts import Key
from ..record.fields import ACCEPTING, YES_NO, Subject, find_field, read_value

TITLE = "Roster"
_SEPARATOR = re.compile(r"[;\n]")
_LOOSE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Said:
    """What of the record a column says: `manner` is "value", "list" (items that hold), "license" (of the location's state), or
    "specialty" (the primary one)."""

    subject: Subject
    field: str
    manner: str = "value"


SAID: dict[str, Said] = {
    "last_name": Said("practitioner", "last_name"),
    "first_name": Said("practitioner", "first_name"),
    "middle_name": Said("practitioner", "middle_name"),
    "suffix": Said("practitioner", "suffix"),
    "degree": Said("practitioner", "degree"),
    "primary_care": Said("practitioner", "primary_care"),
    "specialty": Said("practitioner", "specialty", "specialty"),
    "license_number": Said("practitioner", "license_number", "license"),
    "license_expires": Said("practitioner", "license_expires", "license"),
    "languages": Said("practitioner", "language", "list"),
    "hospitals": Said("practitioner", "hospital", "list"),
    "primary": Said("affiliation", "primary"),
    "specialty_here": Said("affiliation", "specialty"),
    "accepting": Said("affiliation", "accepting"),
    "directory": Said("affiliation", "directory"),
    "phone": Said("location", "phone"),
    "fax": Said("location", "fax"),
}
KEYS = ("npi", "location_number", "location_name", "street", "zip")
"""What says whom and which location a row is about; none of it is changed by a roster."""
NAMES = ("last_name", "first_name")
SPECIALTIES = ("specialty", "specialty_here")


def loosely(text: str) -> str:
    """Text as it is compared where people write it differently."""
    return _LOOSE.sub(" ", text.casefold()).strip()


def specialty_choice(code: str, words: Mapping[str, str]) -> str:
    """`Family medicine (207Q00000X)`, or the code where the payer's list does not have it."""
    return f"{words[code]} ({code})" if code in words else code


def _value(subject: Subject, field: str) -> Callable[[str], str]:
    found = find_field(subject, field)
    item = "MN" if found.item else ""  # any: the item is not of the cell

    def parse(text: str) -> str:
        return read_value(found, item, text)[1]

    return parse


def _choice(words: Mapping[str, str]) -> Callable[[str], str]:
    known = {loosely(one): value for value, label in words.items() for one in (value, label)}

    def parse(text: str) -> str:
        try:
            return known[loosely(text)]
        except KeyError:
            raise ValueError(f"Write one of: {', '.join(words.values())}.") from None

    return parse


def _items(subject: Subject, field: str) -> Callable[[str], tuple[str, ...]]:
    found = find_field(subject, field)

    def parse(text: str) -> tuple[str, ...]:
        parts = [part for part in _SEPARATOR.split(text) if part.strip()]
        return tuple(sorted({read_value(found, part, "yes")[0] for part in parts}))

    return parse


def _specialty(words: Mapping[str, str]) -> Callable[[str], str]:
    by_words: dict[str, list[str]] = {}
    for code, said in words.items():
        by_words.setdefault(loosely(said), []).append(code)
    field = find_field("affiliation", "specialty")

    def parse(text: str) -> str:
        in_brackets = re.search(r"\(([0-9A-Za-z]{10})\)\s*$", text)
        if in_brackets:
            return read_value(field, "", in_brackets[1])[1]
        found = by_words.get(loosely(text), [])
        if len(found) == 1:
            return found[0]
        return read_value(field, "", text)[1]

    return parse


def _npi(text: str) -> str:
    return read_value(find_field("practitioner", "npi"), "", text)[1]


def _day(text: str) -> dt.date:
    return read_day(text)


def _iso_day(text: str) -> str:
    return read_day(text).isoformat()


def _show_day(value: str) -> Any:
    return dt.date.fromisoformat(value) if value else None


def _text(value: str) -> Any:
    return value or None


def make_layout(words: Mapping[str, str]) -> sheets.SheetLayout:
    """The table; `words` say what specialties are called, by code."""
    column = sheets.SheetColumn

    def plain(key: str, label: str, *also: str, **more: Any) -> sheets.SheetColumn:
        said = SAID[key]
        return column(key, label, also, parse=_value(said.subject, said.field), show=_text, **more)

    def choosing(key: str, label: str, *also: str, choices: Mapping[str, str], about: str = "") -> sheets.SheetColumn:
        listed = f"One of: {', '.join(choices.values())}"
        return column(
            key,
            label,
            also,
            parse=_choice(choices),
            show=lambda value: choices.get(value) or None,
            about=f"{about}. {listed}" if about else listed,
            example=next(iter(choices.values())),
        )

    def listing(key: str, label: str, *also: str, about: str, example: str) -> sheets.SheetColumn:
        said = SAID[key]
        show = lambda found: "; ".join(found) or None  # noqa: E731 - one line each, side by side
        return column(key, label, also, parse=_items(said.subject, said.field), show=show, about=about, example=example)

    def special(key: str, label: str, *also: str, about: str) -> sheets.SheetColumn:
        return column(
            key,
            label,
            also,
            parse=_specialty(words),
            show=lambda code: specialty_choice(code, words) if code else None,
            about=about,
            example="207Q00000X",
        )

    return sheets.SheetLayout(
        "profiles roster",
        TITLE,
        (
            column(
                "npi",
                "Practitioner NPI",
                ("NPI", "Individual NPI", "Provider NPI", "Rendering NPI"),
                required=True,
                parse=_npi,
                kind="digits",
                about="Says who it is, and is never changed by a roster",
                example="1234567893",
            ),
            plain("last_name", "Last name", "Provider last name", "Surname", about="Needed for somebody new"),
            plain("first_name", "First name", "Provider first name", about="Needed for somebody new"),
            plain("middle_name", "Middle name", "Middle initial", "MI"),
            plain("suffix", "Suffix"),
            plain("degree", "Degree", "Credentials", example="MD"),
            column(
                "location_number",
                "Location number",
                ("Location ID", "Site number", "Site ID"),
                about="Our number of the location. Without it, the name and the address say which one it is",
            ),
            column(
                "location_name",
                "Location name",
                ("Site name", "Practice location", "Location"),
                about="As we have it on record. A roster neither renames nor moves a location",
            ),
            column("street", "Location street", ("Address", "Street", "Site address", "Location address")),
            column("zip", "Location ZIP code", ("ZIP", "ZIP code"), kind="digits", widths=(5, 9)),
            plain("phone", "Location telephone", "Phone", "Telephone", "Location phone", about="Of the location"),
            plain("fax", "Location fax", "Fax", about="Of the location"),
            choosing("primary_care", "Primary care", "PCP", choices=YES_NO),
            special("specialty", "Primary specialty", "Specialty", about="The code, or its words as in the list"),
            plain(
                "license_number",
                "License number",
                "State license",
                "License",
                about="Of the state in which the location is",
            ),
            column(
                "license_expires",
                "License expires",
                ("License expiration", "License expiration date"),
                parse=_iso_day,
                show=_show_day,
                kind="day",
                about="Of the same license",
                example="6/30/2027",
            ),
            listing(
                "languages", "Languages", "Language", about="Several with a semicolon between", example="Spanish; Hmong"
            ),
            listing(
                "hospitals",
                "Hospital affiliations",
                "Hospitals",
                about="Several with a semicolon between",
                example="Sample Hospital",
            ),
            choosing("primary", "Primary location", choices=YES_NO, about="Is it where the practitioner mostly works?"),
            special("specialty_here", "Specialty at this location", about="The code, or its words as in the list"),
            choosing("accepting", "Accepting patients", "Accepting new patients", choices=ACCEPTING),
            choosing("directory", "Shown in the directory", "Directory", choices=YES_NO),
            column(
                "effective",
                "Effective date",
                ("Effective", "Change effective"),
                parse=_day,
                kind="day",
                about="From when on what has changed in this row holds. Empty: the date you choose for all rows",
                example="3/1/2027",
            ),
            column(
                "ends",
                "Left on",
                ("Termination date", "End date", "Term date"),
                parse=_day,
                show=lambda day: day,
                kind="day",
                about="The first day on which the practitioner no longer works there",
                example="3/1/2027",
            ),
            plain_reason(),
        ),
    )


def plain_reason() -> sheets.SheetColumn:
    """The column with the reason for which somebody leaves."""
    return sheets.SheetColumn(
        "reason",
        "Reason for leaving",
        ("Termination reason", "Reason"),
        parse=_value("affiliation", "reason"),
        show=_text,
        example="Retired",
    )


def current(said: Said, values: Mapping[Key, str], state: str) -> Any:
    """What a column of the roster says of a subject with these values: as its `parse` gives it, None for nothing."""
    if said.manner == "list":
        return tuple(sorted(item for (field, item), value in values.items() if field == said.field and value)) or None
    if said.manner == "specialty":
        found = sorted(item for (field, item), value in values.items() if field == said.field and value == "primary")
        return found[0] if found else None
    item = state if said.manner == "license" else ""
    return values.get((said.field, item)) or None
