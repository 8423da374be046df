"""Tables that people send, read by a declared layout: what Excel does to them, and files that are made to harm."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from hp_portal.core.documents.limited import DocumentError, DocumentLimits
from hp_portal.core.identifiers.numbers import parse_npi, parse_tin
from hp_portal.core.sheets import reading
from hp_portal.core.sheets.checking import CheckedRow, check_rows
from hp_portal.core.sheets.giving_back import give_back
from hp_portal.core.sheets.grids import LARGE_SHEET, SMALL_SHEET, ReadSheet, SheetLimits, UnreadableSheet, pack, unpack
from hp_portal.core.sheets.layouts import DAY, DIGITS, SheetColumn, SheetLayout, layout_csv, layout_xlsx
from hp_portal.core.sheets.mapping import chosen_columns, find_columns
from hp_portal.core.sheets.reader import read_body
from hp_portal.core.sheets.reading import read_sheet
from hp_portal.core.web.fields import read_day
from tests.support.identifiers import make_npi

NPI, OTHER = make_npi(1), make_npi(2)
ROSTER = SheetLayout(
    "sample roster",
    "Roster",
    (
        SheetColumn("npi", "NPI", ("NPI number", "National Provider ID"), True, parse_npi, kind=DIGITS, example=NPI),
        SheetColumn("name", "Name", ("Practitioner",), True, about="Last name, first name"),
        SheetColumn("tin", "Tax ID", ("TIN",), parse=parse_tin, kind=DIGITS, widths=(9,)),
        SheetColumn("zip", "ZIP code", ("ZIP",), kind=DIGITS, widths=(5, 9)),
        SheetColumn("since", "Since", ("Start date",), parse=read_day, kind=DAY),
    ),
    unique=("npi",),
)
HEADS = ("NPI", "Name", "Tax ID", "ZIP code", "Since")


def workbook(*sheets: tuple[str, Sequence[Sequence[Any]]], merged: str = "") -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
        if merged:
            sheet.merge_cells(merged)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def checked(body: bytes) -> tuple[ReadSheet, list[CheckedRow]]:
    read = read_body(body, SMALL_SHEET, tuple(ROSTER.known()))
    found = find_columns(read, ROSTER)
    assert found.doubts == []
    return read, list(check_rows(read, ROSTER, found.mapping))


WORKBOOK = workbook(("Sheet", [HEADS, [NPI, "A", None, None, dt.date(2026, 3, 2)]]))


# ---- What Excel does


def test_a_workbook_as_people_send_it() -> None:
    """A title above, empty rows between, numbers for identifiers, several sheets; read in a process of its own."""
    rows: list[list[Any]] = [
        ["Roster of Sample Clinic, March"],
        [],
        ["Practitioner", "NPI number", "TIN", "zip", "Start date", "Shoe size"],
        ["Sample, Ann", float(NPI), 11000001, 601, dt.date(2026, 3, 2), 42],
        [],
        ["Sample, Ben", OTHER, "12-3456789", "55401-1234", 46083, 43],
        ["Sample, Cy", 1.5, "", "", "soon", ""],
        ["", NPI, "", "", "", ""],
    ]
    body = workbook(("Read me", [["Fill in the second sheet"]]), ("March", rows))
    read = read_sheet(body, ROSTER)
    found = find_columns(read, ROSTER)
    assert (read.sheet, read.others, found.mapping.head) == ("March", ["Read me"], 3)
    assert found.mapping.unused == ["Shoe size"]
    ann, ben, cy, nobody = check_rows(read, ROSTER, found.mapping)
    assert ann.values == {
        "npi": NPI,
        "name": "Sample, Ann",
        "tin": "011000001",
        "zip": "00601",
        "since": dt.date(2026, 3, 2),
    }
    assert [(one.row, one.heading, one.found) for one in ann.warnings] == [(4, "TIN", "11000001"), (4, "zip", "601")]
    assert (ben.number, ben.good, ben.values["since"], ben.values["zip"]) == (
        6,
        True,
        dt.date(2026, 3, 2),
        "55401-1234",
    )
    assert [(one.row, one.heading, one.found) for one in cy.problems] == [
        (7, "NPI number", "1.5"),
        (7, "Start date", "soon"),
    ]
    assert "10 digits" in cy.problems[0].words
    assert [(one.heading, one.words) for one in nobody.problems] == [("Practitioner", "This must not be empty.")]


def test_a_large_table_tells_how_far_it_is_and_a_process_that_fails_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int, int]] = []
    body = workbook(("Sheet", [HEADS, *[[NPI, f"Name {number}"] for number in range(2_499)]]))
    read = read_sheet(body, ROSTER, LARGE_SHEET, lambda done, of: told.append((done, of)))
    assert len(read.rows) == 2_500
    assert told == [(500, 2_500), (1_000, 2_500), (1_500, 2_500), (2_000, 2_500), (2_500, 2_500)]
    with pytest.raises(UnreadableSheet, match="more than 2,000 rows"):
        read_sheet(body, ROSTER)

    def fail(*_given: object) -> bytes:
        raise DocumentError("ended")

    monkeypatch.setattr(reading, "make_apart", fail)
    with pytest.raises(UnreadableSheet, match="cannot be read now"):
        read_sheet(body, ROSTER)


def test_the_same_npi_twice_is_a_problem_of_the_second_row() -> None:
    _, (first, second) = checked(layout_csv(ROSTER, [{"npi": NPI, "name": "A"}, {"npi": NPI, "name": "B"}]))
    assert first.good
    assert [(one.row, one.words) for one in second.problems] == [(3, "The same NPI as in row 2. Keep one of them.")]


def test_formulas_errors_and_merged_cells_are_told() -> None:
    rows = [HEADS, [NPI, "=A2&B2"], [OTHER, "#N/A"], [make_npi(3), "Shared"], [make_npi(4), None]]
    read, found = checked(workbook(("Sheet", rows), merged="B4:B5"))
    assert "result is not in the file" in found[0].problems[0].words
    assert found[0].problems[0].found == "=A2&B2"
    assert "Excel shows an error" in found[1].problems[0].words
    assert found[3].values["name"] == "Shared"
    assert any("merged" in note for note in read.notes)


def test_days_since_1904_are_counted_from_there() -> None:
    book = Workbook()
    book.epoch = dt.datetime(1904, 1, 1)  # noqa: DTZ001 - openpyxl's mark of such a workbook
    sheet = book.worksheets[0]
    sheet.append(HEADS)
    sheet.append([NPI, "Ann", None, None, 44621])
    out = io.BytesIO()
    book.save(out)
    _, [row] = checked(out.getvalue())
    assert row.values["since"] == dt.date(2026, 3, 2)


@pytest.mark.parametrize(
    ("encoding", "delimiter", "ending"),
    [
        ("utf-8-sig", ",", "\n"),
        ("utf-8", ";", "\r\n"),
        ("cp1252", "\t", "\r"),
        ("utf-16", "\t", "\r\n"),
        ("utf-8", "|", "\n"),
    ],
)
def test_csv_as_it_is_written_everywhere(encoding: str, delimiter: str, ending: str) -> None:
    rows = [
        HEADS,
        [NPI, f'"Ünal{delimiter} A,B;C{ending}second line"', "12-3456789", "2134", "3/2/2026"],
        [],
        [OTHER, "B"],
    ]
    text = ending.join(delimiter.join(row) for row in rows) + ending
    read, (first, second) = checked(text.encode(encoding))
    assert read.delimiter == delimiter
    assert first.values["name"] == f"Ünal{delimiter} A,B;C\nsecond line"
    assert (first.values["zip"], first.values["since"]) == ("02134", dt.date(2026, 3, 2))
    assert second.number == 4, "as Excel counts: a line end in a cell is none, an empty row is one"


def test_what_excel_has_shortened_is_lost_and_told_so() -> None:
    _, [row] = checked(b"NPI,Name\n1.99E+09,A\n")
    assert "digits are lost" in row.problems[0].words
    _, [row] = checked(workbook(("Sheet", [HEADS, [NPI, "A", 1234567890123456789]])))
    assert "15 digits" in row.problems[0].words


def test_a_row_with_more_cells_than_columns_is_not_cut_off() -> None:
    _, [row] = checked(f"NPI,Name\n{NPI},Sample, Ann".encode())
    assert "more cells" in row.problems[0].words


# ---- Columns


def test_headings_that_are_not_known_are_asked_about() -> None:
    read = read_body(f"NPI,Full name of person,Nmae\n{NPI},A,B".encode(), SMALL_SHEET, tuple(ROSTER.known()))
    found = find_columns(read, ROSTER)
    assert found.mapping.keys == {0: "npi", 2: "name"}
    assert found.doubts == ["“Nmae” may be Name."]
    chosen = chosen_columns(found.mapping, {0: "npi", 1: "name", 2: "name"})
    [words] = chosen.problems(ROSTER)
    assert words == "“Full name of person” and “Nmae” are both read as Name. Choose one of them."
    [words] = chosen_columns(found.mapping, {0: "npi"}).problems(ROSTER)
    assert words.startswith("No column is read as Name.")


def test_a_table_whose_headings_are_none_of_ours() -> None:
    read = read_body(b"A,B\n1,2", SMALL_SHEET, tuple(ROSTER.known()))
    assert "We know none of the headings" in find_columns(read, ROSTER).doubts[0]


def test_a_layout_that_knows_a_heading_twice_cannot_be() -> None:
    with pytest.raises(ValueError, match="known by"):
        SheetLayout("sample x", "X", (SheetColumn("a", "Name"), SheetColumn("b", "B", ("name",))))


# ---- The file back


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_their_own_file_comes_back_and_is_read_again(kind: str) -> None:
    if kind == "csv":
        body = f"Our roster\n\nNPI;Name;Color\n{NPI};=cmd;red\n\n12;B;{'-1+1'}\n".encode()
    else:
        rows: list[list[Any]] = [["Our roster"], [], ["NPI", "Name", "Color"], [float(NPI), "@A", dt.date(2026, 3, 2)]]
        body = workbook(("Team [A]".translate({91: None, 93: None}), [*rows, [], [12, "B", 1.25]]))
    read = read_sheet(body, ROSTER)
    words = {4: "Added.", 6: "=Not added: 10 digits."}
    made = give_back(read, words, head=3)
    assert made.ending == kind
    if kind == "csv":
        assert ";'=cmd;red;Added." in made.body.decode("utf-8-sig")
        assert ";'-1+1;'=Not added" in made.body.decode("utf-8-sig")
    again = read_sheet(made.body, ROSTER)
    assert [row.number for row in again.rows] == [1, 3, 4, 6]
    assert [row.cell(3) for row in again.rows] == ["", "What we did", "Added.", "=Not added: 10 digits."]
    assert again.rows[2].cells[:3] == read.rows[2].cells[:3]
    assert again.rows[3].cells[:3] == read.rows[3].cells[:3]
    assert b"<f>" not in b"".join(zipfile.ZipFile(io.BytesIO(made.body)).read(one) for one in _parts(made.body))
    mapping = find_columns(again, ROSTER).mapping
    assert mapping.unused == ["Color"], "our own column is nobody's"
    left = give_back(again, {6: "Still not."}, head=3, only={6})
    last = read_sheet(left.body, ROSTER).rows
    assert [row.cell(1) for row in last] == ["", "Name", "B"]
    assert [len(row.cells) for row in last][1:] == [4, 4], "one column of ours, however often it comes back"


def _parts(body: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(body)).namelist() if body.startswith(b"PK") else []


# ---- Files that are made to harm


def packed(sheet: str) -> bytes:
    """A workbook whose sheet is this XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for part in source.namelist():
            made.writestr(part, sheet if part == "xl/worksheets/sheet1.xml" else source.read(part))
    return out.getvalue()


NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def sheet_xml(rows: str) -> str:
    return f"<worksheet {NAMESPACE}><sheetData>{rows}</sheetData></worksheet>"


def inline(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def test_a_million_empty_rows_are_not_read() -> None:
    head = f'<row r="1">{inline("A1", "NPI")}{inline("B1", "Name")}</row><row r="2">{inline("A2", NPI)}{inline("B2", "A")}</row>'
    # Each with a format and a cell, as Excel leaves them when a whole column was colored.
    empty = "".join(
        f'<row r="{number}" s="1" customFormat="1"><c r="A{number}" s="1"/></row>' for number in range(3, 1_000_001)
    )
    read = read_sheet(packed(sheet_xml(head + empty)), ROSTER)
    assert [row.number for row in read.rows] == [1, 2]


def test_a_value_in_the_last_row_is_not_left_out() -> None:
    head = f'<row r="1">{inline("A1", "NPI")}{inline("B1", "Name")}</row>'
    body = packed(sheet_xml(head + f'<row r="4000"><c r="A4000"><v>{NPI}</v></c>{inline("B4000", "Last")}</row>'))
    _, [row] = checked(body)
    assert (row.number, row.values["name"]) == (4000, "Last")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "no row"),
        (b"%PDF-1.7 x", "neither a CSV file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither a CSV file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 99, "old kind"),
        (b"PK\x03\x04" + b"x" * 99, "damaged"),
        (workbook(("Sheet", [])), "all of its sheets are empty"),
        (workbook(("Sheet", [["x"]]))[:-400], "damaged"),
        (b'NPI,Name\n"1,2\n', "quotation mark"),
        (b"a," * 300 + b"x", "reaches to column"),
        (b"a,b\n" * 2001, "more than 2,000 rows"),
        (b"a,b\n" + b"x" * 40_000, "40,000 characters"),
        (("a,b\n" + f"{'x' * 30_000},y\n" * 80).encode(), "too much text"),
        (packed(sheet_xml('<row r="1"><c r="XFD1"><v>1</v></c></row>')), "reaches to column XFD"),
        (packed(f'<!DOCTYPE a [<!ENTITY b "c">]>{sheet_xml("")}'), "damaged|empty"),
        (packed(sheet_xml("<row>" + " " * (65 << 20) + "</row>")), "too large once it is unpacked"),
        (packed(sheet_xml('<row r="1"><c r="A1" t="s"><v>99</v></c></row>')), "damaged"),
    ],
)
def test_what_cannot_be_read_is_told_in_words(body: bytes, words: str) -> None:
    with pytest.raises(UnreadableSheet, match=words):
        read_body(body, SMALL_SHEET, tuple(ROSTER.known()))


