"""Several payments in one file: choosing them, what is in each kind of file, what is not, and who downloaded what."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import openpyxl
import pytest
import sqlalchemy as sa
from openpyxl.worksheet.worksheet import Worksheet

from hp_portal.core.downloads import making
from hp_portal.core.downloads.kinds import find_kind, kinds
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.organizations.models import Grant
from hp_portal.hookspecs import DocumentKind, MadeFile
from hp_portal.scopes import WholeScope
from hp_portal.worker import run_once
from hp_portal_plugins.remittance.demo.writing import PaymentText
from hp_portal_plugins.remittance.downloads import chosen, documents, gathering, together
from hp_portal_plugins.remittance.models import Payment
from hp_portal_plugins.remittance.models import PaymentText as KeptText
from tests.plugins.remittance.import_files import import_835
from tests.plugins.remittance.inquiry import DAY, Office, claim, events, url_of
from tests.support.client import PortalClient, heading_of
from tests.tools.small835 import parse

pytestmark = pytest.mark.either_database

LIST, TOGETHER = "/apps/remittance/", "/apps/remittance/payments/together"


def choose(office: Office, *payments: int, **more: str) -> str:
    """Choose payments; the address of the page that offers them."""
    answer = office.client.post(TOGETHER, {"payment": [str(one) for one in payments], **more})
    assert answer.status_code == 303, answer.text[:500]
    return answer.headers["Location"]


def download(office: Office, page: str, kind: str, reason: str = "posting") -> bytes:
    """Download what was chosen, at once or when the worker has made it."""
    answer = office.client.get(f"{page.replace('together?', f'together/{kind}?')}&reason={reason}")
    if answer.status_code == 303:
        assert run_once(office.world.app, ["render"])
        answer = office.client.get(f"{answer.headers['Location']}/file")
    assert answer.status_code == 200, answer.text[:500]
    body: bytes = answer.data
    assert int(answer.headers["Content-Length"]) == len(body)
    return body


def set_aside(office: Office, payment: int, how: str = "voided", at: dt.datetime | None = None) -> None:
    with office.world.session() as session:
        values = {"set_aside": how, "set_aside_at": at or dt.datetime(2026, 3, 5, tzinfo=dt.UTC)}
        session.execute(sa.update(Payment).where(Payment.id == payment).values(**values))


def take_access(office: Office, payee: int | None = None) -> None:
    """End the office's access to a payee's payments."""
    with office.world.session() as session:
        session.execute(
            sa.update(Grant)
            .where(Grant.payee_id == (payee or office.payee.id))
            .values(ended_at=dt.datetime.now(dt.UTC))
        )


def in_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is made by the worker."""
    for kind in together.MOST_AT_ONCE:
        monkeypatch.setitem(together.MOST_AT_ONCE, kind, 0)


def rows_of(sheet: Worksheet) -> list[dict[str, object]]:
    head, *rows = sheet.values
    return [dict(zip(map(str, head), row, strict=True)) for row in rows]


@pytest.mark.parametrize("large", [False, True], ids=["at once", "by the worker"])
def test_a_zip_has_a_pdf_of_each_payment_and_says_what_is_in_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    first, second = office.paid("0045001"), office.paid("45002", issued=DAY + dt.timedelta(days=1), method="CHK")
    if large:
        in_large(monkeypatch)
    page = choose(office, second, first)
    archive = zipfile.ZipFile(io.BytesIO(download(office, page, "zip", "appeal")))
    assert archive.testzip() is None
    *pdfs, contents = archive.namelist()
    payee = "BIRCH-SAMPLE-CLINIC"
    assert pdfs == [f"2026-03-02_{payee}_EFT-0045001.pdf", f"2026-03-03_{payee}_Check-45002.pdf"]
    assert all(archive.read(name).startswith(b"%PDF") for name in pdfs)
    said = archive.read(contents).decode("utf-8-sig")
    assert said.startswith("2 payments, put together on ")
    assert all(name in said for name in pdfs)
    assert "US dollars: 2 payments, $300.00" in said
    assert "Nothing: all that was asked for is here." in said
    found = events(office.world, "remittance.payment.downloaded")
    assert found == [{"payment": one, "format": "pdf"} for one in (first, second)]
    (whole,) = events(office.world, "remittance.payments.downloaded-together")
    assert whole == {"format": "pdf", "payments": 2, "rows": f"{first}-{second}"}
    assert "Downloaded 2 payments together as PDF" in re.sub(r"<[^>]+>", "", office.client.get("/my-activity").text)


