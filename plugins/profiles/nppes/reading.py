"""The public file of the national registry of NPIs, row by row: the monthly one, a weekly one, or the report of deactivations.

The columns, and what they hold, are those of "NPPES Data Dissemination, Readme" (CMS, version 2 of the files): all values in
double quotes, days as MM/DD/YYYY, names in capitals, and of a deactivated NPI nothing but its number and the day. The monthly
file has some gigabytes; nothing here holds more than one row of it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO

from hp_portal.api import BadIdentifier, one_line, parse_npi

from .models import LONGEST, ORGANIZATION, PERSON

NPI, KIND = "NPI", "Entity Type Code"
OFF, ON = "NPI Deactivation Date", "NPI Reactivation Date"
REPORTED_OFF = "NPPES Deactivation Date"
STATE = "Provider Business Practice Location Address State Name"
_NAMES = {
    "name": "Provider Organization Name (Legal Business Name)",
    "last_name": "Provider Last Name (Legal Name)",
    "first_name": "Provider First Name",
    "middle_name": "Provider Middle Name",
    "other_last_name": "Provider Other Last Name",
}
_TAXONOMY, _PRIMARY = "Healthcare Provider Taxonomy Code_", "Healthcare Provider Primary Taxonomy Switch_"
_LICENSE, _LICENSE_STATE = "Provider License Number_", "Provider License Number State Code_"
_MOST = 15
"""How many taxonomies and licenses a row has room for."""
_NEEDED = (NPI, KIND, OFF, ON, *list(_NAMES.values())[:3], f"{_TAXONOMY}1", STATE)
_LICENSES_LONG = 800
_DATA = re.compile(r"(.*/)?npidata_pfile_.*(?<!_fileheader)\.csv", re.ASCII | re.IGNORECASE)
_DAY = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_LAST_DAY = re.compile(r"-(\d{8})(?!\d)|_(\d{8})\.csv", re.ASCII)


class UnreadableFile(Exception):
    """The file is none of the registry's; the text says what was expected."""


class BadEntry(Exception):
    """A row that cannot be used."""


@dataclass(frozen=True)
class Entry:
    """A row as it is kept; `states` are those where the provider practices or has a license, to choose by."""

    npi: str
    kind: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    taxonomies: str = ""
    licenses: str = ""
    deactivated_on: dt.date | None = None
    reactivated_on: dt.date | None = None
    states: frozenset[str] = frozenset()

    @property
    def is_deactivated(self) -> bool:
        """Is the NPI out of use?"""
        return is_deactivated(self.deactivated_on, self.reactivated_on)

    def values(self, as_of: dt.date) -> dict[str, Any]:
        """The columns of its row."""
        return {
            "npi": self.npi,
            "as_of": as_of,
            "kind": self.kind,
            **{name: self.texts.get(name, "") for name in _NAMES},
            "taxonomies": self.taxonomies,
            "licenses": self.licenses,
            "deactivated_on": self.deactivated_on,
            "reactivated_on": self.reactivated_on,
        }


def is_deactivated(off: dt.date | None, on: dt.date | None) -> bool:
    """Is an NPI out of use that was deactivated and perhaps reactivated on these days?"""
    return off is not None and (on is None or on < off)


def last_day_of(name: str) -> dt.date | None:
    """Until when a file says how things stand, by its name: `npidata_pfile_20050523-20261108.csv`."""
    for found in _LAST_DAY.finditer(name):
        try:
            return dt.date.fromisoformat(found[1] or found[2])
        except ValueError:
            continue
    return None


@contextmanager
def open_table(file: BinaryIO, name: str) -> Iterator[tuple[IO[bytes], str]]:
    """The CSV in a file and its name: the file itself, or the one in the archive as it is offered for download. Raises
    UnreadableFile."""
    start = file.read(4)
    file.seek(0)
    if start != b"PK\x03\x04":
        yield file, name
        return
    try:
        with zipfile.ZipFile(file) as archive:
            names = [one for one in archive.namelist() if _DATA.fullmatch(one)]
            if len(names) != 1:
                raise UnreadableFile(
                    "This archive has no file npidata_pfile_….csv in it. Of the report of deactivations save the sheet as CSV."
                )
            with archive.open(names[0]) as table:
                yield table, names[0]
    except zipfile.BadZipFile as error:
        raise UnreadableFile(f"This archive cannot be read: {error}.") from error


