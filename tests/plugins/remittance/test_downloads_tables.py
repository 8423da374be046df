"""Downloads as CSV and XLSX: every amount exact, and no text becomes a formula."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from hp_portal_plugins.remittance.downloads.csv import COLUMNS
from tests.plugins.remittance.downloads_world import DAY, PaymentBuilder, usual_payment
from tests.plugins.remittance.inquiry import Office, url_of

pytestmark = pytest.mark.either_database

HOSTILE = ("=HYPERLINK(1)", "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1", "#N/A", "=")
DOCUMENTED = Path(__file__).parents[3] / "docs" / "documents.md"


def table(office: Office, built: PaymentBuilder) -> list[dict[str, str]]:
    data = office.client.get(f"{url_of(built.keep(office.world))}/csv").data
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def workbook(office: Office, built: PaymentBuilder) -> Any:
    data = office.client.get(f"{url_of(built.keep(office.world))}/xlsx").data
    return openpyxl.load_workbook(io.BytesIO(data))


def records(sheet: Any) -> list[dict[str, Any]]:
    heading, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(heading, row, strict=True)) for row in rows]


def test_csv_has_a_row_for_every_line_bare_claim_and_provider_adjustment(office: Office) -> None:
    rows = table(office, usual_payment(office.payee))
    assert [(row["record"], row["claim"], row["line"]) for row in rows] == [
        ("line", "1", "1"),
        ("line", "1", "2"),
        ("line", "2", "1"),
        ("claim", "3", ""),
        ("provider_adjustment", "", ""),
    ]
    first, denied, recovery = rows[0], rows[3], rows[4]
    assert first["payment_number"] == "0012345"
    assert first["payment_date"] == "2026-03-02"
    assert (first["line_charged"], first["line_allowed"], first["line_paid"]) == ("100.00", "80.00", "70.00")
    assert first["line_adjustments"] == "CO-45 20.00; PR-3 10.00"
    assert (rows[1]["modifiers"], rows[1]["revenue_code"], rows[1]["line_remarks"]) == ("25 59", "0300", "N130 M15")
    assert (denied["claim_status"], denied["claim_adjustments"], denied["line_paid"]) == ("4", "CO-29 30.00", "")
    assert (recovery["provider_adjustment_reason"], recovery["provider_adjustment_amount"]) == ("WO", "50.00")


def test_csv_amounts_add_up_to_the_payment(office: Office) -> None:
    rows = table(office, usual_payment(office.payee))
    paid = sum(Decimal(row["line_paid"] or 0) for row in rows)
    adjusted = sum(Decimal(row["provider_adjustment_amount"] or 0) for row in rows)
    assert paid - adjusted == Decimal(rows[0]["payment_amount"])


def test_csv_headers_are_the_documented_ones() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    section = re.split(r"\n##+ ", text.split("## Columns of the CSV\n", 1)[1])[0]
    documented = re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)
    assert tuple(documented) == COLUMNS


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_text_does_not_become_a_formula(office: Office, name: str) -> None:
    built = PaymentBuilder(office.payee)
    built.claim(lines=[{"charged": -100, "paid": -100}], patient_last_name=name, patient_control_number=name)
    (row,) = table(office, built)
    shown = name if name == "#N/A" else "'" + name
    assert row["patient_last_name"] == row["patient_account"] == shown
    assert row["line_paid"] == "-1.00"


def test_csv_keeps_names_as_they_are(office: Office) -> None:
    built = PaymentBuilder(office.payee, payee_name='Müller, "Eye" Clinic')
    built.claim(charged=0, paid=0, patient_last_name="Łukasz 张")
    (row,) = table(office, built)
    assert (row["payee_name"], row["patient_last_name"]) == ('Müller, "Eye" Clinic', "Łukasz 张")


def test_xlsx_has_a_sheet_for_each_kind_of_row(office: Office) -> None:
    book = workbook(office, usual_payment(office.payee))
    assert book.sheetnames == ["Payment", "Claims", "Lines", "Adjustments", "Provider-level adjustments", "Codes"]
    assert [len(records(sheet)) for sheet in book.worksheets[1:-1]] == [3, 3, 4, 1]
    facts = {row["Fact"]: row["Value"] for row in records(book["Payment"])}
    assert facts["Number"] == "0012345"
    assert (facts["Amount"], facts["Paid for claims"], facts["Provider-level adjustments"]) == (220, 270, 50)
    assert facts["Payee Tax ID"] == f"•••••{office.payee_text.tin[-4:]}"
    claims = records(book["Claims"])
    assert [row["Status"] for row in claims] == ["Processed as primary", "Processed as primary", "Denied"]
    assert records(book["Adjustments"])[-1]["Line"] is None
    for sheet in book.worksheets:
        assert sheet.freeze_panes == "A2"
        assert sheet["A1"].font.bold
        assert sheet.column_dimensions["B"].width > 5


def test_xlsx_amounts_are_exact_numbers_and_dates_are_dates(office: Office) -> None:
    built = PaymentBuilder(office.payee)
    built.claim(lines=[{"charged": 9007199254740, "paid": -1, "allowed": 870, "units": "0.5"}])
    book = workbook(office, built)
    (line,) = records(book["Lines"])
    assert line["Service from"] == dt.datetime.combine(DAY, dt.time())
    assert line["Units"] == 0.5
    headings = [cell.value for cell in book["Lines"][1]]
    charged, paid = (book["Lines"].cell(2, headings.index(name) + 1) for name in ("Charged", "Paid"))
    assert charged.number_format == paid.number_format == "#,##0.00"
    assert (charged.data_type, paid.value) == ("n", -0.01)
    data = office.client.get(f"{url_of(built.id)}/xlsx").data
    written = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet3.xml")
    assert set(re.findall(rb"<v>(-?[0-9]+[.][0-9]+)</v>", written)) == {
        b"90071992547.40",
        b"-0.01",
        b"0.5",
        b"0.00",
        b"8.70",
    }


@pytest.mark.parametrize("name", [*HOSTILE, "a\x0bb", "\ufffe"])
def test_xlsx_text_stays_text(office: Office, name: str) -> None:
    built = PaymentBuilder(office.payee)
    built.claim(lines=[{"charged": 100, "paid": 100, "control_number": name}], patient_last_name=name)
    data = office.client.get(f"{url_of(built.keep(office.world))}/xlsx").data
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert not any(b"<f>" in archive.read(part) for part in archive.namelist())
    book = openpyxl.load_workbook(io.BytesIO(data))
    cell = book["Lines"]["P2"]
    assert cell.data_type in ("s", "inlineStr")  # the latter for a text of nothing
    assert str(cell.value or "").strip() == re.sub("[\x0b\ufffe]", "", name).strip()
    assert cell.quotePrefix == name.startswith(("=", "+", "-", "@", "#"))


def test_xlsx_takes_days_that_excel_does_not_know(office: Office) -> None:
    built = PaymentBuilder(office.payee, effective_on=dt.date(1899, 12, 31))
    facts = {row["Fact"]: row["Value"] for row in records(workbook(office, built)["Payment"])}
    assert facts["Date"] == "1899-12-31"
