"""The directory as a file: JSON with the shape of the rows, CSV with a column for each fact."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import PortalSession, csv_file, record

from ..record.fields import WEEKDAYS
from .building import current_build, whole_digest
from .entries import digest_of
from .models import DirectoryRow
from .reading import seen_on

Format = Literal["json", "csv"]
COLUMNS = (
    "id",
    "npi",
    "last_name",
    "first_name",
    "middle_name",
    "suffix",
    "degree",
    "primary_care",
    "specialty_codes",
    "specialties",
    "languages",
    "hospitals",
    "accepting",
    "primary_location",
    "location_name",
    "street",
    "street_2",
    "city",
    "state",
    "zip",
    "phone",
    "fax",
    *(f"hours_{day}" for day in WEEKDAYS),
    "accessibility",
)
_AT_ONCE = 1000


class NotBuilt(Exception):
    """There is no directory yet."""


@dataclass(frozen=True)
class Exported:
    """The directory of a day: its rows as they are kept, in the order of names."""

    as_of: dt.date
    digest: str
    rows: list[str]


def published(session: PortalSession) -> Exported:
    """What members see now. Raises NotBuilt."""
    build = current_build(session)
    if build is None:
        raise NotBuilt
    return Exported(build.as_of, build.digest, list(_rows(session, build.edition)))


def _rows(session: PortalSession, edition: int) -> Iterator[str]:
    after = ""
    wanted = sa.select(DirectoryRow.place, DirectoryRow.contents).where(DirectoryRow.edition == edition)
    while True:
        part = session.execute(wanted.where(DirectoryRow.place > after).order_by(DirectoryRow.place).limit(_AT_ONCE))
        found = part.all()
        yield from (contents for _, contents in found)
        if len(found) < _AT_ONCE:
            return
        after = found[-1][0]


def of_day(session: PortalSession, day: dt.date) -> Exported:
    """What members saw on a day, or will see from what is known now. Needs a whole scope."""
    zone = api.settings().payer.zone
    rows = [entry.written for entry in seen_on(session, day, zone, api.today(zone))]
    return Exported(day, whole_digest(map(digest_of, rows)), rows)


def export_directory(session: PortalSession, kind: Format, day: dt.date | None = None) -> tuple[bytes, Exported]:
    """The file, and what is in it; without a day what members see now. Recorded. Raises NotBuilt."""
    found = published(session) if day is None else of_day(session, day)
    body = as_json(found) if kind == "json" else csv_file(COLUMNS, map(cells, map(json.loads, found.rows)))
    record(session, "profiles.directory.exported", format=kind, as_of=found.as_of.isoformat(), rows=len(found.rows))
    return body, found


def as_json(found: Exported) -> bytes:
    """One object: the day, the digest, how many rows there are, and the rows."""
    head = {"as_of": found.as_of.isoformat(), "digest": found.digest, "rows": len(found.rows)}
    entries = ",\n".join(found.rows)
    return f'{json.dumps(head)[:-1]}, "entries": [\n{entries}\n]}}\n'.encode()


def cells(contents: Mapping[str, Any]) -> list[str]:
    """The cells of a row, in the order of COLUMNS."""
    person, place = contents["practitioner"], contents["location"]
    values = {
        **{name: _text(value) for name, value in person.items()},
        **{name: _text(value) for name, value in place.items()},
        **{f"hours_{day}": place["hours"].get(day, "") for day in WEEKDAYS},
        "id": contents["id"],
        "specialty_codes": _text(one["code"] for one in contents["specialties"]),
        "specialties": _text(one["name"] for one in contents["specialties"]),
        "accepting": contents["accepting"],
        "primary_location": _text(contents["primary"]),
        "location_name": place["name"],
    }
    return [values[name] for name in COLUMNS]


def _text(value: str | bool | Iterable[str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else "; ".join(value)
