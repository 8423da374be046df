"""Tables that people send, through the pages: columns asked for once, rows that are right taken, the file given back."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.kept.keeping import TTL
from hp_portal.core.sheets.memory import MOST
from hp_portal.core.sheets.models import SheetMapping
from hp_portal.hookspecs import PayeeRef
from tests.core.test_billing_access import rows_of
from tests.core.test_billing_access import scene as scene
from tests.core.test_tax_id_access import DAY, NPI, NUMBER, TIN, Payments, linked
from tests.core.test_tax_id_access import payments as payments
from tests.core.test_tax_id_access import portal as portal
from tests.sample_plugin.notes import Note
from tests.support.asked import BASE, OFFICE, Scene
from tests.support.asked import TIN as ASKED
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

pytestmark = pytest.mark.either_database

TABLE = "/apps/sample/table"
SEVERAL = "/apps/tax-id-npi-access/add-several"


def send(client: PortalClient, path: str, body: bytes, name: str = "table.csv") -> Any:
    return client.post(path, {"file": (io.BytesIO(body), name)})


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def seen(answer: Any) -> str:
    tree = tree_of(answer)
    return " ".join(" ".join(next(iter(tree.iter("main")), tree).itertext()).split())


def link(answer: Any, part: str) -> str:
    return next(href for one in tree_of(answer).iter("a") if part in (href := one.get("href") or ""))


def notes(world: World) -> list[str]:
    with world.session() as session:
        return list(session.scalars(sa.select(Note.text).order_by(Note.id)))


def test_columns_are_asked_for_once_and_remembered_for_the_organization(sample_world: World, clock: Clock) -> None:
    world = sample_world
    organization = world.organization()
    for name in ("a.clerk", "b.clerk"):
        world.person(name, organization=organization)
    world.person("s.stranger")
    client, colleague, stranger = (world.sign_in(name) for name in ("a.clerk", "b.clerk", "s.stranger"))
    assert send(client, f"{TABLE}/send", b"").status_code == 422
    assert "neither a CSV file" in seen(send(client, f"{TABLE}/send", b"%PDF-1.4"))
    assert "The table has 501 rows. Send at most 500" in seen(send(client, f"{TABLE}/send", b"Note\n" + b"x\n" * 501))
    assert "no row below them" in seen(send(client, f"{TABLE}/send", b"Our words,When\n"))
    assert "Choose the file with your notes." in seen(client.post(f"{TABLE}/send", {}))
    body = b"Our words,When,Color\nFirst,3/2/2026,red\nFirst,,\nSecond,soon,\n" + b"x" * 201 + b",,\n"
    asked = send(client, f"{TABLE}/send", body)
    assert asked.location.startswith(f"{TABLE}/columns?table=")
    form = client.get(asked.location)
    assert "We know none of the headings" in seen(form)
    assert "In your table: First · First · Second" in seen(form)
    token = asked.location.partition("=")[2]
    for wrong, words in (
        ({"column_0": "text", "column_1": "text"}, "“Our words” and “When” are both read as Note."),
        ({"column_1": "day"}, "No column is read as Note."),
        ({"column_0": "nonsense"}, "Not a valid choice"),
    ):
        refused = client.post(f"{TABLE}/columns/use", {"table": token, **wrong})
        assert refused.status_code == 422
        assert words in seen(refused)
    chosen = {"table": token, "column_0": "text", "column_1": "day", "column_2": ""}
    assert stranger.post(f"{TABLE}/columns/use", chosen).location == TABLE, "somebody else's table is none"
    found = client.post(f"{TABLE}/columns/use", chosen, follow_redirects=True)
    assert "Not used: “Color”." in seen(found)
    assert "Can be taken 1" in seen(found)
    assert "With problems 3" in seen(found)
    for words in (
        "Row 3 Our words First The same Note as in row 2. Keep one of them.",
        "Row 4 When soon Enter a date as month, day and year.",
        "Use 200 characters at most.",
    ):
        assert words in seen(found)
    assert notes(world) == [], "nothing is taken before somebody says so"
    done = client.post(f"{TABLE}/take", {"table": token})
    assert notes(world) == ["First"]
    back = client.get(link(done, "/table/file"))
    assert "with what we did.csv" in back.headers["Content-Disposition"]
    assert back.text.splitlines()[:3] == [
        "\ufeffOur words,When,Color,What we did",
        "First,3/2/2026,red,Taken.",
        "First,,,Not taken: Our words: The same Note as in row 2. Keep one of them.",
    ]
    with world.session() as session:
        [row] = session.scalars(sa.select(SheetMapping))
        assert (row.organization_id, row.layout) == (organization.id, "sample notes")
        assert "words" not in row.keys, "nothing of the table itself is kept"
    again = send(colleague, f"{TABLE}/send", b"our WORDS;when;Color\nThird;;\n")
    assert again.location.startswith(f"{TABLE}/found"), "the same headings, however they are written"
    assert "The columns are read as the last time." in seen(colleague.get(again.location))
    assert send(stranger, f"{TABLE}/send", body).location.startswith(f"{TABLE}/columns")
    clock.advance(seconds=TTL.total_seconds() + 1)
    client = world.sign_in("a.clerk")
    gone = client.get(f"{TABLE}/found?table={token}", follow_redirects=True)
    assert "Your table is no longer kept here" in seen(gone)


def test_many_problems_are_paged_and_few_mappings_are_kept(sample_world: World) -> None:
    world = sample_world
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    body = "Note,Date\n" + "".join(f"Note {number},soon\n" for number in range(120))
    found = send(client, f"{TABLE}/send", body.encode())
    first = client.get(found.location)
    assert "1–50 of 120 problems" in seen(first)
    assert "Row 2 " in seen(first)
    last = client.get(f"{found.location}&page=3", fragment=True)
    assert "101–120 of 120 problems" in seen(last)
    assert "Row 121" in seen(last)
    assert client.get(f"{found.location}&page=4").status_code == 404
    for number in range(MOST + 2):
        sent = send(client, f"{TABLE}/send", f"A{number},B\nx,y\n".encode())
        client.post(f"{TABLE}/columns/use", {"table": sent.location.partition("=")[2], "column_0": "text"})
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(SheetMapping.id))) == MOST


def test_tax_ids_from_a_workbook_come_back_with_what_we_did(portal: World, payments: Payments) -> None:
    second = portal.payee("011000001", make_npi(1), "Second")
    payments.known["77001", "011000001", make_npi(1)] = PayeeRef(second.id, False, "77001", 100, DAY)
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    assert "Excel" in seen(client.get(SEVERAL))
    for kind in ("csv", "xlsx"):
        assert client.get(f"{SEVERAL}/empty/{kind}").status_code == 200
    rows: list[list[Any]] = [
        ["What we were paid"],
        ["EIN", "NPI number", "Trace", "Memo"],
        [TIN, int(NPI), NUMBER, "=2+2"],
        [],
        [11000001, float(make_npi(1)), 77001, "x"],
        ["12", None, "77002", "y"],
        [TIN, NPI, "77003", "z"],
    ]
    asked = send(client, f"{SEVERAL}/send", workbook(*rows), "paid.xlsx")
    form = client.get(asked.location)
    assert "We do not know the heading “Trace”." in seen(form)
    assert linked(client) == [], "nothing is added before the columns are known"
    chosen = {"table": asked.location.partition("=")[2], "column_0": "tin", "column_1": "npi", "column_2": "number"}
    done = client.post(f"{SEVERAL}/columns/use", chosen)
    assert done.status_code == 422
    assert "2 added, 2 not" in seen(done)
    assert "Not used: “Memo”." in seen(done)
    assert [row[0] for row in linked(client)] == ["Harbor Payee", "Second"]
    back = client.get(link(done, "/add-several/file"))
    sheet = openpyxl.load_workbook(io.BytesIO(back.data)).worksheets[0]
    assert [sheet.cell(number, 5).value for number in (1, 2, 4)] == [None, "What we did", None]
    assert sheet.cell(3, 5).value == "Harbor Payee has been added."
    assert sheet.cell(5, 5).value == "Second has been added."
    assert "9 digits" in str(sheet.cell(6, 5).value)
    assert str(sheet.cell(7, 5).value).startswith("Not added: This does not match a payment")
    left = client.get(f"{link(done, '/add-several/file')}&again=1")
    kept = openpyxl.load_workbook(io.BytesIO(left.data)).worksheets[0]
    assert [row[0].value for row in kept.iter_rows(min_row=2)] == ["EIN", "12", TIN]
    corrected = [[cell.value for cell in row] for row in kept.iter_rows()]
    corrected[-1][2], corrected[-2][0] = NUMBER, TIN
    corrected[-2][1:3] = [NPI, NUMBER]
    once_more = send(client, f"{SEVERAL}/send", workbook(*corrected), "paid.xlsx")
    assert "Already there" in seen(once_more), "the columns are known by now, and ours is none of them"
    tried = len(payments.asked)
    many = b"tin,npi,number\n" + f"{TIN},{NPI},X\n".encode() * 101
    assert "The table has 101 rows. Send at most 100 at once." in seen(send(client, f"{SEVERAL}/send", many))
    assert len(payments.asked) == tried


def test_requests_from_a_workbook_are_checked_and_come_back(scene: Scene) -> None:
    client = scene.asker
    for kind in ("csv", "xlsx"):
        assert client.get(f"{BASE}/many/empty/{kind}").status_code == 200
    head = ["Practice", "Tax ID", "NPI", "Contact name", "Job title", "E-mail", "Phone"]
    office = [OFFICE[name] for name in ("name", "title", "email", "phone")]
    body = workbook(
        ["Our providers"],
        head,
        ["Harbor", ASKED, None, *office],
        [],
        ["Other", 11000005, None, "=1+1", "x", "a@clinic.example", "952-555-0100"],
    )
    checked = send(client, f"{BASE}/many/check", body, "providers.xlsx")
    assert checked.status_code == 422
    assert "1 of 2 rows can be sent" in seen(checked)
    assert "(row 5 of your file)" in seen(checked)
    assert "This is a formula whose result is not in the file." in seen(checked)
    assert 'value="011000005"' in checked.text
    [table] = {one.get("value") for one in tree_of(checked).iter("input") if one.get("name") == "table"}
    values = {**rows_of(checked), "table": table}
    back = client.get(link(checked, "/many/file"))
    sheet = openpyxl.load_workbook(io.BytesIO(back.data)).worksheets[0]
    assert sheet.cell(3, 8).value == "Not sent yet: nothing speaks against it."
    assert str(sheet.cell(5, 8).value).startswith("Not sent: This is a formula")
    sent = client.post(f"{BASE}/many/send", {**values, "rows-1-name": ""})
    assert "One request is on the way" in seen(sent)
    made = openpyxl.load_workbook(io.BytesIO(client.get(link(sent, "/many/file")).data)).worksheets[0]
    assert made.cell(3, 8).value == "Sent: the request is on the way."
    assert str(made.cell(5, 8).value).startswith("Not sent: Enter the approver")
    left = openpyxl.load_workbook(io.BytesIO(client.get(link(sent, "again=1")).data)).worksheets[0]
    assert [row[0].value for row in left.iter_rows(min_row=2)] == ["Practice", "Other"]
    unknown = send(client, f"{BASE}/many/check", b"Who,Tax ID\nHarbor,%s\n" % make_tin(6).encode())
    columns = client.get(unknown.location)
    assert "We do not know the heading “Who”." in seen(columns)
    token = re.sub(".*=", "", unknown.location)
    read = client.post(f"{BASE}/many/columns/use", {"table": token, "column_0": "provider", "column_1": "tin"})
    assert 'value="Harbor"' in read.text
    assert scene.world.sign_in("h.delegate").get(f"{BASE}/many/columns?table={token}").status_code == 303


@pytest.mark.usefixtures("clock")
def test_a_remembered_choice_that_fits_no_more_is_not_used(sample_world: World) -> None:
    organization = sample_world.organization()
    sample_world.person("a.clerk", organization=organization)
    client = sample_world.sign_in("a.clerk")
    body = b"Words,When\nFirst,\n"
    asked = send(client, f"{TABLE}/send", body)
    client.post(f"{TABLE}/columns/use", {"table": asked.location.partition("=")[2], "column_0": "text"})
    with sample_world.session() as session:
        row = session.scalars(sa.select(SheetMapping)).one()
        row.keys, row.used_at = '{"0": "gone", "1": "day"}', clock.now()
    assert send(client, f"{TABLE}/send", body).location.startswith(f"{TABLE}/columns")


def sheets_of(**rows: list[list[Any]]) -> bytes:
    """A workbook with these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, cells in rows.items():
        sheet = book.create_sheet(title)
        for row in cells:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.usefixtures("clock")
