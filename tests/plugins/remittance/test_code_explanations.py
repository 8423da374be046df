"""Our own explanations of reason and remark codes: the rows of the two files, and how they reach the pages."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from hp_portal import clock
from hp_portal_plugins.remittance.codes import explanations as module
from hp_portal_plugins.remittance.codes.explanations import ACTIONS, DO_NOT_BILL, explanations
from hp_portal_plugins.remittance.codes.models import Code
from hp_portal_plugins.remittance.demo.writing import ClaimText, Reason, Service
from tests.support.client import tree_of
from tests.support.pdf import TaggedPdf

from .inquiry import DAY, Office, claim, url_of, words

pytestmark = pytest.mark.either_database

LISTS = ("CARC", "RARC")
# A deadline that the payer decides is not promised, nor what comes of an appeal.
PROMISES = re.compile(
    r"\b\d+\s+(?:calendar |business )?(?:days|months)\b(?! are)|will be paid|will pay|guarantee|overturn", re.I
)
PUBLISHED = re.compile(
    r"missing/incomplete/invalid|incomplete/invalid|usage:|refer to the 835|alert:|at least one remark code|deemed by the payer|"
    r"the information submitted|is inconsistent with|has been reached\b.*benefit maximum|not covered by this payer/contractor",
    re.I,
)


def rows(name: str) -> list[dict[str, str]]:
    path = Path(module.__file__).with_name(f"{name.lower()}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def order(code: str) -> tuple[str, int]:
    found = re.fullmatch(r"([A-Z]*)(\d+)", code)
    assert found is not None, code
    return found[1], int(found[2])


@pytest.mark.parametrize(
    ("name", "pattern"), [("CARC", r"[1-9]\d{0,2}|[ABP]\d{1,2}"), ("RARC", r"M\d{1,3}|MA\d{2,3}|N\d{1,3}")]
)
def test_every_row_is_a_code_once_and_in_order(name: str, pattern: str) -> None:
    codes = [row["code"] for row in rows(name)]
    assert not [code for code in codes if not re.fullmatch(pattern, code)]
    assert not [code for code, times in Counter(codes).items() if times > 1]
    assert codes == sorted(codes, key=order)
    assert list(explanations(name)) == codes
    assert len(codes) >= 200


@pytest.mark.parametrize("name", LISTS)
def test_every_code_says_what_happened_and_what_can_be_done(name: str) -> None:
    for row in rows(name):
        assert list(row) == ["code", "meaning", "action", "now", "patient", "retired"]
        assert row["action"] in ACTIONS, row
        assert row["retired"] in ("", "yes"), row
        assert 10 <= len(row["meaning"]) <= 120, row
        assert 10 <= len(row["now"]) <= 150, row
        assert len(row["patient"]) <= 110, row
        for column in ("meaning", "now", "patient"):
            text = row[column]
            assert text == text.strip(), row
            assert "'" not in text, row
            assert not text or (text[0].isupper() and text[-1] in ".!"), row
            assert column == "meaning" or not PROMISES.search(text), row
            assert not PUBLISHED.search(text), row


def test_the_reasons_of_denials_have_a_word_or_two() -> None:
    path = Path(module.__file__).with_name("carc_short.csv")
    with path.open(encoding="utf-8", newline="") as file:
        short = [(row["code"], row["short"]) for row in csv.DictReader(file)]
    codes = [code for code, _ in short]
    assert codes == sorted(set(codes), key=order)
    assert set(codes) <= set(explanations("CARC"))
    assert len(codes) >= 60
    for code, text in short:
        assert 1 <= len(text) <= 30, code
        assert text == text.strip(" ."), code
        assert "'" not in text, code
        assert text[0].islower() or text.split()[0].isupper(), code
        assert not PUBLISHED.search(text), code
    wanted = {"18": "duplicate", "96": "not covered", "197": "no authorization", "29": "filed too late"}
    assert {code: explanations("CARC")[code].short for code in wanted} == wanted
    assert [explanations("CARC")[code].clause for code in ("29", "A5")] == [
        "the claim came after the plan’s deadline for filing",
        "Medicare’s extra amount for a stay with very high capital costs",
    ]


@pytest.mark.parametrize("name", LISTS)
def test_the_patient_is_billed_in_group_pr_alone(name: str) -> None:
    for one in explanations(name).values():
        for group in ("CO", "PI", "OA", "CR", None):
            assert one.advice_in(group).action != "patient", one.code
        for group in ("CO", "PI"):
            said = str(one.advice_in(group))
            assert DO_NOT_BILL in said or "Ask why the group is another" in said, one.code
        if one.advice_in("PR").action == "patient":
            assert "In group PR: Bill the patient." in one.advice, one.code
        else:
            assert "Bill the patient." not in one.advice, one.code


@pytest.mark.parametrize("name", LISTS)
def test_retired_codes_are_marked(name: str) -> None:
    retired = [one for one in explanations(name).values() if one.retired]
    assert retired
    assert all(one.text.endswith("(A code of older remittances.)") for one in retired)


def test_an_unprocessable_claim_is_sent_again_as_a_new_one_and_not_appealed() -> None:
    one = explanations("RARC")["MA130"]
    assert one.action == "new-claim"
    assert "no right of appeal" in one.meaning
    assert "no appeal, no replacement" in one.now
    assert "new claim" in explanations("CARC")["16"].now


def test_ma61_is_the_social_security_number() -> None:
    assert "social security number" in explanations("RARC")["MA61"].meaning


def denied(*reasons: Reason, remarks: tuple[str, ...] = ()) -> ClaimText:
    service = Service("HC:99213", sum(reason.amount for reason in reasons), reasons, DAY, remarks=remarks)
    return claim(1, services=(service,), status="4")


def page_of(office: Office, payment: int, number: int | None = None) -> str:
    address = url_of(payment) if number is None else url_of(payment, number)
    (main,) = tree_of(office.client.get(address)).iter("main")
    return words(main)


def test_the_claim_says_at_each_code_what_can_be_done(office: Office) -> None:
    payment = office.paid("4512", denied(Reason("CO", "16", 12000), Reason("PR", "204", 8000), remarks=("MA130",)))
    shown = page_of(office, payment, 1)
    assert explanations("CARC")["16"].meaning in shown
    assert f"What can I do now: {explanations('CARC')['204'].advice_in('PR')}" in shown
    assert f"Send a new claim. {explanations('CARC')['16'].now} {DO_NOT_BILL}" in shown
    assert "What can I do now: Bill the patient. Check the code and the plan’s benefits" in shown
    assert f"What can I do now: Send a new claim. {explanations('RARC')['MA130'].now}" in shown


def test_the_page_of_a_reason_says_what_holds_beside_ma130(office: Office) -> None:
    """Its lines stand beside whatever remarks."""
    office.paid("4512", denied(Reason("CO", "4", 12000), remarks=("MA130",)))
    (main,) = tree_of(office.client.get("/apps/remittance/denials/lines?in=CO&why=4&issued_from=any")).iter("main")
    assert f"{DO_NOT_BILL} Where MA130 stands beside it, send a new claim instead." in words(main)


@pytest.mark.parametrize(("remarks", "said"), [(("N290", "MA130"), "new"), (("N290",), "corrected")])
def test_beside_ma130_nothing_is_corrected_and_a_new_claim_is_sent(
    office: Office, remarks: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    payment = office.paid("4512", denied(Reason("CO", "16", 12000), remarks=remarks))
    shown = page_of(office, payment, 1)
    assert f"What can I do now: Send a {said} claim. {explanations('RARC')['N290'].now}" in shown
    assert f"What can I do now: Send a {said} claim. {explanations('CARC')['16'].now}" in shown
    # The table of codes speaks of the code by itself, and says when that does not hold.
    table = f"Send a corrected claim. {explanations('RARC')['N290'].now}"
    assert (f"{table} Where MA130 stands beside it, send a new claim instead." in shown) is (said == "new")
    file = tmp_path / "payment.xlsx"
    file.write_bytes(office.client.get(f"{url_of(payment)}/xlsx").data)
    heading, row = openpyxl.load_workbook(file)["Adjustments"].iter_rows(values_only=True)
    assert str(row[heading.index("What can I do now")]).startswith(f"Send a {said} claim. ")


def test_the_glossary_of_the_payment_says_it_for_each_code(office: Office) -> None:
    payment = office.paid("4512", denied(Reason("CO", "96", 20000), remarks=("N130",)))
    shown = page_of(office, payment)
    one = explanations("CARC")["96"]
    assert (
        f"{one.meaning} * (our words) Read the remark codes. {one.now} In group PR: Bill the patient. {one.patient}"
        in shown
    )
    assert DO_NOT_BILL in shown
    assert "How to appeal, and until when, stands in the plan’s provider manual." in shown


def test_a_loaded_text_keeps_our_advice(office: Office) -> None:
    with office.world.session() as session:
        values = {"source": "made up", "loaded_at": clock.now(), "valid_from": dt.date(2020, 1, 1), "valid_to": None}
        session.add(Code(list="CARC", code="29", text="Loaded text", **values))
    shown = page_of(office, office.paid("4512", denied(Reason("CO", "29", 20000))), 1)
    one = explanations("CARC")["29"]
    assert f"29 Adjustment reason Loaded text {one.advice}" in shown
    assert one.meaning not in shown


def test_without_a_loaded_list_an_unknown_code_says_so(office: Office) -> None:
    payment = office.paid("4512", denied(Reason("CO", "Z99", 20000), remarks=("Z88",)))
    for number in (None, 1):
        shown = page_of(office, payment, number)
        assert "Z99 Adjustment reason No explanation is loaded." in shown
        assert "Z88 Remark No explanation is loaded." in shown
    assert f"CO-Z99 $200.00 No explanation is loaded. {'The contract with the plan'}" in shown
    assert f"What can I do now: {DO_NOT_BILL}" in shown
    pdf = TaggedPdf(office.client.get(f"{url_of(payment)}/pdf").data)
    assert "CO-Z99 $200.00 No explanation is loaded." in pdf.text
    assert "Z88 No explanation is loaded." in pdf.text


def test_a_claim_taken_back_asks_for_nothing(office: Office) -> None:
    first = claim(1)
    office.paid("4511", first)
    payment = office.paid("4512", first.reversed(), claim(2))
    shown = page_of(office, payment, 1)
    assert "This takes an earlier payment back." in shown
    assert "What can I do now" not in shown
    assert "What can I do now: Nothing to do." in page_of(office, payment, 2)


def test_the_pdf_says_what_can_be_done(office: Office) -> None:
    payment = office.paid("4512", denied(Reason("CO", "16", 20000), remarks=("MA130",)))
    pdf = TaggedPdf(office.client.get(f"{url_of(payment)}/pdf").data)
    table = [[cell.whole_text for cell in row.parts] for row in pdf.tree.all("Table")[-1].all("TR")]
    assert table[0] == ["Kind", "Code", "Meaning", "Source", "What can I do now"]
    said = {row[1]: row[4] for row in table[1:]}
    assert said["MA130"] == explanations("RARC")["MA130"].advice
    assert said["16"] == explanations("CARC")["16"].advice
    assert "How to appeal, and until when, stands in the plan’s provider manual." in pdf.text


def test_the_workbook_says_what_can_be_done(office: Office, tmp_path: Path) -> None:
    first = claim(1)
    office.paid("4511", first)
    payment = office.paid("4512", first.reversed(), denied(Reason("CO", "1", 20000), remarks=("MA130", "Z88")))
    file = tmp_path / "payment.xlsx"
    file.write_bytes(office.client.get(f"{url_of(payment)}/xlsx").data)
    book = openpyxl.load_workbook(file)
    heading, *adjustments = book["Adjustments"].iter_rows(values_only=True)
    said = {(row[0], row[heading.index("Reason")]): row[heading.index("What can I do now")] for row in adjustments}
    assert said[1, "45"] is None
    assert said[2, "1"] == "Ask the plan. The patient owes this only in group PR. Ask why the group is another."
    codes = {row[1]: row for row in book["Codes"].iter_rows(min_row=2, values_only=True)}
    assert codes["MA130"][4] == explanations("RARC")["MA130"].advice
    assert codes["Z88"][2] == "No explanation is loaded."
