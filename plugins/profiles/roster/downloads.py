"""The roster as it stands, and one that was sent with what is wrong in it, as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hp_portal.api import (
    CSV_TYPE,
    XLSX_TYPE,
    DocumentKind,
    MadeFile,
    Making,
    PortalSession,
    csv_file_apart,
    record,
    settings,
    sheets,
    show_count,
    today,
    xlsx_file_apart,
)

from ..blueprint import READ, SEND
from ..loading.specialties import specialty_words
from ..record.fields import ACCEPTING, YES_NO
from .layout import KEYS, SPECIALTIES, TITLE, make_layout, specialty_choice
from .models import READY, SENT
from .standing import Standing, load_standing
from .uploads import find_upload
from .working import stored_body, words_by_row

XLSX, CSV, PROBLEMS = "profiles.roster-xlsx", "profiles.roster-csv", "profiles.roster-problems"
SMALL = 500
"""Rows of a roster that is made while somebody waits."""


def _name(ending: str) -> str:
    return f"roster {today(settings().payer.zone).isoformat()}.{ending}"


def roster_choices(standing: Standing, words: Mapping[str, str]) -> dict[str, list[str]]:
    """What the cells of the workbook offer to choose from."""
    special = [specialty_choice(code, words) for code in sorted(words, key=lambda code: words[code].lower())]
    open_ones = [
        reference
        for one, reference in standing.references.items()
        if standing.values("location", one).get(("standing", "")) != "closed"
    ]
    yes_no = list(YES_NO.values())
    return {
        "location_number": sorted(open_ones),
        **dict.fromkeys(SPECIALTIES, special),
        **dict.fromkeys(("primary_care", "primary", "directory"), yes_no),
        "accepting": list(ACCEPTING.values()),
    }


def _make_xlsx(session: PortalSession, _wanted: Mapping[str, Any], _making: Making) -> MadeFile:
    words = specialty_words(session)
    standing = load_standing(session, today(settings().payer.zone))
    found = sheets.layout_sheets(
        make_layout(words), standing.rows(), locked=KEYS, choices=roster_choices(standing, words)
    )
    return MadeFile(xlsx_file_apart(found, title=TITLE), _name("xlsx"), XLSX_TYPE)


def _make_csv(session: PortalSession, _wanted: Mapping[str, Any], _making: Making) -> MadeFile:
    standing = load_standing(session, today(settings().payer.zone))
    heads, lines = sheets.layout_table(make_layout(specialty_words(session)), standing.rows())
    return MadeFile(csv_file_apart(heads, lines), _name("csv"), CSV_TYPE)


def _make_problems(session: PortalSession, wanted: Mapping[str, Any], _making: Making) -> MadeFile | None:
    upload = find_upload(session, int(wanted["roster"]))
    if upload is None or upload.state not in (READY, SENT):
        return None
    words, bad = words_by_row(session, upload.id)
    name, head, sheet, body = upload.name, upload.head, upload.sheet, stored_body(session, upload)
    layout = make_layout(specialty_words(session))
    read = sheets.read_sheet(body, layout, sheets.LARGE_SHEET, sheet=sheet)
    made = sheets.give_back(read, words, head=head, only=bad)
    return MadeFile(made.body, f"{name.rpartition('.')[0] or name} to correct.{made.ending}", made.content_type)


def _gone(kind: str) -> Any:
    def hand_over(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
        if kind != PROBLEMS:
            record(session, "profiles.roster.downloaded", format=kind.rpartition("-")[2])
        elif find_upload(session, int(wanted["roster"])) is None:
            return False
        else:
            record(session, "profiles.roster.problems", roster=int(wanted["roster"]))
        return True

    return hand_over


DOCUMENTS = (
    DocumentKind(XLSX, "Roster as Excel workbook", READ, _make_xlsx, _gone(XLSX)),
    DocumentKind(CSV, "Roster as CSV file", READ, _make_csv, _gone(CSV)),
    DocumentKind(PROBLEMS, "Roster with what is wrong in it", SEND, _make_problems, _gone(PROBLEMS)),
)


def problem_title(rows: int) -> str:
    """What the file with problems is called where it waits."""
    return f"Roster: {show_count(rows, 'row')} to correct"
