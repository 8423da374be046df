"""Loads the reason and remark codes' texts that the plan has licensed.

CARC (external code list 139) and RARC (411) are X12's to license: the portal comes without their texts, and the plan loads
the files that it downloads under its license, as CSV or XLSX.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import openpyxl
import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import PortalSession, Who

from ..keys import plain
from .models import Code

LISTS = {"CARC": "Claim adjustment reason codes (CARC)", "RARC": "Remittance advice remark codes (RARC)"}

_HEADERS = {
    "code": {"code", "carc", "rarc", "reason code", "remark code", "adjustment reason code"},
    "text": {"description", "text", "meaning", "code description", "narrative", "definition"},
    "start": {"start", "start date", "effective", "effective date", "valid from", "begin date", "from"},
    "stop": {"stop", "stop date", "deactivation date", "end", "end date", "valid to", "termination date", "to"},
}
_CODE = re.compile(r"[A-Z0-9]{1,20}")
_HEADER_WITHIN = 30
_MOST_ROWS = 20_000
_MOST_ERRORS = 50
# also of what an XLSX file holds unpacked
MOST_BYTES = 20 << 20
TOO_LARGE = "The file is larger than 20 MB: a code list has a few hundred kilobytes."
_SOURCE_LENGTH = 300


class UnusableList(Exception):
    """A file that cannot be loaded; `errors` say what to do, with row numbers where it is about rows."""

    def __init__(self, *errors: str) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True)
class CodeRow:
    """A code's text, valid from and to days that may be open."""

    code: str
    text: str
    start: dt.date | None
    stop: dt.date | None


@dataclass
class LoadReport:
    """How the list changed, in dated rows."""

    list: str
    rows: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0


def _nobody(_rows: int) -> None:
    """Nobody is told how many rows are read."""


def read_list(stream: BinaryIO, name: str, progress: Callable[[int], None] = _nobody) -> list[CodeRow]:
    """The rows of a CSV or XLSX file with columns for code, description, start and stop, in any order and under any of
    their usual names; lines above the headings are passed over. Raises UnusableList."""
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UnusableList(TOO_LARGE)
    cells = _xlsx_rows(data) if data.startswith(b"PK") else _csv_rows(data, name)
    rows: list[CodeRow] = []
    errors: list[str] = []
    seen: dict[tuple[str, dt.date | None], int] = {}
    for number, row in _under_headings(cells):
        progress(number)
        try:
            found = _code_row(row)
        except ValueError as error:
            errors.append(f"Row {number}: {error}")
            if len(errors) >= _MOST_ERRORS:
                break
            continue
        first = seen.setdefault((found.code, found.start), number)
        if first != number:
            errors.append(f"Row {number}: {found.code} with the same start stands in row {first} already.")
        rows.append(found)
    if errors:
        raise UnusableList(*errors)
    if not rows:
        raise UnusableList("The file has headings but no codes.")
    return rows


def load_list(
    session: PortalSession, name: str, rows: Sequence[CodeRow], source: str, *, who: Who | None = None
) -> LoadReport:
    """Put `rows` in the place of list `name` ("CARC" or "RARC"); commits nothing. The same rows again change nothing but
    the date of loading."""
    if name not in LISTS:
        raise UnusableList(f"There is no list {name}; the lists are {', '.join(LISTS)}.")
    api.lock(session, "remittance codes")
    before = {
        (code, start): (text, stop)
        for code, start, text, stop in session.execute(
            sa.select(Code.code, Code.valid_from, Code.text, Code.valid_to).where(Code.list == name)
        )
    }
    report = LoadReport(name, len(rows))
    for row in rows:
        old = before.pop((row.code, row.start), None)
        if old is None:
            report.added += 1
        elif old == (row.text, row.stop):
            report.unchanged += 1
        else:
            report.changed += 1
    report.removed = len(before)
    session.execute(sa.delete(Code).where(Code.list == name))
    loaded_at = api.now()
    session.execute(
        sa.insert(Code),
        [
            {
                "list": name,
                "code": row.code,
                "text": row.text,
                "valid_from": row.start,
                "valid_to": row.stop,
                "source": plain(source)[:_SOURCE_LENGTH],
                "loaded_at": loaded_at,
            }
            for row in rows
        ],
    )
    event, rows_now = "remittance.codes.loaded", report.rows
    api.record(session, event, who=who, list=name, rows=rows_now, added=report.added, removed=report.removed)
    return report


