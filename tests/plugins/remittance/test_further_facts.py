"""What a remittance says besides: MIA and MOA, AMT, QTY and REF of claims and lines, the units billed; shown where it belongs."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest

from tests.support.pdf import TaggedPdf
from tests.support.world import World

from .test_verdict import Case

CLAIM = (
    "MIA*3*12.5*2*9000.75**44.1", "MOA*.85*150***MA01***8*9", "REF*EA*MR-77", "REF*1L*GRP-5", "REF*XX*Q1", "REF*SY*000000001",
    "NM1*TT*2*OTHER CARRIER*****PI*99999", "DTM*009*20260228", "PER*CX*CLAIMS DESK*TE*5550100199", "AMT*AU*150", "AMT*I*4.12",
    "AMT*D8*-2.5", "AMT*QQ*1", "QTY*CA*3", "QTY*QQ*7", "LQ*HE*N1",
)  # fmt: skip
EXPECTED = [
    "Coverage amount $150.00", "Covered days or visits 3", "PPS operating outlier amount $12.50", "Lifetime psychiatric days 2",
    "DRG amount $9,000.75", "Disproportionate share amount $44.10", "Reimbursement rate 0.85", "HCPCS payable amount $150.00",
    "ESRD payment amount $8.00", "Professional component billed, not payable $9.00", "Medical record number MR-77",
    "Group or policy number GRP-5", "Reference XX Q1", "Forwarded to OTHER CARRIER, 99999", "Date 009 Feb 28, 2026",
    "Questions about this claim CLAIMS DESK, phone 555-010-0199", "Interest $4.12", "Prompt payment discount −$2.50",
    "Amount QQ $1.00", "Covered days 3", "Quantity QQ 7", "Not read: LQ HE*N1",
]  # fmt: skip
ON_LINE = [
    "Units billed 4",
    "Line item control number ACCT-00001L1",
    "Location number 11",
    "Tax $1.25",
    "Federal mandate, category 1 2",
]


@pytest.fixture
def case(world: World) -> Case:
    return Case(
        world,
        ("DTM*232", "~\n".join((*CLAIM, "DTM*232"))),
        ("SVC*HC:99213*200*150", "SVC*HC:99213*200*150**2*HC:99215*4"),
        ("AMT*B6", "REF*LU*11~\nAMT*T*1.25~\nQTY*ZK*2~\nAMT*B6"),
    )


def test_a_claims_page_shows_it(case: Case) -> None:
    text = case.page(1)
    for fact in (*EXPECTED, *ON_LINE, "Billed as HC:99215"):
        assert fact in text
    assert "000000001" not in text, "a social security number is nobody's business here"
    assert "Also in the remittance" not in case.page(2)


def test_a_claim_opened_in_place_shows_it(case: Case) -> None:
    opened = case.office.client.get(f"/apps/remittance/payments/{case.id}/claims/1", fragment=True).text
    assert "Medical record number" in opened
    assert "MR-77" in opened


def test_the_pdf_has_it(case: Case) -> None:
    text = " ".join(TaggedPdf(case.file("pdf")).text.split())
    for fact in ("MR-77", "Interest", "$4.12", "Covered days", "DRG amount", "$9,000.75", *ON_LINE):
        assert fact in text


def test_the_workbook_has_columns_for_it(case: Case) -> None:
    book = openpyxl.load_workbook(io.BytesIO(case.file("xlsx")))
    head, claim, *_ = book["Claims"].iter_rows(values_only=True)
    found = dict(zip(head, claim, strict=True))
    assert (found["Coverage amount"], found["Interest"], found["Medical record number"]) == (150, 4.12, "MR-77")
    assert "Covered days 3; Quantity QQ 7" in str(found["Also in the remittance"])
    assert "MR-77" not in str(found["Also in the remittance"])
    head, line, *_ = book["Lines"].iter_rows(values_only=True)
    found = dict(zip(head, line, strict=True))
    assert (found["Units"], found["Units billed"]) == (2, 4)
    assert found["Also in the remittance"] == "Location number 11; Tax $1.25; Federal mandate, category 1 2"


def test_the_csv_has_columns_for_it(case: Case) -> None:
    first, second = csv.DictReader(io.StringIO(case.file("csv").decode("utf-8-sig")))
    assert (first["claim_coverage_amount"], first["claim_interest"]) == ("150.00", "4.12")
    assert (first["claim_medical_record_number"], first["line_units_billed"]) == ("MR-77", "4")
    assert "HCPCS payable amount $150.00" in first["claim_more"]
    assert first["line_more"] == "Location number 11; Tax $1.25; Federal mandate, category 1 2"
    assert second["claim_more"] == second["line_more"] == second["line_units_billed"] == ""
