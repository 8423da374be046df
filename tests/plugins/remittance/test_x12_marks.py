"""What is odd in a check and no matter of its three balances: found, told, and kept as marks of the payment."""

from __future__ import annotations

import pytest

from hp_portal_plugins.remittance.x12.diagnostics import MOST_KEPT, Severity
from hp_portal_plugins.remittance.x12.marks import Marks, read_marks
from hp_portal_plugins.remittance.x12.records import CLAIM, Transaction
from tests.tools.small835 import encode, good, parse, row

PLAIN = good()


def bent(*changes: tuple[str, str]) -> list[Transaction]:
    """The good file with texts replaced; SE01 is made to count."""
    text = PLAIN
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    counted, segments = [], 0
    for line in text.split("\n"):
        segments = 1 if line.startswith("ST*") else segments + 1
        counted.append(f"SE*{segments}*{line.split('*')[2]}" if line.startswith("SE*") else line)
    return parse(encode("\n".join(counted)))[0]


def told(checks: list[Transaction]) -> list[tuple[str, str]]:
    """Rule and message of every finding."""
    return [(finding.rule, finding.message) for check in checks for finding in check.diagnostics]


def marks(check: Transaction) -> Marks:
    found = check.fact("marks")
    assert found is None or isinstance(found, str)
    return read_marks(found)


def test_a_good_file_has_no_marks() -> None:
    assert [check.fact("marks") for check in bent()] == [None] * 3


def test_a_second_bpr_and_a_second_trn_are_findings_of_their_own() -> None:
    payee = "N1*PE*TRAN CLINIC*FI*532508699"
    checks = bent((payee, f"BPR*I*99*C*CHK************20260305\nTRN*1*999*1512345678\n{payee}"))
    assert told(checks) == [
        ("bpr.second", "There are two BPR: the first one counts."),
        ("trn.second", "There are two TRN: the first one counts."),
    ]
    assert (checks[1].fact("amount"), checks[1].fact("trace_number")) == (6000, "200551")
    assert marks(checks[1]).second == ("BPR", "TRN")
    assert checks[1].balanced
    assert checks[1].importable


def test_a_debit_is_negative_and_balances_as_such() -> None:
    checks = bent(("BPR*I*60*C", "BPR*I*60*D"), ("WO:202625840590846*30", "WO:202625840590846*150"))
    message = "BPR03 is D: the payer takes the amount back, so it counts as -60.00."
    assert told(checks) == [("amount.debit", message)]
    assert checks[1].fact("amount") == -6000
    assert checks[1].balanced


def test_a_debit_with_a_negative_amount_is_taken_back_once() -> None:
    checks = bent(("BPR*I*60*C", "BPR*I*-60*D"), ("WO:202625840590846*30", "WO:202625840590846*150"))
    assert [rule for rule, _ in told(checks)] == ["amount.negative", "amount.debit"]
    assert (checks[1].fact("amount"), checks[1].balanced) == (-6000, True)


def test_a_negative_amount_keeps_its_sign_and_is_told() -> None:
    checks = bent(("BPR*I*60*C", "BPR*I*-60*C"))
    assert told(checks)[0] == ("amount.negative", "BPR02 is -60.00; an amount must not be negative.")
    assert checks[1].fact("amount") == -6000
    assert marks(checks[1]).negative


@pytest.mark.parametrize(
    ("currency", "kept", "found"), [("CAD", "CAD", True), ("cad", "CAD", True), ("USD", "USD", False)]
)
def test_the_currency_is_a_fact_of_the_payment(currency: str, kept: str, found: bool) -> None:
    checks = bent(("TRN*1*200551*1512345678", f"TRN*1*200551*1512345678\nCUR*PR*{currency}*1.4"))
    assert told(checks) == ([("amount.currency", f"The amounts are in {kept}, not in US dollars.")] if found else [])
    assert checks[1].fact("currency") == kept
    assert f'["CUR","PR","{currency}","1.4"]' in str(checks[1].fact("more"))
    assert checks[0].fact("currency") is None


def test_a_currency_that_is_none() -> None:
    checks = bent(("TRN*1*200551*1512345678", "TRN*1*200551*1512345678\nCUR*PR*DOLLARS"))
    assert [rule for rule, _ in told(checks)] == ["currency.unknown"]
    assert checks[1].diagnostics[0].severity is Severity.WARNING
    assert (checks[1].fact("currency"), marks(checks[1]).currency) == (None, "DOLLARS")


def test_what_the_patient_owes_is_the_sum_of_pr() -> None:
    checks = bent(("*200*120.5*29.5*", "*200*120.5*19.5*"))
    message = "CLP05 is 19.50, but the claim's adjustments with PR come to 29.50."
    assert told(checks) == [("balance.patient", message)]
    assert checks[0].diagnostics[0].severity is Severity.WARNING
    assert marks(checks[0]).owed == 1
    assert row(CLAIM, checks[0].rows.claims[0])["patient_adjusted"] == 2950
    assert checks[0].balanced, "it is none of the three balances"


def test_what_the_patient_owes_is_missing() -> None:
    checks = bent(("*40*0*40*12*", "*40*0**12*"))
    assert told(checks) == [("balance.patient", "CLP05 is 0.00, but the claim's adjustments with PR come to 40.00.")]


