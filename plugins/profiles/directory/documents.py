"""The files of the directory for staff: what members see now, and what they saw on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from hp_portal.api import (
    CSV_TYPE,
    DocumentError,
    DocumentKind,
    DocumentTooLarge,
    MadeFile,
    Making,
    PortalSession,
    settings,
    show_date,
    today,
)

from ..blueprint import LOAD
from .building import current_build
from .exporting import Format, Moving, NotBuilt, read_directory, record_export, write_file

KINDS: dict[Format, str] = {"csv": "profiles.directory-csv", "json": "profiles.directory-json"}
_TYPES: dict[Format, str] = {"csv": CSV_TYPE, "json": "application/json"}
SMALL = 500
"""Rows that are read while somebody waits."""


def wanted_of(day: dt.date | None) -> dict[str, Any]:
    """What a file is to be about: a day, or without one what members see when it is made. Once it is made it says more, so that
    who asks again gets a new one."""
    now = day is None or day == today(settings().payer.zone)
    return {"day": "" if day is None or now else day.isoformat()}


def is_small(session: PortalSession) -> bool:
    """Is it read within a second?"""
    build = current_build(session)
    return build is not None and build.rows + build.hidden <= SMALL


def title_of(wanted: Mapping[str, Any]) -> str:
    """What a file is called where it waits."""
    return (
        f"Directory as of {show_date(dt.date.fromisoformat(wanted['day']))}"
        if wanted["day"]
        else "Directory as it is now"
    )


def _make(kind: Format) -> Callable[[PortalSession, Mapping[str, Any], Making], MadeFile | None]:
    def make(session: PortalSession, wanted: Mapping[str, Any], making: Making) -> MadeFile | None:
        def told(done: int, of: int) -> None:
            making.progress(done, of)
            making.give_way()

        day = dt.date.fromisoformat(wanted["day"]) if wanted["day"] else None
        try:
            found = read_directory(session, day, told)
        except NotBuilt:
            return None
        except Moving as error:
            # While somebody waits it is left to the worker.
            failed = DocumentTooLarge if making.at_once else DocumentError
            raise failed("the directory was published anew each time it was read") from error
        as_of = found.as_of.isoformat()
        contents = {**wanted, "as_of": as_of, "rows": len(found.rows)}
        return MadeFile(write_file(found, kind), f"directory-{as_of}.{kind}", _TYPES[kind], contents=contents)

    return make


def _hand_over(kind: Format) -> Callable[[PortalSession, Mapping[str, Any]], bool]:
    def hand_over(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
        record_export(session, kind, wanted["as_of"], wanted["rows"])
        return True

    return hand_over


DOCUMENTS = (
    DocumentKind(
        KINDS["csv"],
        "Directory as CSV file",
        LOAD,
        _make("csv"),
        _hand_over("csv"),
        counts=("row", "rows"),
        takes_long=True,
    ),
    DocumentKind(
        KINDS["json"],
        "Directory as JSON file",
        LOAD,
        _make("json"),
        _hand_over("json"),
        counts=("row", "rows"),
        takes_long=True,
    ),
)