def test_ticked_rows_are_chosen_from_the_list_and_shown_before_anything_is_made(office: Office) -> None:
    payments = [office.paid(f"4510{number}") for number in range(3)]
    found = office.client.get(LIST, query_string={"issued_from": DAY.isoformat()})
    assert found.text.count('type="checkbox" name="payment"') == 3
    assert office.client.get(f"{LIST}?issued_from={DAY}&ticked=1").text.count(" checked>") == 3
    assert 'name="payment"' in office.client.get(LIST).text, "the newest payments can be chosen, too"
    page = choose(office, payments[0], payments[2])
    shown = office.client.get(page)
    assert heading_of(shown) == "Download 2 payments together"
    assert "$300.00" in shown.text
    assert "45101" not in shown.text
    assert "up to 500 payments" in shown.text
    assert "50 MB" in shown.text
    assert events(office.world, "remittance.payment.searched")[-1]["rows"] == f"{payments[0]},{payments[2]}"
    other = Office(office.world, "Cedar Sample Clinic")
    assert other.client.get(page).status_code == 404


def test_all_results_of_a_search_are_chosen_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        office.paid(f"4520{number}", issued=DAY + dt.timedelta(days=number))
    values = {"issued_from": str(DAY + dt.timedelta(days=1)), "issued_to": str(DAY + dt.timedelta(days=2))}
    page = office.client.post(TOGETHER, {**values, "all": "1"}).headers["Location"]
    assert heading_of(office.client.get(page)) == "Download 2 payments together"
    text = download(office, page, "csv").decode("utf-8-sig")
    assert {row["payment_number"] for row in csv.DictReader(io.StringIO(text))} == {"45201", "45202"}
    for wrong in ({"issued_from": "no day", "all": "1"}, {"payment": "x"}, {"payment": "9" * 30}, {}):
        refused = office.client.post(TOGETHER, wrong)
        assert refused.status_code == 422
        assert "No payment is chosen" in refused.text
    monkeypatch.setattr("hp_portal_plugins.remittance.inquiry.choosing_views.MOST_CHOSEN", 3)
    refused = office.client.post(TOGETHER, {"issued_from": str(DAY), "all": "1"})
    assert refused.status_code == 422
    assert "At most 3 payments" in refused.text
    assert f'href="{LIST}?issued_from={DAY}"' in refused.text, "the search is not lost"


def test_a_workbook_has_all_payments_and_each_row_says_of_which(office: Office) -> None:
    first = office.paid("45301", claim(1), claim(2))
    voided = office.paid("45302")
    canada = office.imported(
        PaymentText("45303", "ACH", DAY, office.payee_text, (claim(3),), currency="CAD"),
    )[0]
    set_aside(office, voided)
    page = choose(office, first, voided, canada)
    shown = office.client.get(page).text
    assert "1 payment was replaced or voided by the payer and does not count" in shown
    assert "The amounts are in 2 currencies. Each is added up by itself." in shown
    book = openpyxl.load_workbook(io.BytesIO(download(office, page, "xlsx")))
    payments = rows_of(book["Payments"])
    assert [(row["Payment"], row["Currency"], row["Counts"]) for row in payments] == [
        ("45301", "USD", "yes"),
        ("45302", "USD", "voided"),
        ("45303", "CAD", "yes"),
    ]
    assert [tuple(row.values()) for row in rows_of(book["Sums"])] == [("USD", 1, 300), ("CAD", 1, 150)]
    assert [row["Payment"] for row in rows_of(book["Claims"])] == ["45301", "45301", "45302", "45303"]
    assert [row["Currency"] for row in rows_of(book["Lines"])] == ["USD", "USD", "USD", "CAD"]
    assert {row["Counts"] for row in rows_of(book["Adjustments"]) if row["Payment"] == "45302"} == {"voided"}
    assert {row["Code"] for row in rows_of(book["Codes"])} >= {"45", "3", "CO"}
    rows = list(csv.DictReader(io.StringIO(download(office, page, "csv").decode("utf-8-sig"))))
    assert [(row["payment_number"], row["payment_standing"], row["payment_currency"]) for row in rows[2:]] == [
        ("45302", "voided", "USD"),
        ("45303", "", "CAD"),
    ]


