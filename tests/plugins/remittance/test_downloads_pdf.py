"""The remittance advice as PDF: what is in it, and in which order it is read."""

from __future__ import annotations

import pytest

from hp_portal import clock
from hp_portal_plugins.remittance.codes.models import Code
from tests.plugins.remittance.downloads_world import DAY, PaymentBuilder, usual_payment
from tests.plugins.remittance.inquiry import Office, url_of
from tests.support.pdf import TaggedPdf

pytestmark = pytest.mark.either_database


def payment_pdf(office: Office, built: PaymentBuilder) -> TaggedPdf:
    return TaggedPdf(office.client.get(f"{url_of(built.keep(office.world))}/pdf").data)


def claim_pdf(office: Office, built: PaymentBuilder, number: int) -> TaggedPdf:
    return TaggedPdf(office.client.get(f"{url_of(built.keep(office.world), number)}/pdf").data)


def rows(pdf: TaggedPdf, table: int) -> list[list[str]]:
    return [[cell.whole_text for cell in row.parts] for row in pdf.tree.all("Table")[table].all("TR")]


def test_read_from_the_payment_over_its_claims_to_the_codes(office: Office) -> None:
    pdf = payment_pdf(office, usual_payment(office.payee, "0012345"))
    assert [found.whole_text for found in pdf.tree.all("H1")] == ["Remittance advice 0012345"]
    assert [found.whole_text for found in pdf.tree.all("H2")] == [
        "Payment",
        "Payer",
        "Payee",
        "Balance",
        "Claims at a glance",
        "Provider-level adjustments",
        "Claim details",
        "Codes in this document",
    ]
    assert [found.whole_text for found in pdf.tree.all("H3")] == [
        "Claim 1 · TESTPATIENT, ANN · 9001-1",
        "Claim 2 · SAMPLE, BOB · 9001-2",
        "Claim 3 · EXAMPLE, ANN · 9001-3",
    ]
    in_order = ("Number : 0012345", "SAMPLE HEALTH PLAN", "SAMPLE CLINIC", "Paid for claims", "Recovery", "CO-45")
    places = [pdf.text.find(part) for part in in_order if part in pdf.text]
    assert places == sorted(places)
    with pdf.file.open_metadata() as metadata:
        assert metadata["dc:title"] == "Remittance advice 0012345"
        assert metadata["pdfuaid:part"] == "1"
    assert str(pdf.file.Root.Lang) == "en"
    assert pdf.file.Root.MarkInfo.Marked


def test_the_header_says_who_paid_whom_how_and_when(office: Office) -> None:
    text = payment_pdf(office, usual_payment(office.payee)).text
    for part in (
        "Electronic funds transfer (EFT)",
        "Mar 2, 2026",
        "$220.00",
        "1 EXAMPLE STREET, SUITE 2, EXAMPLETON, MN 55000",
        "555-010-0100",
        "1999999992",
    ):
        assert part in text
    assert office.payee_text.tin not in text
    assert f"•••••{office.payee_text.tin[-4:]}" in text


def test_the_balance_is_proved_with_figures(office: Office) -> None:
    good = payment_pdf(office, usual_payment(office.payee)).text
    for part in ("$270.00", "$50.00", "$220.00", "This payment adds up"):
        assert part in good
    assert "Difference" not in good
    built = usual_payment(office.payee)
    built.facts |= {"amount": 21900, "balanced": False}
    bad = payment_pdf(office, built).text
    assert "−$1.00" in bad
    assert "This payment does not add up" in bad


def test_claims_lines_and_reasons_stand_in_tables(office: Office) -> None:
    pdf = payment_pdf(office, usual_payment(office.payee))
    overview = rows(pdf, 0)
    assert overview[0][:2] == ["Claim", "Patient"]
    assert overview[1][:4] == ["1", "TESTPATIENT, ANN", "ACCT1", "9001-1"]
    assert overview[1][5:] == ["$145.50", "$75.50", "$10.00", "$70.00", "Processed as primary"]
    assert overview[3][-1] == "Denied"
    assert overview[-1][5:9] == ["$375.50", "$105.50", "$10.00", "$270.00"]
    provider = rows(pdf, 1)
    assert (provider[1][0], provider[1][2], provider[1][-1]) == ("WO", "9001-1", "$50.00")
    first = rows(pdf, 2)
    assert first[1][:8] == ["1", "03/02/2026", "99213", "1", "$100.00", "$80.00", "$30.00", "$70.00"]
    assert first[1][8].startswith("CO-45 $20.00 ")
    assert "PR-3 $10.00 " in first[1][8]
    assert first[2][2] == "80053 25 59 Rev. 0300"
    assert "N130" in first[2][8]
    denied = rows(pdf, 4)
    assert denied[1][2] == "Whole claim"
    assert denied[1][8].startswith("CO-29 $30.00 ")
    assert all("".join(cell.whole_text for cell in table.all("TH")) for table in pdf.tree.all("Table"))


