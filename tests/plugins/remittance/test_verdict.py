"""One verdict on a payment, on its page, in the report of its import and in every file; what is odd about it, marked and said."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from hp_portal_plugins.remittance.intake.reports import ImportReport
from hp_portal_plugins.remittance.models import Claim, Payment
from tests.plugins.remittance.import_files import import_835
from tests.support.client import tree_of
from tests.support.pdf import TaggedPdf
from tests.support.world import World

from .inquiry import Office, claim, url_of, words

pytestmark = pytest.mark.either_database


class Case:
    """A payment of two claims, $150.00 each, its text bent, imported."""

    def __init__(self, world: World, *changes: tuple[str, str], number: str = "4512", uncounted: int = 0) -> None:
        self.office = Office(world)
        text = self.text(number)
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after, 1)
        count = text[text.index("ST*") : text.index("SE*")].count("~\n") + 1 + uncounted
        start = text.index("SE*")
        text = f"{text[:start]}SE*{count}*0001{text[text.index('~', start) :]}"
        self.report: ImportReport = import_835(world, text.encode(), "bent.835")
        with world.session() as session:
            payment = session.query(Payment).one()
            self.id, self.balanced, self.amount = payment.id, payment.balanced, payment.amount

    def text(self, number: str) -> str:
        from datetime import UTC, datetime

        from hp_portal_plugins.remittance.demo.writing import FileText, PaymentText

        from .inquiry import DAY, PAYER

        payment = PaymentText(number, "ACH", DAY, self.office.payee_text, (claim(1), claim(2, ("SAMPLE", "BOB"))))
        return FileText(PAYER, "1999999999", datetime(2026, 3, 2, 5, 30, tzinfo=UTC), 1, [payment]).encoded().decode()

    def page(self, claim_number: int | None = None) -> str:
        response = self.office.client.get(url_of(self.id, claim_number))
        assert response.status_code == 200
        (main,) = tree_of(response).iter("main")
        return words(main)

    def file(self, kind: str) -> bytes:
        response = self.office.client.get(f"{url_of(self.id)}/{kind}")
        assert response.status_code == 200
        return bytes(response.data)

    def sheet(self) -> list[tuple[Any, ...]]:
        """The rows of the workbook's first sheet."""
        return list(openpyxl.load_workbook(io.BytesIO(self.file("xlsx")))["Payment"].iter_rows(values_only=True))

    def marks(self) -> list[Any]:
        """What the workbook marks in each claim."""
        heads, *claims = openpyxl.load_workbook(io.BytesIO(self.file("xlsx")))["Claims"].iter_rows(values_only=True)
        return [row[heads.index("Marks")] for row in claims]

    def at_a_glance(self) -> str:
        """The list of claims in the PDF."""
        text = " ".join(TaggedPdf(self.file("pdf")).text.split())
        return text.partition("Claims at a glance")[2].partition("Claim details")[0]


