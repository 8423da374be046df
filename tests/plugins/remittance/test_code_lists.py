"""Loading code lists. The codes and texts are invented: the published ones are licensed."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import PurePosixPath
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.files.models import StoredFile
from hp_portal_plugins.remittance.codes import lists, loads
from hp_portal_plugins.remittance.codes.lists import CodeRow, UnusableList, load_list, loaded_lists, read_list
from hp_portal_plugins.remittance.codes.loads import load_uploads
from hp_portal_plugins.remittance.codes.models import Code
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.world import World

ROWS = [
    CodeRow("Z01", "First reason", dt.date(2020, 1, 1), dt.date(2024, 6, 30)),
    CodeRow("Z01", "First reason, reworded", dt.date(2024, 7, 1), None),
    CodeRow("Z02", "Second reason", None, None),
]


def parse(text: str | bytes, name: str = "codes.csv") -> list[CodeRow]:
    return read_list(io.BytesIO(text.encode() if isinstance(text, str) else text), name)


def xlsx(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


CSV = """Code,Description,Start,Stop
Z01,First reason,2020-01-01,2024-06-30
Z01,"First reason, reworded",2024-07-01,
Z02,Second reason,,
"""


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        "\ufeff" + CSV,
        CSV.replace("\n", "\r\n"),
        "A title line,,,\nDownloaded under licence,,,\n\n" + CSV,
        CSV.replace("Code,Description,Start,Stop", "CARC,Narrative,Effective Date,Deactivation Date"),
        CSV.replace("2020-01-01", "01/01/2020").replace("2024-06-30", "6/30/2024").replace("2024-07-01", "07/01/24"),
        "Last Modified;Stop;Start;Description;Code\n"
        "x;2024-06-30;2020-01-01;First reason;Z01\nx;;2024-07-01;First reason, reworded;z01\nx;;;Second  reason;Z02\n",
        "Code\tDescription\tStart\tStop\nZ01\tFirst reason\t20200101\t20240630\n"
        "Z01\tFirst reason, reworded\t20240701\t\nZ02\tSecond reason\t\t\n",
    ],
    ids=["plain", "bom", "crlf", "title", "other names", "other dates", "semicolons, other order", "tabs"],
)
def test_csv_is_read_however_it_comes(text: str) -> None:
    assert parse(text) == ROWS


def test_xlsx_is_read() -> None:
    data = xlsx(
        ["Reason codes", None],
        ["Code", "Description", "Start Date", "Stop Date"],
        ["Z01", "First reason", dt.datetime(2020, 1, 1, tzinfo=None), dt.date(2024, 6, 30)],  # noqa: DTZ001 - as a cell
        ["Z01", "First reason, reworded", "07/01/2024", None],
        [None, None, None, None],
        ["Z02", "Second reason", None, None],
    )
    assert parse(data, "codes.xlsx") == ROWS


def test_numeric_codes_of_a_sheet_are_codes() -> None:
    assert parse(xlsx(["Code", "Description"], [901, "A reason"], [902.0, "Another"])) == [
        CodeRow("901", "A reason", None, None),
        CodeRow("902", "Another", None, None),
    ]


def test_windows_text_is_read() -> None:
    assert parse("Code,Description\nZ01,Patient’s share\n".encode("cp1252"))[0].text == "Patient’s share"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No headings found"),
        ("a,b\n1,2\n", "No headings found"),
        ("Code,Description\n", "headings but no codes"),
        ("Code,Description\nZ01,\n", "Row 2: Z01 has no description."),
        ("Code,Description\nZ-1,Text\n", "Row 2: 'Z-1' is no code"),
        ("Code,Description,Start\nZ01,Text,soon\n", "Row 2: 'soon' is no date"),
        ("Code,Description,Start,Stop\nZ01,Text,2024-02-01,2024-01-01\n", "stops before it starts"),
        ("Code,Description\nZ01,One\nZ01,Two\n", "Row 3: Z01 with the same start stands in row 2"),
        (b"\x00\x01\x02", "neither CSV nor XLSX"),
        (b"PK\x03\x04 nothing", "cannot be opened"),
        ("Code,Description\n" + "Z01,Text\n" * 20_001, "more than 20,000 rows"),
        (b"Code,Description\nZ01," + b"x" * (20 << 20), "larger than 20 MB"),
    ],
)
def test_what_cannot_be_used_is_explained(text: str | bytes, message: str) -> None:
    with pytest.raises(UnusableList, match=message):
        parse(text)


def repacked(**parts: bytes | None) -> bytes:
    """A good workbook with some of its parts replaced (`sheet1="..."`), or with None left out."""
    kept = io.BytesIO()
    source = io.BytesIO(xlsx(["Code", "Description"], ["Z01", "Text"]))
    with zipfile.ZipFile(source) as good, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as changed:
        for name in good.namelist():
            data = parts.get(PurePosixPath(name).stem, good.read(name))
            if data is not None:
                changed.writestr(name, data)
    return kept.getvalue()


@pytest.mark.parametrize(
    "parts",
    [{"sheet1": b"<worksheet><sheetData><row"}, {"sheet1": None}, {"workbook": b"<no"}, {"styles": b"<a"}],
    ids=["cut off", "no sheet", "no workbook", "no styles"],
)
def test_a_damaged_workbook_is_explained(parts: dict[str, bytes | None]) -> None:
    assert parse(repacked()) == [CodeRow("Z01", "Text", None, None)]
    with pytest.raises(UnusableList, match="cannot be opened"):
        parse(repacked(**parts))


def test_a_workbook_that_declares_entities_is_refused() -> None:
    """They can be made to grow without end, or to name files of the server."""
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
    rows = [("Code", "Description"), ("{code}", "Text")]
    cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
    cells = "".join(f"<row>{cell.format(code)}{cell.format(text)}</row>" for code, text in rows)
    plain = sheet.format(cells.replace("{code}", "Z01")).encode()
    assert parse(repacked(sheet1=plain)) == [CodeRow("Z01", "Text", None, None)]
    entity = '<!DOCTYPE worksheet [<!ENTITY code "Z01">]>' + sheet.format(cells.replace("{code}", "&code;"))
    with pytest.raises(UnusableList, match="cannot be opened"):
        parse(repacked(sheet1=entity.encode()))


def test_without_defusedxml_excel_files_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openpyxl, "DEFUSEDXML", False)
    with pytest.raises(UnusableList, match="Save it as CSV"):
        parse(repacked())


def test_a_workbook_that_unpacks_to_very_much_is_not_unpacked() -> None:
    bomb = repacked(styles=b"<a>" + b" " * (40 << 20) + b"</a>")
    assert len(bomb) < 1 << 20
    with pytest.raises(UnusableList, match="larger than 20 MB"):
        parse(bomb)


def kept(world: World, name: str = "CARC") -> list[CodeRow]:
    with world.session() as session:
        found = session.scalars(sa.select(Code).where(Code.list == name).order_by(Code.code, Code.text))
        return [CodeRow(row.code, row.text, row.valid_from, row.valid_to) for row in found]


def test_loading_replaces_the_list_and_only_that(world: World) -> None:
    with world.session() as session:
        first = load_list(session, "CARC", ROWS, "codes.csv")
        load_list(session, "RARC", ROWS[:1], "remarks.csv")
    assert (first.added, first.changed, first.removed, first.unchanged) == (3, 0, 0, 0)
    assert kept(world) == ROWS
    changed = [CodeRow("Z02", "Second reason, reworded", None, None), CodeRow("Z03", "Third reason", None, None)]
    with world.session() as session:
        second = load_list(session, "CARC", changed, "codes.csv")
    assert (second.added, second.changed, second.removed, second.unchanged) == (1, 1, 2, 0)
    assert (kept(world), kept(world, "RARC")) == (changed, ROWS[:1])


def test_loading_again_changes_nothing(world: World) -> None:
    for _ in range(2):
        with world.session() as session:
            report = load_list(session, "CARC", ROWS, "codes.csv")
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 0, 3)
    assert kept(world) == ROWS


def test_an_unknown_list_is_refused(world: World) -> None:
    with world.session() as session, pytest.raises(UnusableList, match="There is no list CPT"):
        load_list(session, "CPT", ROWS, "codes.csv")


def test_staff_see_what_is_loaded_and_what_is_valid(world: World) -> None:
    with world.session() as session:
        load_list(session, "CARC", ROWS, "codes.csv")
    with world.session() as session:
        carc, rarc = loaded_lists(session, dt.date(2026, 1, 1))
    assert (carc.name, carc.rows, carc.valid_today, carc.source) == ("CARC", 3, 2, "codes.csv")
    assert carc.loaded_at is not None
    assert (rarc.rows, rarc.loaded_at) == (0, None)


URL = "/staff/remittance/codes"


@pytest.fixture
def clerk(world: World) -> PortalClient:
    world.staff("codes", permissions=["remittance:codes:manage"])
    return world.sign_in("codes")


def upload(client: PortalClient, data: bytes = CSV.encode(), name: str = "codes.csv") -> TestResponse:
    return client.post(URL, {"list": "CARC", "file": (io.BytesIO(data), name)})


def load(world: World) -> None:
    """What the worker does."""
    with world.session() as session:
        load_uploads(session)


def test_the_page_takes_a_list_and_the_worker_loads_it(world: World, clerk: PortalClient) -> None:
    assert "not loaded" in clerk.get(URL).text
    answer = upload(clerk)
    assert (answer.status_code, answer.location) == (303, URL)
    waiting = clerk.get(URL).text
    assert "Waiting for the worker" in waiting
    assert f'data-hx-get="{URL}/progress"' in waiting
    assert kept(world) == [], "no page waits for a large file"
    load(world)
    page = clerk.get(f"{URL}/progress", fragment=True).text
    assert "3 rows loaded (3 new" in page
    assert "codes.csv" in page
    assert "data-hx-get" not in page
    assert kept(world) == ROWS
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(StoredFile)) == 0
        loaded = sa.select(AuditEvent.person_id).where(AuditEvent.event == "remittance.codes.loaded")
        assert session.scalar(loaded) is not None, "the record says who"


def test_a_file_name_is_kept_as_one_line(world: World, clerk: PortalClient) -> None:
    """PostgreSQL stores no NUL."""
    assert upload(clerk, name="co\0des.csv").status_code == 303
    load(world)
    assert "co des.csv" in clerk.get(URL).text


def test_the_page_explains_an_unusable_list(world: World, clerk: PortalClient) -> None:
    assert upload(clerk, b"Code,Description\nZ01,\n").status_code == 303
    load(world)
    assert "Row 2: Z01 has no description." in clerk.get(URL).text
    assert clerk.post(URL, {"list": "CARC"}).status_code == 422
    assert clerk.post(URL, {"list": "CPT", "file": (io.BytesIO(CSV.encode()), "c.csv")}).status_code == 422
    assert kept(world) == []


def test_a_file_that_is_too_large_is_refused_at_once(
    world: World, clerk: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_BYTES", 10)
    answer = upload(clerk)
    assert answer.status_code == 422
    assert "larger than 20 MB" in answer.text


def test_a_list_whose_workers_die_is_given_up_and_its_file_removed(
    world: World, clerk: PortalClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def read_list(*_: Any) -> list[CodeRow]:
        raise Killed

    upload(clerk)
    monkeypatch.setattr(lists, "read_list", read_list)
    for _ in range(loads.MOST_ATTEMPTS):
        with pytest.raises(Killed):
            load(world)
        clock.advance(loads.LEASE + dt.timedelta(seconds=1))
    load(world)
    assert "begun three times" in world.sign_in("codes").get(URL).text
    assert kept(world) == []


def test_an_error_of_the_portal_is_told_without_the_file_s_text(
    world: World, clerk: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_list(*_: Any) -> list[CodeRow]:
        raise RuntimeError("quoted text")

    upload(clerk)
    monkeypatch.setattr(lists, "read_list", read_list)
    with pytest.raises(RuntimeError):
        load(world)
    page = clerk.get(URL).text
    assert "An error in the portal" in page
    assert "quoted text" not in page