def test_the_glossary_has_the_codes_used_and_whose_words_they_are(office: Office) -> None:
    with office.world.session() as session:
        values = {"source": "test", "loaded_at": clock.now(), "valid_to": None}
        session.add(Code(list="CARC", code="Z01", text="Text of the plan", valid_from=DAY, **values))
    built = PaymentBuilder(office.payee)
    built.claim(lines=[{"charged": 900, "paid": 0, "adjustments": [("CO", "Z01", 300), ("CO", "Z99", 600)]}])
    pdf = payment_pdf(office, built)
    glossary = {tuple(row[:2]): row[2:] for row in rows(pdf, -1)[1:]}
    assert set(glossary) == {
        ("Claim status", "1"),
        ("Adjustment group", "CO"),
        ("Adjustment reason", "Z01"),
        ("Adjustment reason", "Z99"),
    }
    assert glossary["Adjustment reason", "Z01"] == ["Text of the plan", "Published code list", ""]
    assert glossary["Claim status", "1"] == ["Processed as primary", "In our own words", ""]
    assert glossary["Adjustment reason", "Z99"] == ["No explanation is loaded.", "", ""]
    assert glossary["Adjustment group", "CO"][2] == "Do not bill the patient for this amount."


def test_an_amount_that_could_not_be_read_is_not_added_up(office: Office) -> None:
    built = PaymentBuilder(office.payee, amount=100, claims_paid=None, provider_adjusted=0, balanced=False)
    built.claim(charged=None, paid=100, balanced=False)
    built.claim(charged=500, paid=0)
    pdf = payment_pdf(office, built)
    assert rows(pdf, 0)[1][5] == "not readable"
    assert rows(pdf, 0)[-1][5] == "not readable"
    assert rows(pdf, 0)[-1][8] == "$1.00"
    assert "The claim's amounts do not add up" in pdf.text


def test_a_single_claim_tells_nothing_of_other_patients(office: Office) -> None:
    pdf = claim_pdf(office, usual_payment(office.payee), 2)
    assert "SAMPLE, BOB" in pdf.text
    assert [found.whole_text for found in pdf.tree.all("H1")] == ["Remittance advice for claim 9001-2"]
    for other in ("TESTPATIENT", "EXAMPLE, ANN", "ACCT1", "9001-1", "9001-3", "CO-45", "Provider-level adjustments"):
        assert other not in pdf.text
    assert len(pdf.tree.all("H3")) == 1


def test_a_notice_of_no_payment_without_claims_is_a_document_too(office: Office) -> None:
    built = PaymentBuilder(office.payee, "NP0001", method="NON")
    pdf = payment_pdf(office, built)
    assert "Non-payment notice" in pdf.text
    assert pdf.tree.all("Table") == []


def test_names_from_a_file_are_text_and_nothing_else(office: Office) -> None:
    built = PaymentBuilder(office.payee)
    built.claim(lines=[{"charged": 100, "paid": 100}], patient_last_name='#panic("x") *O\u202e 张')
    assert '#panic("x") *O �' in payment_pdf(office, built).text


def test_many_claims_keep_their_order_over_many_pages(office: Office) -> None:
    built = PaymentBuilder(office.payee)
    for _ in range(120):
        built.claim(lines=[{"charged": 10000, "paid": 8000, "adjustments": [("CO", "45", 2000)]}])
    pdf = payment_pdf(office, built)
    assert len(pdf.file.pages) > 12
    headings = [found.whole_text for found in pdf.tree.all("H3")]
    assert headings == [f"Claim {number} · TESTPATIENT, ANN · 9001-{number}" for number in range(1, 121)]
    assert rows(pdf, 0)[-1][8] == "$9,600.00"