@dataclass(frozen=True)
class LoadedList:
    """What is loaded of a list; `loaded_at` is None when nothing is."""

    name: str
    label: str
    rows: int = 0
    valid_today: int = 0
    source: str = ""
    loaded_at: dt.datetime | None = None


def loaded_lists(session: PortalSession, today: dt.date) -> list[LoadedList]:
    """Every list that can be loaded, and what is loaded of it."""
    valid = sa.and_(
        sa.or_(Code.valid_from.is_(None), Code.valid_from <= today),
        sa.or_(Code.valid_to.is_(None), Code.valid_to >= today),
    )
    found = {
        name: (rows, current, source, loaded_at)
        for name, rows, current, source, loaded_at in session.execute(
            sa.select(
                Code.list,
                sa.func.count(),
                sa.func.count(sa.distinct(sa.case((valid, Code.code)))),
                sa.func.max(Code.source),
                sa.func.max(Code.loaded_at),
            ).group_by(Code.list)
        )
    }
    return [LoadedList(name, label, *found.get(name, ())) for name, label in LISTS.items()]


Cells = Sequence[Any]


def _csv_rows(data: bytes, name: str) -> Iterator[tuple[int, Cells]]:
    if b"\0" in data:
        raise UnusableList(f"{name} is neither CSV nor XLSX. Save it as one of the two and try again.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    first = max(text.splitlines()[:_HEADER_WITHIN], key=lambda line: len(re.findall(r"[,;\t]", line)), default="")
    delimiter = max(",;\t", key=first.count)
    try:
        yield from enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), 1)
    except csv.Error as error:
        raise UnusableList(f"{name} cannot be read as CSV: {error}.") from error


def _xlsx_rows(data: bytes) -> Iterator[tuple[int, Cells]]:
    if not openpyxl.DEFUSEDXML:
        raise UnusableList(
            "Excel files cannot be read here: the server lacks defusedxml. Save it as CSV and try again."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MOST_BYTES:
            raise UnusableList(TOO_LARGE)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            yield from enumerate(book.worksheets[0].iter_rows(values_only=True), 1)
        finally:
            book.close()
    except UnusableList:
        raise
    except Exception as error:  # a damaged workbook fails anywhere in the reader, in every way
        raise UnusableList("The file looks like XLSX but cannot be opened. Save it again and retry.") from error


def _under_headings(rows: Iterable[tuple[int, Cells]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows below the headings as values by column; empty rows are passed over. Raises UnusableList."""
    places: dict[str, int] = {}
    for number, row in rows:
        if places:
            values = {column: row[place] if place < len(row) else None for column, place in places.items()}
            if any(value not in (None, "") for value in values.values()):
                yield number, values
        else:
            found = _headings(row)
            if "code" in found and "text" in found:
                places = found
            elif number >= _HEADER_WITHIN:
                break
        if number > _MOST_ROWS:
            raise UnusableList(f"The file has more than {_MOST_ROWS:,} rows: it is no code list.")
    if not places:
        raise UnusableList("No headings found: the file needs a column Code and a column Description.")


def _headings(row: Cells) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, cell in enumerate(row):
        words = re.sub(r"[\s_]+", " ", str(cell or "")).strip().lower()
        for column, names in _HEADERS.items():
            if words in names:
                found.setdefault(column, place)
    return found


def _code_row(values: dict[str, Any]) -> CodeRow:
    """Raises ValueError with what to do."""
    code = _text(values["code"]).upper()
    if not _CODE.fullmatch(code):
        raise ValueError(f"{code[:30]!r} is no code: letters and digits only, at most 20.")
    text = _text(values["text"])
    if not text:
        raise ValueError(f"{code} has no description.")
    start, stop = _day(values.get("start")), _day(values.get("stop"))
    if start and stop and stop < start:
        raise ValueError(f"{code} stops before it starts.")
    return CodeRow(code, text, start, stop)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return re.sub(r"\s+", " ", str(value if value is not None else "")).replace("\0", "").strip()


def _day(value: Any) -> dt.date | None:
    """A date as spreadsheets hold it or people write it. Raises ValueError."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    text = _text(value)
    if not text:
        return None
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%Y%m%d"):
        try:
            return dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    raise ValueError(f"{text[:30]!r} is no date; write it as 2026-03-01 or 03/01/2026.")
