"""CSV and Excel files: exact, typed, harmless."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hp_portal.core.documents.sheets import Sheet, Value, amount, csv_file, quantity, safe_text, xlsx_file
from hp_portal.core.web.attachments import attachment, file_name_part

CHICAGO = ZoneInfo("America/Chicago")
HOSTILE = (
    "=HYPERLINK(1)",
    "+1+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1",
    "＋1",
    "－1",
    "＠1",
    "\u200b=1",
    "\ufeff@SUM(1)",
    " \u2060\u00ad+1",
    "=",
)
MOMENT = dt.datetime(2026, 7, 4, 3, 0, 0, 999, tzinfo=dt.UTC)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
amounts = st.integers(-(10**14), 10**14).map(amount)
values = st.one_of(st.none(), texts, st.integers(-(10**18), 10**18), amounts, st.dates(), st.booleans())
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(values, min_size=width, max_size=width), max_size=6))


def read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def written(*rows: list[Value]) -> bytes:
    width = len(rows[0]) if rows else 1
    return xlsx_file([Sheet("Sheet", [(f"Column {n}", 10) for n in range(width)], rows)], title="Sample")


def cells(data: bytes) -> list[list[Any]]:
    book = openpyxl.load_workbook(io.BytesIO(data))
    return [list(row) for row in book.worksheets[0].iter_rows(min_row=2)]


def in_csv(value: Value) -> str:
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)


# ---- CSV


@settings(deadline=None)
@given(tables)
def test_csv_comes_back_as_it_was_written(rows: list[list[Value]]) -> None:
    width = len(rows[0]) if rows else 1
    data = csv_file([f"c{number}" for number in range(width)], rows)
    assert read_csv(data)[1:] == [[in_csv(value) for value in row] for row in rows] or width == 1
    assert data.startswith(b"\xef\xbb\xbf")


@settings(deadline=None)
@given(st.text())
def test_no_text_starts_a_formula_and_none_is_lost(text: str) -> None:
    shown = safe_text(text)
    assert shown in (text, "'" + text)
    harmless = not shown.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert harmless or re.fullmatch(r"-[0-9]+(\.[0-9]+)?", shown)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_gets_an_apostrophe(text: str) -> None:
    assert read_csv(csv_file(["a", "b"], [[text, "x"]]))[1] == ["'" + text, "x"]


def test_csv_amounts_days_moments() -> None:
    row: list[Value] = [amount(-870), dt.date(2026, 3, 2), MOMENT, True, None, quantity("0.5"), -3]
    assert read_csv(csv_file(list("abcdefg"), [row], zone=CHICAGO))[1] == [
        "-8.70", "2026-03-02", "2026-07-03T22:00:00-05:00", "yes", "", "0.5", "-3",
    ]  # fmt: skip


def test_a_lone_surrogate_does_not_break_a_file() -> None:
    assert read_csv(csv_file(["a", "b"], [["x\ud800y", ""]]))[1][0] == "x?y"
    assert cells(written(["x\ud800y"]))[0][0].value == "x?y"


# ---- Excel


@settings(deadline=None, max_examples=60)
@given(tables)
def test_a_workbook_holds_what_was_written_and_no_formula(rows: list[list[Value]]) -> None:
    data = written(*rows)
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert not any(b"<f>" in archive.read(part) for part in archive.namelist())
    for row, shown in zip(rows, cells(data) if rows else [], strict=False):
        for value, cell in zip(row, shown, strict=True):
            check_cell(value, cell)


def check_cell(value: Value, cell: Any) -> None:
    """What openpyxl reads: text as text, numbers as numbers unless they have too many digits."""
    if isinstance(value, bool):
        assert cell.value == ("yes" if value else "no")
    elif isinstance(value, str):
        kept = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", value).translate({0xFFFE: None, 0xFFFF: None})
        assert (cell.value or "") == kept.replace("\r\n", "\n").replace("\r", "\n")
        assert cell.data_type in ("s", "inlineStr", "n") if not kept else cell.data_type == "s"
    elif isinstance(value, dt.date):
        late = value >= dt.date(1900, 3, 1)
        assert cell.value == (dt.datetime.combine(value, dt.time()) if late else value.isoformat())
    elif isinstance(value, Decimal | int):
        assert Decimal(str(cell.value)) == value
    else:
        assert cell.value is None


def test_excel_amounts_are_exact_digits() -> None:
    data = written([amount(870), amount(10**15 - 1), amount(10**15 + 1), 10**14 + 1, 10**15 + 1, Decimal("0.5")])
    shown = cells(data)[0]
    assert [cell.data_type for cell in shown] == ["n", "n", "s", "n", "s", "n"]
    assert (shown[2].value, shown[4].value) == ("10000000000000.01", "1000000000000001")
    sheet = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")
    assert b"<v>8.70</v>" in sheet
    assert b"<v>9999999999999.99</v>" in sheet
    assert shown[0].number_format == "#,##0.00"
    assert shown[5].number_format == "General"


@pytest.mark.parametrize("text", [*HOSTILE, "#N/A", "1e5", "00012", "a\x0bb", "\ufffe"])
def test_excel_text_stays_text_also_when_it_is_edited(text: str) -> None:
    cell = cells(written([text]))[0][0]
    assert cell.data_type in ("s", "inlineStr") or not cell.value
    assert cell.quotePrefix == text.startswith(("=", "+", "-", "@", "#"))


def test_a_heading_is_text_and_stays_in_view() -> None:
    data = xlsx_file([Sheet("S", [("=Sum", 20), ("B", 5)], [])], title="T", author="A")
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheet = book["S"]
    assert (sheet["A1"].value, sheet["A1"].data_type, sheet["A1"].font.bold) == ("=Sum", "s", True)
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet.column_dimensions["A"].width) == ("A2", "A1:B1", 20)
    assert (book.properties.title, book.properties.creator) == ("T", "A")


def test_excel_moments_are_the_wall_clock_of_the_zone() -> None:
    data = xlsx_file([Sheet("S", [("At", 20)], [[MOMENT]])], title="T", zone=CHICAGO)
    assert cells(data)[0][0].value == dt.datetime(2026, 7, 3, 22, 0)  # noqa: DTZ001 - Excel has no zones


def test_a_text_longer_than_a_cell_says_so() -> None:
    shown = cells(written(["x" * 40_000]))[0][0].value
    assert len(shown) == 32_767
    assert shown.endswith("x…")


# ---- what is refused


@pytest.mark.parametrize(
    ("value", "error"),
    [(0.1, TypeError), (dt.datetime(2026, 3, 2, 1), TypeError), (Decimal("NaN"), ValueError), (b"x", TypeError)],  # noqa: DTZ001
)
def test_what_is_not_exact_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        csv_file(["a"], [[value]])
    with pytest.raises(error):
        written([value])


@pytest.mark.parametrize("row", [[], ["a", "b"]])
def test_a_row_has_as_many_cells_as_there_are_columns(row: list[Value]) -> None:
    with pytest.raises(ValueError, match="under 1 column"):
        csv_file(["a"], [row])
    with pytest.raises(ValueError, match="under 1 column"):
        xlsx_file([Sheet("S", [("A", 5)], [row])], title="T")


# ---- attachments


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("remittance-0012345.csv", "filename=remittance-0012345.csv"),
        ('a"b\r\nSet-Cookie: x.csv', "filename=a-b-Set-Cookie- x.csv"),
        ("../../etc/passwd", "filename=etc-passwd"),
        ("Müller.csv", "filename*=UTF-8''M%C3%BCller.csv"),
        ("", "filename=file"),
    ],
)
def test_an_attachment_is_saved_under_a_harmless_name(name: str, shown: str) -> None:
    answer = attachment(b"data", name, "text/csv; charset=utf-8")
    said = answer.headers["Content-Disposition"].replace('"', "")
    assert said == f"attachment; {shown}"
    said.encode("ascii")
    assert (answer.data, answer.content_type) == (b"data", "text/csv; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"


@settings(deadline=None)
@given(st.text())
def test_no_name_forges_a_header(name: str) -> None:
    said = attachment(b"", name, "text/plain").headers["Content-Disposition"]
    assert "\n" not in said
    assert "\r" not in said
    assert said.startswith("attachment; filename")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_a_part_of_a_name_is_plain(text: str) -> None:
    assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9-]{0,58}[A-Za-z0-9])?)?", file_name_part(text))