def test_835s_stand_in_the_interchanges_they_came_in(office: Office) -> None:
    def text(number: str) -> PaymentText:
        return PaymentText(number, "ACH", DAY, office.payee_text, (claim(int(number)),))

    together_sent = office.imported(text("45401"), text("45402"), text("45403"))
    alone, voided = office.paid("45404"), office.paid("45405")
    set_aside(office, voided)
    page = choose(office, voided, alone, together_sent[0], together_sent[2])
    assert "the text of 3 payments as it was sent, one after another" in office.client.get(page).text
    data = download(office, page, "835")
    _, summary = parse(data)
    assert (summary.interchanges, summary.groups, summary.payments) == (2, 2, 3)
    assert re.findall(rb"TRN\*1\*(\d+)\*", data) == [b"45401", b"45403", b"45404"]
    assert re.findall(rb"GE\*(\d)", data) == [b"2", b"1"]
    raws = [office.client.get(f"{url_of(one)}/835").data for one in (together_sent[0], alone)]
    assert all(parse(raw)[0][0].raw.rstrip() in data for raw in raws)
    assert len(set(re.findall(rb"IEA\*1\*(\d+)", data))) == 2
    other = Office(office.world, "Cedar Sample Clinic")
    report = import_835(other.world, data, "again.835")
    assert (report.payments, report.already_known_count) == (0, 3), "the portal's own reader knows each of them again"


def test_what_cannot_be_in_it_is_named_in_the_file_and_on_its_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_large(monkeypatch)
    other = replace(office.payee_text, tin="000005999", npi="1999990059", vendor_number="V5999")
    second = office.add_payee(other)
    own, theirs, bare = office.paid("45501"), office.paid("45502", payee=other), office.paid("45503")
    with office.world.session() as session:
        session.execute(sa.delete(KeptText).where(KeptText.payment_id == bare))
    page = choose(office, own, theirs, bare)
    waiting = {}
    for kind in ("zip", "xlsx", "csv", "835"):
        waiting[kind] = office.client.get(page.replace("together?", f"together/{kind}?")).headers["Location"]
    set_aside(office, own, "replaced")
    take_access(office, second.id)
    for _ in waiting:
        assert run_once(office.world.app, ["render"])
    files = {kind: office.client.get(f"{url}/file") for kind, url in waiting.items()}
    gone = "EFT 45502 of Mar 2, 2026: it is no longer there, or no longer yours to see."
    for kind in ("zip", "xlsx", "csv"):
        assert gone in office.client.get(waiting[kind]).text
        assert "Not everything is in it" in office.client.get(waiting[kind]).text
    archive = zipfile.ZipFile(io.BytesIO(files["zip"].data))
    assert [name.rpartition("EFT-")[2] for name in archive.namelist()[:-1]] == ["45501_replaced.pdf", "45503.pdf"]
    assert gone in archive.read("contents.txt").decode()
    book = openpyxl.load_workbook(io.BytesIO(files["xlsx"].data))
    assert [row[0] for row in book["Not in it"].values][1:] == ["EFT 45502 of Mar 2, 2026"]
    rows = list(csv.DictReader(io.StringIO(files["csv"].data.decode("utf-8-sig"))))
    assert (rows[-1]["record"], rows[-1]["payment_number"]) == ("not_included", "EFT 45502 of Mar 2, 2026")
    # Nothing is left for the 835: one does not count, one has no text, one is gone.
    assert files["835"].status_code == 404
    assert "could not be made" in office.client.get(waiting["835"]).text
    told = [fields["payment"] for fields in events(office.world, "remittance.payment.downloaded")]
    assert sorted(told) == sorted([own, bare] * 3)
    assert "45502 of Mar 2, 2026 is no longer there" in office.client.get(page).text