def test_reading_is_stopped_when_it_takes_too_much() -> None:
    limits = SheetLimits(2_000, 2_000_000, 200 << 20, DocumentLimits(memory=1024, processor=1, seconds=5))
    many = "".join(f'<row r="{number}"><c r="XFD{number}" s="1"/></row>' for number in range(1, 60_000))
    body = packed(sheet_xml(many + '<row r="60001"><c r="A60001"><v>1</v></c></row>'))
    with pytest.raises(UnreadableSheet, match="more memory or time"):
        read_sheet(body, ROSTER, limits)


def _words_or_rows(body: bytes) -> None:
    try:
        read = read_body(body, SMALL_SHEET, tuple(ROSTER.known()))
    except UnreadableSheet:
        return
    assert unpack(pack(read)) == read
    found = find_columns(read, ROSTER)
    for row in check_rows(read, ROSTER, found.mapping):
        assert row.good or row.words
    if read.kind == "csv":
        give_back(read, {}, head=found.mapping.head)


@settings(deadline=None, max_examples=150)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
@example(b"#N/A,1E+99\n,\n")
@example(b"NPI,Name,Since\n1,2,99999999999999999\n")
@example(b"sep=;\nNPI;Name")
def test_any_bytes_give_rows_or_words(body: bytes) -> None:
    _words_or_rows(body)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_workbook_with_other_bytes_in_it_gives_rows_or_words(data: st.DataObject) -> None:
    """Within a part, which is packed anew: a changed archive is found out by its checksums."""
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as source:
        name = data.draw(st.sampled_from([one for one in source.namelist() if one.startswith("xl/")]))
        parts = {one: source.read(one) for one in source.namelist()}
    text = bytearray(parts[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 9))] = data.draw(
            st.sampled_from([b"", b"9", b"-1", b"<", b"nan", b"1e999", b"9" * 5000, b"&x;", b'"', b"\xff"])
        )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for one, content in parts.items():
            made.writestr(one, bytes(text) if one == name else content)
    _words_or_rows(out.getvalue())


# ---- Written and read


def _is_text(text: str) -> bool:
    return text == text.strip() and not text.startswith("'") and not text.startswith("#")


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=30,
).filter(_is_text)
rows = st.fixed_dictionaries(
    {
        "npi": st.integers(1, 9_999).map(make_npi),
        "name": texts,
        "tin": st.none() | st.integers(0, 10**9 - 1).map(lambda number: f"{number:09d}"),
        "zip": st.none() | st.integers(0, 99_999).map(lambda number: f"{number:05d}"),
        "since": st.none() | st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)),
    }
)


@settings(deadline=None, max_examples=50)
@given(st.lists(rows, min_size=1, max_size=5, unique_by=lambda row: row["npi"]))
def test_what_is_written_is_read_as_it_was(written: list[dict[str, Any]]) -> None:
    for body in (layout_csv(ROSTER, written), layout_xlsx(ROSTER, written)):
        _, found = checked(body)
        assert [row.values for row in found] == written
        assert all(row.good for row in found)