def test_the_lines_charge_what_the_claim_does() -> None:
    checks = bent(("SVC*HC:99213*50*50**1", "SVC*HC:99213*40*40**1"))
    message = "CLP03 is 50.00, but the charges of the claim's lines (SVC02) come to 40.00."
    assert told(checks) == [("balance.charges", message)]
    assert checks[0].diagnostics[0].severity is Severity.WARNING
    assert (marks(checks[0]).charges, marks(checks[0]).charges_in) == (1, (3,))
    assert checks[0].balanced, "it is none of the three balances"


def test_what_lines_charge_is_told_only_where_it_is_known() -> None:
    assert told(bent(("SVC*HC:99213*50*50**1\nDTM*472*20260115\n", ""))) == [], "no lines"
    found = [rule for rule, _ in told(bent(("SVC*HC:99213*50*50**1", "SVC*HC:99213**50**1")))]
    assert found == ["element.missing"]


def test_a_reversal_need_not_repeat_what_the_patient_owed() -> None:
    changes = ("CAS*CO*45*-20", "CAS*PR*3*-20")
    assert told(bent(changes)) == []


BEFORE = "stands before the first claim: it belongs to no claim, and its amounts are not counted."
BEHIND = "stands behind the claim, before the next one: it is taken as a part of the claim before."
MISPLACED = {
    "adjustment before the first claim": (
        "LX*1\nCLP*P00000004*22", "LX*1\nCAS*CO*45*7\nCLP*P00000004*22", 2, (0, 0, "CAS"), BEFORE),
    "service line before the first claim": (
        "LX*1\nCLP*P00000004*22", "LX*1\nSVC*HC:1*5*5\nCLP*P00000004*22", 2, (0, 0, "SVC"), BEFORE),
    "name in a line": (
        "CAS*CO*45*25", "CAS*CO*45*25\nNM1*82*1*A", 2, (3, 1, "NM1"), "is no segment of a service line."),
    "remark in a claim": (
        "NM1*QC*1*VOSS*ADA****MI*W542381447", "NM1*QC*1*VOSS*ADA****MI*W542381447\nLQ*HE*N1", 2, (3, 0, "LQ"),
        "is no segment of a claim."),
    "payee in a claim": (
        "NM1*QC*1*VOSS*ADA****MI*W542381447", "NM1*QC*1*VOSS*ADA****MI*W542381447\nN1*PE*X", 2, (3, 0, "N1"),
        "is no segment of a claim."),
    "BPR in a claim": ("CAS*CO*45*25", "CAS*CO*45*25\nBPR*I*1*C", 2, (3, 1, "BPR"), "is no segment of a service line."),
    "adjustment behind LX": ("LX*2\n", "LX*2\nCAS*OA*23*0\n", 1, (1, 2, "CAS"), BEHIND),
    "PLB before the first claim": (
        "N1*PE*TRAN CLINIC*FI*532508699", "N1*PE*TRAN CLINIC*FI*532508699\nPLB*1*20261231*L6*0", 2, (0, 0, "PLB"),
        "stands before a claim; it is counted for the whole payment."),
    "PLB between claims": (
        "CAS*CO*45*-20", "CAS*CO*45*-20\nPLB*1*20261231*L6*0", 2, (1, 1, "PLB"),
        "stands before a claim; it is counted for the whole payment."),
}  # fmt: skip


@pytest.mark.parametrize("name", MISPLACED)
def test_segments_in_the_wrong_place(name: str) -> None:
    before, after, number, mark, message = MISPLACED[name]
    checks = bent((before, after))
    rule = "segment.left-out" if message == BEFORE else "segment.misplaced"
    assert told(checks) == [(rule, f"{mark[2]} {message}")]
    assert marks(checks[number - 1]).misplaced == (mark,)
    assert checks[number - 1].balanced


@pytest.mark.parametrize(
    "segment", ["CLP*P00000005*1", "SVC*HC:99213*100*75**1\nDTM*472*20260111", "BPR*I*60", "CAS*CO*45*25"]
)
def test_names_in_small_letters_are_refused_by_name(segment: str) -> None:
    tag = segment[:3]
    checks = bent((segment, tag.lower() + segment[3:]))
    assert ("segment.small-letters", f"{tag} is written in small letters, so it was not read.") in told(checks)
    assert [check.importable for check in checks] == [True, False, True]


def test_segments_that_se01_counts_and_that_are_not_there() -> None:
    text = PLAIN.replace("SE*66*0001", "SE*71*0001").replace("SE*28*0002", "SE*20*0002")
    checks = parse(encode(text))[0]
    assert told(checks) == [
        ("se.more", "SE01 counts 71 segments, there are 66."),
        ("se.count", "SE01 counts 20 segments, there are 28."),
    ]
    assert [marks(check).missing for check in checks] == [5, 0, 0]
    assert all(check.balanced and check.importable for check in checks)


def test_a_loss_is_told_however_much_else_is_wrong() -> None:
    odd = "\nZZZ*1" * (MOST_KEPT + 9)
    checks = parse(encode(PLAIN.replace("\nSE*66*0001", f"{odd}\nSE*9999*0001")))[0]
    assert [rule for rule, _ in told(checks)][-2:] == ["se.more", "diagnostics.dropped"]


def test_marks_are_kept_as_json_and_read_again() -> None:
    found = Marks(2, ((0, 0, "CAS"), (2, 1, "NM1")), ("BPR",), negative=True, missing=3, currency="EURO")
    assert read_marks(found.as_json()) == found
    assert Marks().as_json() is None
    assert read_marks(None) == Marks()