def test_a_file_is_refused_when_access_to_one_of_its_payments_has_ended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_large(monkeypatch)
    other = replace(office.payee_text, tin="000005998", npi="1999990018", vendor_number="V5998")
    second = office.add_payee(other)
    page = choose(office, office.paid("45601"), office.paid("45602", payee=other))
    url = office.client.get(page.replace("together?", "together/csv?")).headers["Location"]
    assert run_once(office.world.app, ["render"])
    assert office.client.get(f"{url}/file").status_code == 200
    assert "Since the file was made" not in office.client.get(url).text
    take_access(office, second.id)
    assert office.client.get(f"{url}/file").status_code == 404
    assert len(events(office.world, "remittance.payment.downloaded")) == 2
    assert (
        "EFT 45602 of Mar 2, 2026 is no longer yours to see: the file cannot be downloaded"
        in office.client.get(url).text
    )


def test_a_payment_voided_since_the_file_was_made_is_said_to_be(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_large(monkeypatch)
    payments = [office.paid("45651"), office.paid("45652")]
    url = office.client.get(choose(office, *payments).replace("together?", "together/835?")).headers["Location"]
    assert run_once(office.world.app, ["render"])
    set_aside(office, payments[0], at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    shown = office.client.get(url).text
    assert "EFT 45651 of Mar 2, 2026 was voided by the payer: do not post it from this file." in shown
    assert "45652" not in shown


def test_more_than_a_file_holds_comes_in_parts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    payments = [office.paid(f"4570{number}", issued=DAY + dt.timedelta(days=number)) for number in range(5)]
    monkeypatch.setattr(chosen, "MOST_TOGETHER", 2)
    page = choose(office, *payments)
    shown = office.client.get(page)
    assert heading_of(shown) == "Download 5 payments together"
    assert "These come in 3 files" in shown.text
    seen = []
    for part in (1, 2, 3):
        rows = csv.DictReader(io.StringIO(download(office, f"{page}&part={part}", "csv").decode("utf-8-sig")))
        seen.append([row["payment_number"] for row in rows])
    assert seen == [["45700", "45701"], ["45702", "45703"], ["45704"]]
    monkeypatch.setattr(chosen, "MOST_TOGETHER", 500)
    monkeypatch.setattr(chosen, "MOST_ROWS", 8)  # a payment here has four: claim, line, two adjustments
    assert "These come in 3 files" in office.client.get(page).text


def test_a_file_that_would_be_too_large_is_said_to_be(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    in_large(monkeypatch)
    monkeypatch.setattr(gathering, "LARGEST", 100)
    page = choose(office, office.paid("45801"), office.paid("45802"))
    url = office.client.get(page.replace("together?", "together/zip?")).headers["Location"]
    assert run_once(office.world.app, ["render"])
    assert "too large for one document. One file may have 50 MB. Choose fewer payments" in office.client.get(url).text


def test_a_zip_that_is_full_is_kept_and_names_the_rest(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    in_large(monkeypatch)
    payments = [office.paid(f"4585{number}") for number in range(3)]
    packed = (
        zipfile.ZipFile(io.BytesIO(download(office, choose(office, payments[0]), "zip"))).infolist()[0].compress_size
    )
    page = choose(office, *payments)
    url = office.client.get(page.replace("together?", "together/zip?")).headers["Location"]
    monkeypatch.setattr(gathering, "LARGEST", int(1.5 * packed))
    assert run_once(office.world.app, ["render"])
    shown = office.client.get(url).text
    assert shown.count("the file is full: it may have 50 MB.") == 2
    archive = zipfile.ZipFile(io.BytesIO(office.client.get(f"{url}/file").data))
    assert len(archive.namelist()) == 2
    said = archive.read("contents.txt").decode("utf-8-sig")
    assert said.startswith("1 payment, put together")
    assert "EFT 45852 of Mar 2, 2026: the file is full" in said
    assert [one["payment"] for one in events(office.world, "remittance.payment.downloaded")] == [payments[0]] * 2


def test_a_zip_gives_way_to_small_documents_and_to_nothing_else(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_large(monkeypatch)
    monkeypatch.setitem(documents.MOST_AT_ONCE, documents.CSV, 0)
    monkeypatch.setitem(documents.MOST_AT_ONCE, documents.XLSX, 0)
    monkeypatch.setattr(making, "OWN_TURN", dt.timedelta(0))
    payments = [office.paid(f"4586{number}") for number in range(2)]
    other = Office(office.world, "Cedar Sample Clinic")
    theirs = other.paid("45870")

    def ask(client: PortalClient, address: str) -> str:
        return client.get(address).headers["Location"]

    zip_ = ask(office.client, choose(office, *payments).replace("together?", "together/zip?"))
    second = ask(other.client, choose(other, theirs).replace("together?", "together/zip?"))
    small, broken = (ask(other.client, f"{url_of(theirs)}/{kind}") for kind in ("csv", "xlsx"))

    def fail(*_: object) -> MadeFile:
        raise ZeroDivisionError

    def find(key: str) -> DocumentKind | None:
        kind = find_kind(key)
        return replace(kind, make=fail) if kind and key == documents.XLSX else kind

    def counted() -> Iterator[DocumentKind]:
        """What a page counts of a document does not decide whether it is made in between."""
        return (replace(kind, counts=("row", "rows")) if kind.key == documents.CSV else kind for kind in kinds())

    monkeypatch.setattr(making, "find_kind", find)
    monkeypatch.setattr(making, "kinds", counted)
    # What fails in between is told to the worker in the end, and does no harm to the one that gave way.
    with (
        pytest.raises(ZeroDivisionError),
        office.world.app.app_context(),
        office.world.database.new_session(WholeScope("documents")) as session,
    ):
        making.make_next(session)
    assert len(zipfile.ZipFile(io.BytesIO(office.client.get(f"{zip_}/file").data)).namelist()) == 3
    assert b"45870" in other.client.get(f"{small}/file").data
    assert "because of an error in the portal" in other.client.get(broken).text
    # Another of many parts waits for its turn.
    assert "Waiting for its turn" in other.client.get(second).text or "About to begin" in other.client.get(second).text


def test_two_payments_of_one_number_have_files_of_their_own(office: Office) -> None:
    payments = [office.paid("45901", claim(number)) for number in (1, 2)]
    archive = zipfile.ZipFile(io.BytesIO(download(office, choose(office, *payments), "zip")))
    names = [name for name in archive.namelist() if name.endswith(".pdf")]
    assert [name.rpartition("EFT-")[2] for name in names] == ["45901.pdf", "45901-2.pdf"]


def test_the_home_page_tells_that_a_document_is_ready_until_it_was_seen(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_large(monkeypatch)
    page = choose(office, office.paid("46001"), office.paid("46002"))
    url = office.client.get(page.replace("together?", "together/csv?")).headers["Location"]
    home = office.client.get("/").text
    assert "Your document is ready" not in home
    assert run_once(office.world.app, ["render"])
    assert "Your document is ready" in office.client.get("/").text
    assert "2 payments as one CSV file" in office.client.get("/").text
    office.client.get(f"{url}/progress")  # asked by the page itself, perhaps with nobody before it
    assert "Your document is ready" in office.client.get("/").text
    office.client.get(url)
    assert "Your document is ready" not in office.client.get("/").text
    own = office.client.get("/documents/").text
    assert re.search(r"[\d.]+\s(kB|Bytes)", own)
    assert "Remove 2 payments as one CSV file" in own


def test_so_much_is_kept_for_one_person_and_no_more(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    in_large(monkeypatch)
    page = choose(office, office.paid("46101"), office.paid("46102"))
    url = office.client.get(page.replace("together?", "together/csv?")).headers["Location"]
    assert run_once(office.world.app, ["render"])
    with office.world.session() as session:
        session.execute(sa.update(DocumentRequest).values(size=500 << 20))
    refused = office.client.get(page.replace("together?", "together/xlsx?"))
    assert refused.status_code == 503
    assert "500 MB" in refused.text
    office.client.post(f"{url}/remove")
    assert office.client.get(page.replace("together?", "together/xlsx?")).status_code == 303
