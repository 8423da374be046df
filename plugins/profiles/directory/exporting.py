"""The directory as a file: JSON with the shape of the rows, CSV with a column for each fact."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import PortalSession, csv_file, record

from ..record.fields import WEEKDAYS
from .building import current_build, whole_digest
from .entries import digest_of
from .models import DirectoryRow
from .reading import Progress, nobody_told, seen_on

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
_AT_ONCE, _IN_MEMORY, _TRIES = 1000, 4 << 20, 5


class NotBuilt(Exception):
    """There is no directory yet."""


class Moving(Exception):
    """The directory was published anew each time it was read."""


@dataclass(frozen=True)
class Exported:
    """The directory of a day: its rows as they are kept, in the order of names."""

    as_of: dt.date
    digest: str
    rows: Sequence[str]


def published(session: PortalSession, told: Progress = nobody_told) -> Exported:
    """What members see now, as one build has made it. Raises NotBuilt, and Moving."""
    for _ in range(_TRIES):
        build = current_build(session)
        if build is None:
            raise NotBuilt
        as_of, digest, count = build.as_of, build.digest, build.rows
        wanted = sa.select(DirectoryRow.contents, DirectoryRow.digest).where(DirectoryRow.edition == build.edition)
        rows, digests = [], []
        ordered = wanted.order_by(DirectoryRow.place)
        for part in session.execute(ordered, execution_options={"yield_per": _AT_ONCE}).partitions():
            rows += [contents for contents, _ in part]
            digests += [own for _, own in part]
            told(len(rows), count)
        if whole_digest(digests) == digest:
            return Exported(as_of, digest, rows)
        session.rollback()  # a build has come in between
    raise Moving


def of_day(session: PortalSession, day: dt.date, told: Progress = nobody_told) -> Exported:
    """What members saw on a day, or will see from what is known now. Needs a whole scope."""
    zone = api.settings().payer.zone
    rows = [entry.written for entry in seen_on(session, day, zone, api.today(zone), told)]
    return Exported(day, whole_digest(map(digest_of, rows)), rows)


def read_directory(session: PortalSession, day: dt.date | None, told: Progress = nobody_told) -> Exported:
    """What members saw on a day; without one what they see now. Raises NotBuilt, and Moving."""
    return published(session, told) if day is None else of_day(session, day, told)


def write_file(found: Exported, kind: Format) -> BinaryIO:
    """The file, open for reading at its beginning; on disk, without a name, when it is large."""
    file = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 – whoever gets it closes it
    if kind == "json":
        file.writelines(as_json(found))
    else:
        file.write(csv_file(COLUMNS, map(cells, map(json.loads, found.rows))))
    file.seek(0)
    return file


def record_export(session: PortalSession, kind: str, as_of: str, rows: int) -> None:
    """Into the audit record: the directory leaves as a file."""
    record(session, "profiles.directory.exported", format=kind, as_of=as_of, rows=rows)


def as_json(found: Exported) -> Iterator[bytes]:
    """One object: the day, the digest, how many rows there are, and the rows."""
    head = {"as_of": found.as_of.isoformat(), "digest": found.digest, "rows": len(found.rows)}
    yield f'{json.dumps(head)[:-1]}, "entries": [\n'.encode()
    for number, row in enumerate(found.rows, 1):
        yield f"{row},\n".encode() if number < len(found.rows) else row.encode()
    yield b"\n]}\n"


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