def test_another_sheet_of_a_workbook_is_read_where_it_is_asked_for(sample_world: World) -> None:
    sample_world.person("a.clerk")
    client = sample_world.sign_in("a.clerk")
    alike = sheets_of(March=[["Note"], ["First"]], April=[["Note"], ["Second"]], Words=[["Read me"]])
    asked = send(client, f"{TABLE}/send", alike, "notes.xlsx")
    assert asked.location.startswith(f"{TABLE}/columns"), "it is not guessed which of two is meant"
    page = client.get(asked.location)
    assert "“April” looks like the table as much as “March” does." in seen(page)
    assert "The sheet “March” was read, and not “April”, “Words”." in seen(page)
    chosen = {"table": asked.location.partition("=")[2], "read_sheet": "1", "sheet": "April"}
    assert client.post(f"{TABLE}/columns/use", {**chosen, "sheet": "May"}).status_code == 400
    other = client.post(f"{TABLE}/columns/use", chosen)
    page = client.get(other.location)
    assert "looks like" not in seen(page), "it has been said which"
    assert "In your table: Second" in seen(page)
    token = other.location.partition("=")[2]
    used = client.post(f"{TABLE}/columns/use", {"table": token, "column_0": "text"}, follow_redirects=True)
    assert "The sheet “April” was read, and not “March”, “Words”." in seen(used)
    client.post(f"{TABLE}/take", {"table": token})
    assert notes(sample_world) == ["Second"]
    assert send(client, f"{TABLE}/send", alike).location.startswith(f"{TABLE}/columns"), "also with remembered columns"
    clear = send(client, f"{TABLE}/send", sheets_of(Words=[["Read me"]], March=[["Note", "Date"], ["First"]]))
    assert clear.location.startswith(f"{TABLE}/found")


