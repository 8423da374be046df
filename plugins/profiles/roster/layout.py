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
Column = sheets.SheetColumn
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
NONE = "none"
"""What is written into a cell to say that there is none; an empty cell says nothing."""
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


def _or_none(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same, with an empty text for the word that says that there is none."""
    return lambda text: "" if text.casefold() == NONE else parse(text)


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


def _plain(key: str, label: str, *also: str, about: str = "", example: str = "") -> Column:
    said = SAID[key]
    parse = _value(said.subject, said.field)
    parse = parse if key in NAMES else _or_none(parse)
    return Column(key, label, also, parse=parse, show=_text, about=about, example=example)


def _choosing(key: str, label: str, *also: str, choices: Mapping[str, str], about: str = "") -> Column:
    listed = f"One of: {', '.join(choices.values())}"
    return Column(
        key,
        label,
        also,
        parse=_or_none(_choice(choices)),
        show=lambda value: choices.get(value) or None,
        about=f"{about} {listed}".strip(),
        example=next(iter(choices.values())),
    )


def _listing(key: str, label: str, *also: str, example: str) -> Column:
    parse = _or_none(_items(SAID[key].subject, SAID[key].field))
    about = "Several with a semicolon between"
    return Column(key, label, also, parse=parse, show=_joined, about=about, example=example)


def _joined(items: Any) -> Any:
    return "; ".join(items) or None


def _special(key: str, label: str, *also: str, words: Mapping[str, str]) -> Column:
    return Column(
        key,
        label,
        also,
        parse=_or_none(_specialty(words)),
        show=lambda code: specialty_choice(code, words) if code else None,
        about="The code, or its words as in the list",
        example="207Q00000X",
    )


def _as_it_is(value: Any) -> Any:
    return value


def _dated(key: str, label: str, *also: str, parse: Callable[[str], Any], show: Any = _as_it_is, about: str) -> Column:
    return Column(key, label, also, parse=parse, show=show, kind="day", about=about, example="3/1/2027")


def _who() -> tuple[Column, ...]:
    also = ("NPI", "Individual NPI", "Provider NPI", "Rendering NPI")
    about = "Says who it is, and is never changed by a roster"
    return (
        Column("npi", "Practitioner NPI", also, True, _npi, kind="digits", about=about, example="1234567893"),
        _plain("last_name", "Last name", "Provider last name", "Surname", about="Needed for somebody new"),
        _plain("first_name", "First name", "Provider first name", about="Needed for somebody new"),
        _plain("middle_name", "Middle name", "Middle initial", "MI"),
        _plain("suffix", "Suffix"),
        _plain("degree", "Degree", "Credentials", example="MD"),
    )


def _where() -> tuple[Column, ...]:
    number = "Our number of the location. Without it, the name and the address say which one it is"
    name = "As we have it on record. A roster neither renames nor moves a location"
    streets = ("Address", "Street", "Site address", "Location address")
    return (
        Column("location_number", "Location number", ("Location ID", "Site number", "Site ID"), about=number),
        Column("location_name", "Location name", ("Site name", "Practice location", "Location"), about=name),
        Column("street", "Location street", streets),
        Column("zip", "Location ZIP code", ("ZIP", "ZIP code"), kind="digits", widths=(5, 9)),
        _plain("phone", "Location telephone", "Phone", "Telephone", "Location phone", about="Of the location"),
        _plain("fax", "Location fax", "Fax", about="Of the location"),
    )


def _what(words: Mapping[str, str]) -> tuple[Column, ...]:
    state = "Of the state in which the location is"
    expires = ("License expiration", "License expiration date")
    return (
        _choosing("primary_care", "Primary care", "PCP", choices=YES_NO),
        _special("specialty", "Primary specialty", "Specialty", words=words),
        _plain("license_number", "License number", "State license", "License", about=state),
        _dated(
            "license_expires",
            "License expires",
            *expires,
            parse=_or_none(_iso_day),
            show=_show_day,
            about="Of the same license",
        ),
        _listing("languages", "Languages", "Language", example="Spanish; Hmong"),
        _listing("hospitals", "Hospital affiliations", "Hospitals", example="Sample Hospital"),
    )


def _work(words: Mapping[str, str]) -> tuple[Column, ...]:
    mostly = "Is it where the practitioner mostly works?"
    since = "From when on what has changed in this row holds. Empty: the date you choose for all rows"
    left = "The first day on which the practitioner no longer works there; “none” when nobody leaves after all"
    why = _or_none(_value("affiliation", "reason"))
    return (
        _choosing("primary", "Primary location", choices=YES_NO, about=mostly),
        _special("specialty_here", "Specialty at this location", words=words),
        _choosing("accepting", "Accepting patients", "Accepting new patients", choices=ACCEPTING),
        _choosing("directory", "Shown in the directory", "Directory", choices=YES_NO),
        _dated("effective", "Effective date", "Effective", "Change effective", parse=_day, about=since),
        _dated("ends", "Left on", "Termination date", "End date", "Term date", parse=_or_none(_day), about=left),
        Column("reason", "Reason for leaving", ("Termination reason", "Reason"), False, why, _text, example="Retired"),
    )


def make_layout(words: Mapping[str, str]) -> sheets.SheetLayout:
    """The table; `words` say what specialties are called, by code."""
    return sheets.SheetLayout("profiles roster", TITLE, (*_who(), *_where(), *_what(words), *_work(words)))


def current(said: Said, values: Mapping[Key, str], state: str) -> Any:
    """What a column of the roster says of a subject with these values: as its `parse` gives it, None for nothing."""
    if said.manner == "list":
        return tuple(sorted(item for (field, item), value in values.items() if field == said.field and value)) or None
    if said.manner == "specialty":
        found = sorted(item for (field, item), value in values.items() if field == said.field and value == "primary")
        return found[0] if found else None
    item = state if said.manner == "license" else ""
    return values.get((said.field, item)) or None
