"""Loading the payer's record of payees, through the verb on both databases."""

from __future__ import annotations

import io
import re

import pytest
import sqlalchemy as sa
from openpyxl import Workbook

from hp_portal.core.payees.importing import PayeeReport, UnusableFile, load_payees, read_rows, reading
from hp_portal.core.payees.models import Payee
from tests.support.identifiers import make_npi
from tests.support.world import World

HEADER = "tin,npi,vendor_number,name,provider_type,network_status,address_1,city,state,zip\n"


def row(number: int, **changes: str) -> str:
    cells = {
        "tin": f"00-{number:07d}",
        "npi": make_npi(number),
        "vendor_number": f"V{number}",
        "name": f"Sample Payee {number}",
        "provider_type": "physician",
        "network_status": "contracted",
        "address_1": "1 Example Street",
        "city": "Exampleton",
        "state": "MN",
        "zip": "55000",
    } | changes
    return ",".join(cells.values()) + "\n"


def load(world: World, text: str) -> PayeeReport:
    with world.database.new_session() as session:
        from hp_portal.scopes import WholeScope, set_scope

        set_scope(session, WholeScope("test"))
        report = load_payees(session, read_rows(io.StringIO(text)))
        if report.errors:
            session.rollback()
        else:
            session.commit()
    return report


def payees(world: World) -> list[Payee]:
    with world.session() as session:
        return list(session.scalars(sa.select(Payee).order_by(Payee.vendor_number)))


def test_rows_are_added_changed_and_left_alone(world: World) -> None:
    first = load(world, HEADER + row(1) + row(2))
    assert (first.added, first.changed, first.unchanged) == (2, 0, 0)
    second = load(world, HEADER + row(1) + row(2, name="Renamed Payee") + row(3))
    assert (second.added, second.changed, second.unchanged) == (1, 1, 1)
    assert [payee.name for payee in payees(world)] == ["Sample Payee 1", "Renamed Payee", "Sample Payee 3"]


def test_the_tin_is_kept_sealed_and_found_by_its_hash(world: World) -> None:
    load(world, HEADER + row(7))
    [payee] = payees(world)
    with world.session() as session:
        assert payee.whole_tin(session) == "000000007"
        assert payee.tin_hash in session.vault.digests("000000007", "tin")
    assert b"000000007" not in payee.tin_sealed


def test_one_bad_row_and_nothing_is_loaded(world: World) -> None:
    report = load(
        world,
        HEADER
        + row(1)
        + row(2, tin="12-34")
        + row(3, npi="1234567890")
        + row(4, provider_type="vet", name="")
        + row(5, network_status="friend"),
    )
    assert [(error.line, error.column) for error in report.errors] == [
        (3, "tin"),
        (4, "npi"),
        (5, "name"),
        (5, "provider_type"),
        (6, "network_status"),
    ]
    assert "9 digits" in report.errors[0].message
    assert payees(world) == []


def test_the_same_payee_twice_in_a_file_is_an_error(world: World) -> None:
    report = load(world, HEADER + row(1) + row(2) + row(1, vendor_number="V9"))
    assert [(error.line, error.message) for error in report.errors] == [(4, "The same TIN and NPI as in line 2.")]


def test_a_payee_without_an_npi_is_one_payee(world: World) -> None:
    assert load(world, HEADER + row(1, npi="")).added == 1
    assert load(world, HEADER + row(1, npi="")).unchanged == 1
    assert [payee.npi for payee in payees(world)] == [None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line must name the columns"),
        ("tin,npi\n1,2\n", "vendor_number"),
        (HEADER + '"open quote', "not a readable CSV"),
    ],
)
def test_what_is_no_list_of_payees_is_told_so(text: str, words: str) -> None:
    with pytest.raises(UnusableFile, match=words):
        list(read_rows(io.StringIO(text)))


def test_a_workbook_as_excel_leaves_it_is_loaded_too(world: World) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Payees of the plan"])
    sheet.append([])
    sheet.append(["Tax ID", "NPI", "Vendor Number", "Name", "Type", "Status", "Street", "ZIP code", "Fax"])
    sheet.append([11000001, float(make_npi(1)), 700, "Sample, Ünal", "Physician", "contracted", "1 Road", 601, "x"])
    body = io.BytesIO()
    book.save(body)
    body.seek(0)
    with reading(body) as rows, world.session() as session:
        report = load_payees(session, rows)
    assert "Not used: “Fax”." in rows.notes
    assert (report.added, report.errors) == (1, [])
    told = {(warning.line, warning.column): warning.message for warning in report.warnings}
    assert set(told) == {(4, "tin"), (4, "zip")}
    assert "Read as 011000001" in told[4, "tin"]
    with world.session() as session:
        payee = session.scalars(sa.select(Payee)).one()
        assert payee.whole_tin(session) == "011000001"
    assert (payee.npi, payee.vendor_number, payee.address) == (make_npi(1), "700", "1 Road\n00601")
    book.copy_worksheet(sheet).title = "Old"
    body = io.BytesIO()
    book.save(body)
    asked = f"“Old” looks like the table as much as “{sheet.title}” does. Name the one to read with --sheet."
    for name, words in (("", asked), ("New", "There is no sheet “New” with anything in it.")):
        body.seek(0)
        with pytest.raises(UnusableFile, match=re.escape(words)), reading(body, name) as rows:
            list(rows)
    body.seek(0)
    with reading(body, "Old") as rows:
        assert any(note.startswith("The sheet “Old” was read, and not") for note in rows.notes)


def test_a_csv_file_of_an_older_excel_is_loaded_and_a_heading_twice_is_refused(world: World) -> None:
    text = (HEADER + row(1, name="Clínica Sample")).replace(",", ";").replace("\n", "\r\n")
    with reading(io.BytesIO(text.encode("cp1252"))) as rows, world.session() as session:
        assert load_payees(session, rows).added == 1
    assert [payee.name for payee in payees(world)] == ["Clínica Sample"]
    twice = HEADER.replace("city", "name")
    for body, words in (
        ((twice + row(1)).encode(), "“name” and “name” are both read as name"),
        ((HEADER + row(1)).encode() + b"\x81\x00", "neither a CSV file nor an Excel workbook"),
    ):
        with pytest.raises(UnusableFile, match=words), reading(io.BytesIO(body)) as rows:
            list(rows)