def test_tax_ids_and_requests_say_where_another_sheet_is_read(portal: World, payments: Payments) -> None:
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    tax_ids: list[list[Any]] = [["Tax ID", "NPI", "Check"], ["011000009", None, "1"]]
    own = sheets_of(Ours=tax_ids, Theirs=[["Tax ID"], ["011000008"]])
    done = send(client, f"{SEVERAL}/send", own, "ours.xlsx")
    assert "The sheet “Ours” was read, and not “Theirs”." in seen(done)
    columns = client.get(link(done, "/add-several/columns"))
    token = link(done, "/add-several/columns").partition("=")[2]
    assert "Sheet of the workbook" in seen(columns)
    chosen = {"table": token, "read_sheet": "1", "sheet": "Theirs"}
    other = client.post(f"{SEVERAL}/columns/use", chosen, follow_redirects=True)
    assert "The sheet “Theirs” was read" in seen(other)
    assert "No column is read as number." in seen(other)
    assert payments


def test_after_all_requests_are_sent_the_list_leads_to_the_file(scene: Scene) -> None:
    client = scene.asker
    head = ["Practice", "Tax ID", "NPI", "Contact name", "Job title", "E-mail", "Phone"]
    office = [OFFICE[name] for name in ("name", "title", "email", "phone")]
    body = sheets_of(Ours=[head, ["Harbor", ASKED, None, *office]], Words=[["Read me"]])
    checked = send(client, f"{BASE}/many/check", body, "providers.xlsx")
    assert "Sheet of the workbook" in seen(client.get(link(checked, "/many/columns")))
    [table] = {one.get("value") for one in tree_of(checked).iter("input") if one.get("name") == "table"}
    sent = client.post(f"{BASE}/many/send", {**rows_of(checked), "table": table})
    assert sent.status_code == 303
    listed = client.get(sent.location)
    back = openpyxl.load_workbook(io.BytesIO(client.get(link(listed, "/many/file")).data)).worksheets[0]
    assert back.cell(2, 8).value == "Sent: the request is on the way."
    assert "/many/file" not in client.get(f"{BASE}?table=nonsense").text
    assert "/many/file" not in client.get(BASE).text