LINE = "SVC*HC:99213*200*150"
UNBALANCED_LINE = (LINE, "SVC*HC:99213*201*150")
CASES: dict[str, tuple[tuple[tuple[str, str], ...], str, int]] = {
    "good": ((), "This payment adds up", 30000),
    "debit that adds up": (
        (("BPR*I*300*C", "BPR*I*60*D"), ("SE*", "PLB*1*20261231*WO:X1*360~\nSE*")), "This payment adds up", -6000),
    "debit that does not": ((("BPR*I*300*C", "BPR*I*300*D"),), "This payment does not add up", -30000),
    "amount": ((("BPR*I*300*", "BPR*I*310*"),), "This payment does not add up", 31000),
    "a claim": ((("CLP*ACCT-00001*1*200*", "CLP*ACCT-00001*1*210*"),), "This payment does not add up", 30000),
    "a line alone": ((UNBALANCED_LINE,), "This payment does not add up", 30000),
    "not readable": ((("CLP*ACCT-00001*1*200*150*", "CLP*ACCT-00001*1*200*1X0*"),), "The sum cannot be proved", 30000),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_report_page_and_files_say_the_same(world: World, name: str) -> None:
    changes, result, amount = CASES[name]
    case = Case(world, *changes)
    good = result == "This payment adds up"
    assert (case.amount, case.balanced) == (amount, good)
    assert case.report.unbalanced == ([] if good else ["4512"])
    page = case.page()
    assert ("Balance Adds up" in page) is good
    assert (result in page) is not good
    assert result in TaggedPdf(case.file("pdf")).text
    facts = {row[0]: row[1] for row in case.sheet()}
    assert facts["Balances"] == ("yes" if good else "no")
    assert facts["Result"] == result
    assert facts["Amount"] == pytest.approx(amount / 100)
    rows = case.file("csv").decode("utf-8-sig").splitlines()
    assert all(f",{'yes' if good else 'no'}," in f"{row}," for row in rows[1:])
    assert f",{amount / 100:.2f}," in rows[1]


def test_a_debit_is_shown_as_money_taken_back(world: World) -> None:
    case = Case(world, ("BPR*I*300*C", "BPR*I*60*D"), ("SE*", "PLB*1*20261231*WO:X1*360~\nSE*"))
    text = case.page()
    assert "Amount −$60.00 Debit" in text
    assert "This is a debit: the plan takes $60.00 back from the account." in text
    assert "= Adds up to −$60.00" in text
    listed = case.office.client.get("/apps/remittance/?amount_min=60&amount_max=60").text
    assert "4512" in listed
    assert "−$60.00" in case.office.client.get("/apps/remittance/").text
    assert case.report.amount == -6000
    assert "takes $60.00 back" in TaggedPdf(case.file("pdf")).text


def test_services_that_do_not_charge_what_the_claim_does_are_said(world: World) -> None:
    """All three balances hold: a line is missing."""
    more = ("CLP*ACCT-00001*1*200*150*", "CLP*ACCT-00001*1*210*160*")
    case = Case(world, more, ("BPR*I*300*", "BPR*I*310*"))
    assert (case.balanced, case.report.unbalanced) == (True, [])
    assert "balance.charges" in case.report.diagnostics_by_rule
    said = "In 1 claim (1 as the remittance counts them), marked in the list, the service lines do not charge what the claim does"
    text = case.page()
    assert said in text
    assert text.count("Services charge something else") == 1
    assert "The claim’s charge is $210.00, but those of its services come to $200.00." in case.page(1)
    assert "those of its services" not in case.page(2)
    pdf = TaggedPdf(case.file("pdf")).text
    assert said in pdf
    assert "Its services charge $200.00, the claim $210.00" in pdf
    assert any(row[0] == "Before you post" and said in row[1] for row in case.sheet())


def test_a_line_that_does_not_add_up_is_marked_on_line_claim_and_payment(world: World) -> None:
    case = Case(world, UNBALANCED_LINE)
    text = case.page()
    assert text.count("Does not add up") == 2, "the strip and the claim"
    assert "In 1 claim, marked in the list" in text
    opened = case.page(1)
    assert (
        "This claim does not add up In 1 service line, marked below, the charge less the adjustments does not" in opened
    )
    assert opened.count("Does not add up") == 1, "the line"
    assert "does not add up" not in case.page(2)
    assert case.marks() == ["Does not add up", None]
    glance = case.at_a_glance()
    assert "Processed as primary Does not add up" in glance, "the claim's row in the overview"
    assert glance.count("Does not add up") == 1
    with world.session() as session:
        assert not session.get_one(Claim, (case.id, 1)).balanced


def test_what_the_patient_owes_is_marked_where_two_figures_are_given(world: World) -> None:
    case = Case(world, ("*200*150*20*", "*200*150*5*"))
    assert "it is unclear what the patient owes: the amount stated (CLP05) is not the sum of the" in case.page()
    assert case.page().count("Unclear what the patient owes") == 1
    assert case.marks() == ["Unclear what the patient owes", None]
    assert case.at_a_glance().count("Unclear what the patient owes") == 1
    assert "says that the patient owes $5.00, but its adjustments to the patient (PR) come to $20.00" in case.page(1)
    assert case.balanced
    assert "not the sum of the adjustments to the patient" in TaggedPdf(case.file("pdf")).text


ODD = {
    "negative": (("BPR*I*300*C", "BPR*I*-300*C"), "gives a negative amount, which the standard does not allow"),
    "second BPR": (("DTM*405", "BPR*I*1*C~\nDTM*405"), "amount, method and date twice (BPR); the first one is shown"),
    "second TRN": (("DTM*405", "TRN*1*2*3~\nDTM*405"), "number twice (TRN); the first one is shown"),
    "before the first claim": (
        ("LX*1", "LX*1~\nCAS*CO*45*7~\nSVC*HC:1*5*5"),
        "2 segments (CAS, SVC) before the first claim: they belong to no claim, and no sum counts what is in there."),
    "in the wrong place": (
        ("REF*6R*", "NM1*82*1*A~\nREF*6R*"), "1 segment (NM1) in the wrong place, in claim 1 as the remittance counts them"),
    "currency": (
        ("DTM*405", "CUR*PR*EURO~\nDTM*405"),
        "The remittance names the currency “EURO”, which is not known. Amounts are shown as US dollars"),
    "no currency": (("DTM*405", "CUR*PR*~\nDTM*405"), "The remittance names a currency, which is not known."),
    "PLB too early": (("LX*1", "PLB*1*20261231*L6*0~\nLX*1"), "A provider-level adjustment (PLB) stands before a claim"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_said_before_one_posts_it(world: World, name: str) -> None:
    change, sentence = ODD[name]
    case = Case(world, change)
    assert "Before you post this payment" in case.page()
    assert sentence in case.page()
    assert sentence in " ".join(TaggedPdf(case.file("pdf")).text.split())
    assert any(sentence in str(row[1]) for row in case.sheet())


def test_segments_that_are_missing_are_said_before_one_posts_it(world: World) -> None:
    case = Case(world, uncounted=5)
    sentence = (
        "The remittance has 5 segments fewer than its sender counted (SE01): a claim, a service line or a part of one"
    )
    assert "Before you post this payment" in case.page()
    assert sentence in case.page()
    assert sentence in " ".join(TaggedPdf(case.file("pdf")).text.split())
    assert (case.report.outcome, case.balanced) == ("partial", True)


def test_the_report_of_a_file_without_errors_names_its_warnings(world: World) -> None:
    case = Case(world, ("DTM*405", "CUR*PR*EURO~\nDTM*405"))
    world.staff("a.staff", permissions=["remittance:import:read"])
    report = world.sign_in("a.staff").get(f"/staff/remittance/files/{case.report.file_id}")
    assert "Imported See 1 warning among the findings below." in words(tree_of(report))


def test_a_good_payment_has_nothing_to_say_before_it_is_posted(world: World) -> None:
    assert "Before you post" not in Case(world).page()


def test_amounts_are_in_the_currency_of_the_payment(world: World) -> None:
    case = Case(world, ("DTM*405", "CUR*PR*CAD~\nDTM*405"))
    text = case.page()
    assert "All amounts of this payment are in CAD, not in US dollars." in text
    assert "Amount CAD 300.00" in text
    assert "$" not in text.replace("US dollars", "")
    assert "$" not in case.page(1)
    row = case.office.client.get(f"{url_of(case.id, 1)}?closed=1", fragment=True).text
    assert "CAD\u00a0150.00" in row
    assert "$" not in row
    index = case.office.client.get("/apps/remittance/").text
    assert "CAD\u00a0300.00" in index
    assert "1 payment of the last twelve months is not in US dollars and not added up here." in index
    assert "$300.00" not in index
    assert (case.report.amount, case.report.other_currencies) == (0, {"CAD": 30000})
    pdf = TaggedPdf(case.file("pdf")).text
    assert "CAD" in pdf
    assert "$" not in pdf
    facts = {row[0]: row[1] for row in case.sheet()}
    assert facts["Currency"] == "CAD"
    assert ",CAD," in case.file("csv").decode("utf-8-sig").splitlines()[1]
