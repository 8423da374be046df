"""What is on record, as people read it."""

from __future__ import annotations

from collections.abc import Mapping

from hp_portal.api import show_date

from .facts import Key
from .fields import FIELDS, WEEKDAYS, Field, Subject, read_day


def _span_of_hours(text: str) -> str:
    """`08:00-17:00` as people read it."""
    return " to ".join(_clock_time(moment) for moment in text.split("-"))


def _clock_time(text: str) -> str:
    hour, _, minute = text.partition(":")
    if text == "24:00":
        return "midnight"
    return f"{int(hour) % 12 or 12}:{minute} {'AM' if int(hour) < 12 else 'PM'}"


def hours_of_week(hours: Mapping[str, str]) -> str:
    """A week's hours in one line, by weekday: `Mon–Fri 8:00 AM to 5:00 PM; Sat 9:00 AM to 12:00 PM`."""
    runs: list[tuple[list[str], str]] = []
    for day in WEEKDAYS:
        value = hours.get(day, "")
        if runs and runs[-1][1] == value:
            runs[-1][0].append(day[:3].capitalize())
        else:
            runs.append(([day[:3].capitalize()], value))
    return "; ".join(
        f"{days[0]}{f'–{days[-1]}' if len(days) > 1 else ''} {', '.join(map(_span_of_hours, value.split(', ')))}"
        for days, value in runs
        if value
    )


def worded(subject: Subject, key: Key, value: str, words: Mapping[str, str]) -> tuple[str, str]:
    """What a fact is called, and its value, as people read them."""
    field = FIELDS.get((subject, key[0])) or Field(subject, key[0], key[0])
    shown = (field.choices or {}).get(value, value)
    if field.key == "specialty":
        code = key[1] or value
        named = f"{words[code]} ({code})" if code in words else code
        return field.label, f"{named}, {shown.lower()}" if key[1] else named
    if field.dated and value:
        shown = show_date(read_day(value))
    if field.key == "hours":
        shown = ", ".join(map(_span_of_hours, value.split(", "))) if value else ""
    if field.key in ("phone", "fax") and len(value) == 10:
        shown = f"{value[:3]}-{value[3:6]}-{value[6:]}"
    if not key[1]:
        return field.label, shown
    if field.choices is not None:  # what is said is the item: a language, a hospital
        return field.label, key[1] if value else ""
    return f"{field.label}, {key[1].capitalize() if key[0] == 'hours' else key[1]}", shown


def full_name(values: Mapping[Key, str], otherwise: str = "") -> str:
    """`Sample, Ann B., MD`; `otherwise` where no name is on record."""
    given = " ".join(values.get((field, ""), "") for field in ("first_name", "middle_name", "suffix")).split()
    parts = [values.get(("last_name", ""), ""), " ".join(given), values.get(("degree", ""), "")]
    return ", ".join(part for part in parts if part) or otherwise


def address_of(values: Mapping[Key, str]) -> str:
    """Street, city, state and ZIP code in one line."""
    lines = [values.get((field, ""), "") for field in ("street", "street_2", "city")]
    end = " ".join(values.get((field, ""), "") for field in ("state", "zip")).strip()
    return ", ".join(part for part in (*lines, end) if part)