def read_entries(file: IO[bytes]) -> Iterator[tuple[int, Entry | BadEntry]]:
    """Line and entry of each row, or why the row cannot be used. Raises UnreadableFile."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    try:
        places = _Places(_header(reader))
        for cells in reader:
            if any(cells):
                yield reader.line_num, _entry(cells, places)
    except csv.Error as error:
        raise UnreadableFile(f"Line {reader.line_num}: this is not a readable CSV file: {error}.") from error
    except (UnicodeDecodeError, zipfile.BadZipFile, EOFError) as error:
        raise UnreadableFile(f"After line {reader.line_num} the file cannot be read: {error}.") from error
    finally:
        text.detach()


def _header(reader: Any) -> list[str]:
    """The names of the columns; the report of deactivations has a title above them."""
    for _ in range(3):
        names = [cell.strip() for cell in next(reader, [])]
        if {NPI, REPORTED_OFF} <= set(names):
            return names
        if NPI in names:
            if missing := [name for name in _NEEDED if name not in names]:
                raise UnreadableFile(f"These columns of the registry’s file are missing: {', '.join(missing)}.")
            return names
    raise UnreadableFile(
        f"The first line must name the columns of the registry’s file: {NPI}, {KIND} and so on; or, of the report of "
        f"deactivations, {NPI} and {REPORTED_OFF}."
    )


class _Places:
    """Where the columns of a file are; most of the millions of cells are empty, and are not looked at."""

    def __init__(self, names: list[str]) -> None:
        found = {name: number for number, name in enumerate(names)}
        self.width, self.short = len(names), REPORTED_OFF in found
        self.npi, self.kind = found[NPI], found.get(KIND, -1)
        self.off, self.on = found.get(REPORTED_OFF, found.get(OFF, -1)), found.get(ON, -1)
        self.state = found.get(STATE, -1)
        self.texts = {name: found[column] for name, column in _NAMES.items() if column in found}
        self.taxonomies = [pair for one in range(_MOST) if (pair := self._pair(found, one, _TAXONOMY, _PRIMARY))]
        self.licenses = [pair for one in range(_MOST) if (pair := self._pair(found, one, _LICENSE_STATE, _LICENSE))]

    @staticmethod
    def _pair(found: Mapping[str, int], one: int, first: str, second: str) -> tuple[int, int] | None:
        pair = (found.get(f"{first}{one + 1}", -1), found.get(f"{second}{one + 1}", -1))
        return pair if min(pair) >= 0 else None


def _entry(cells: list[str], places: _Places) -> Entry | BadEntry:
    try:
        if len(cells) != places.width:
            return BadEntry(f"The row has {len(cells)} cells, and the first line {places.width}.")
        npi = parse_npi(cells[places.npi])
        off = _day(cells[places.off])
        if places.short:
            return Entry(npi, deactivated_on=off) if off else BadEntry(f"{REPORTED_OFF}: there is no day.")
        kind = cells[places.kind].strip()
        if kind not in ("", PERSON, ORGANIZATION):
            return BadEntry(f"{KIND}: {kind[:20]} is none that is known here.")
        codes = [(cells[code].strip(), cells[primary] != "Y") for code, primary in places.taxonomies if cells[code]]
        licenses = [
            (cells[state].strip(), cells[number].strip())
            for state, number in places.licenses
            if cells[state] and cells[number]
        ]
        return Entry(
            npi,
            kind,
            {name: (one_line(cells[at]) or "")[:LONGEST] for name, at in places.texts.items() if cells[at]},
            " ".join(dict.fromkeys(code[:12] for code, _ in sorted(codes, key=lambda pair: pair[1]))),
            "; ".join(dict.fromkeys(f"{state} {number}" for state, number in licenses))[:_LICENSES_LONG],
            off,
            _day(cells[places.on]),
            frozenset(one for one in (cells[places.state].strip(), *(state for state, _ in licenses)) if one),
        )
    except BadIdentifier as error:
        return BadEntry(f"{NPI}: {error}")
    except ValueError as error:
        return BadEntry(str(error))


def _day(text: str) -> dt.date | None:
    if not text:
        return None
    month, day, year = found.groups() if (found := _DAY.fullmatch(text)) else ("", "", "")
    try:
        return dt.date.fromisoformat(f"{year}-{month}-{day}")
    except ValueError:
        raise ValueError(f"{text[:20]} is no day such as 01/31/2026.") from None
