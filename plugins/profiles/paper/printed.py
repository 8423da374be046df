"""A change form on paper, in our own layout."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from hp_portal.api import printing, show_date

from .contents import REASONS

NUMBER, VERSION = "PC-1", "2026-11"
ON_FIRST_SHEET = 3
"""From the fourth site on, each stands in the site addendum."""


def printed_form(said: Mapping[str, Any]) -> printing.PrintedForm:
    """What the form says, as people read it."""
    who, sites = said["practitioner"], said["sites"]
    first, more = sites[:ON_FIRST_SHEET], sites[ON_FIRST_SHEET:]
    sections = [
        printing.PrintedSection("What changes", (_answers(_change(said)),)),
        printing.PrintedSection("Practitioner", (_answers(_identity(who)),)),
        printing.PrintedSection("Licenses and specialties", _papers(who)),
    ]
    if not sites:
        sections.append(printing.PrintedSection("Sites", (printing.PrintedNote("No site on the day of this form."),)))
    sections += [
        printing.PrintedSection(f"Site {number}", (_answers(_site(site)),)) for number, site in enumerate(first, 1)
    ]
    if more:
        count = len(sites)
        which = f"Sites {ON_FIRST_SHEET + 1} to {count} stand" if len(more) > 1 else f"Site {count} stands"
        note = f"{which} in the site addendum at the end of this form."
        sections.append(printing.PrintedSection("More sites", (printing.PrintedNote(note),)))
    sections.append(printing.PrintedSection("Submitted by", (_answers(_submitter(said["submitter"])),)))
    sections += [
        printing.PrintedSection(
            f"Site addendum: site {number} of {len(sites)}", (_answers(_site(site)),), new_page=site is more[0]
        )
        for number, site in enumerate(more, ON_FIRST_SHEET + 1)
    ]
    return printing.PrintedForm("Practitioner change form", NUMBER, VERSION, tuple(sections))


def _answers(rows: Sequence[tuple[str, str]]) -> printing.PrintedAnswers:
    return printing.PrintedAnswers(tuple(printing.PrintedAnswer(*row) for row in rows))


def _day(text: str) -> str:
    return show_date(dt.date.fromisoformat(text)) if text else ""


def phone(text: str) -> str:
    """`952-555-0100` of ten digits."""
    return f"{text[:3]}-{text[3:6]}-{text[6:]}" if len(text) == 10 and text.isdecimal() else text


def _change(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Reason", REASONS.get(said["reason"], said["reason"])),
        ("In words", said["words"]),
        ("Effective date", _day(said["effective_on"])),
        ("Our record as of", _day(said["as_of"])),
    ]


def _identity(who: Mapping[str, Any]) -> list[tuple[str, str]]:
    given = " ".join(filter(None, (who["first_name"], who["middle_name"])))
    rows = [
        ("Last name", who["last_name"]),
        ("First and middle name", given),
        ("Suffix", who["suffix"]),
        ("Degree", who["degree"]),
        ("Former name", who["former_name"]),
        ("NPI", who["npi"]),
    ]
    # What was not to be included is not there at all: an empty answer would say that there is none.
    rows += [("Date of birth", _day(who["birth_date"]))] if who["birth_date"] else []
    rows += [("DEA number", who["dea_number"])] if who["dea_number"] else []
    rows += [("DEA registration expires", _day(who["dea_expires"]))] if who["dea_expires"] else []
    return [*rows, ("Languages", ", ".join(who["languages"])), ("Hospitals", ", ".join(who["hospitals"]))]


def _papers(who: Mapping[str, Any]) -> tuple[printing.PrintedTable | printing.PrintedNote, ...]:
    licenses = tuple((one["state"], one["number"], _day(one["expires"]) or "—") for one in who["licenses"])
    specialties = tuple(
        (one["name"], one["code"] or "—", "Primary" if one["primary"] else "Secondary") for one in who["specialties"]
    )
    none = printing.PrintedNote
    return (
        printing.PrintedTable(("State", "License number", "Expires"), licenses, "Licenses")
        if licenses
        else none("No license is on record."),
        printing.PrintedTable(("Specialty", "Taxonomy code", "Rank"), specialties, "Specialties")
        if specialties
        else none("No specialty is on record."),
    )


def _site(site: Mapping[str, Any]) -> list[tuple[str, str]]:
    end = " ".join(filter(None, (site["state"], site["zip"])))
    rows = [
        ("Name", site["name"] + (" (primary site)" if site["primary"] else "")),
        ("Address", ", ".join(filter(None, (site["street"], site["street_2"], site["city"], end)))),
        ("Telephone", phone(site["phone"])),
        ("Fax", phone(site["fax"])),
        ("Group", site["group"]),
        ("NPI of the group", site["group_npi"]),
        ("Specialty here", site["specialty"]),
        ("Patients", site["accepting"]),
        ("Works here since", _day(site["since"])),
    ]
    return rows + ([("Has left, or leaves, on", _day(site["until"]))] if site["until"] else [])


def _submitter(who: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("Organization", who["organization"]), ("Name", who["name"]), ("Telephone", who["phone"])]
