"""Damaged files: every damage is told with its place, and no check is imported whose money is not known."""

from __future__ import annotations

import io

import pytest

from hp_portal_plugins.remittance.x12.diagnostics import MOST_KEPT, RULES, Severity
from hp_portal_plugins.remittance.x12.reader import read
from hp_portal_plugins.remittance.x12.records import CLAIM, FileSummary
from tests.tools.small835 import ACH, CHECK, GS, ISA, NON_PAYMENT, encode, good, interchange, parse, row, rules

PLAIN = good()

# name: what to replace, by what, the rules broken, which checks stay importable, which stay balanced
DAMAGES: dict[str, tuple[str, str, list[str], str, str]] = {
    "SE01 counts fewer": ("SE*66*", "SE*65*", ["se.count"], "123", "123"),
    "SE01 counts more": ("SE*66*", "SE*67*", ["se.more"], "123", "123"),
    "SE01 is no number": ("SE*66*", "SE*6X*", ["se.count"], "123", "123"),
    "SE02": ("SE*66*0001", "SE*66*0009", ["se.control"], "123", "123"),
    "GE01": ("GE*3*", "GE*2*", ["ge.count"], "123", "123"),
    "GE02": ("GE*3*731", "GE*3*732", ["ge.control"], "123", "123"),
    "IEA01": ("IEA*1*", "IEA*2*", ["iea.count"], "123", "123"),
    "IEA02": ("IEA*1*000000731", "IEA*1*000000732", ["iea.control"], "123", "123"),
    "no GE and IEA": ("\nGE*3*731\nIEA*1*000000731", "", ["ge.missing", "iea.missing"], "123", "123"),
    "no GE": ("\nGE*3*731", "", ["ge.missing"], "123", "123"),
    "BPR02 too high": ("BPR*I*170.5*", "BPR*I*171.5*", ["balance.check"], "123", "23"),
    "BPR02 too low": ("BPR*I*170.5*", "BPR*I*169.5*", ["balance.check"], "123", "23"),
    "BPR02 missing": ("BPR*I*170.5*", "BPR*I**", ["element.missing"], "23", "23"),
    "BPR02 malformed": ("BPR*I*170.5*", "BPR*I*170,5*", ["element.amount"], "23", "23"),
    "BPR02 of three decimals": ("BPR*I*170.5*", "BPR*I*170.501*", ["element.amount"], "23", "23"),
    "BPR04 missing": ("*C*CHK*", "*C**", ["element.missing"], "123", "123"),
    "BPR16 not a date": ("20260304\nTRN*1*200551", "20260230\nTRN*1*200551", ["element.date"], "123", "123"),
    "no BPR": ("\nBPR*I*60*C*CHK************20260304", "", ["element.missing", "se.more"], "13", "13"),
    "no TRN": ("\nTRN*1*200551*1512345678", "", ["element.missing", "se.more"], "13", "123"),
    "TRN02 missing": ("TRN*1*200551*", "TRN*1**", ["element.missing"], "13", "123"),
    "CLP01 missing": ("CLP*P00000005*", "CLP**", ["element.missing"], "123", "123"),
    "CLP03": ("CLP*P00000005*1*100*", "CLP*P00000005*1*101*", ["balance.claim"], "123", "13"),
    "CLP04": ("CLP*P00000005*1*100*75", "CLP*P00000005*1*100*76", ["balance.check", "balance.claim"], "123", "13"),
    "CLP04 not a number": ("CLP*P00000005*1*100*75", "CLP*P00000005*1*100*7X", ["element.amount"], "123", "13"),
    "SVC03": ("SVC*HC:99213*100*75", "SVC*HC:99213*100*74", ["balance.line"], "123", "13"),
    "SVC02 missing": ("SVC*HC:99213*100*75", "SVC*HC:99213**75", ["element.missing"], "123", "13"),
    "CAS out of balance": ("CAS*CO*45*25", "CAS*CO*45*26", ["balance.claim", "balance.line"], "123", "13"),
    "CAS without amount": ("CAS*CO*45*25", "CAS*CO*45", ["element.missing"], "123", "13"),
    "CAS without anything": ("CAS*CO*45*25", "CAS*CO", ["element.missing"], "123", "13"),
    "CAS amount malformed": ("CAS*CO*45*25", "CAS*CO*45*2 5", ["element.amount"], "123", "13"),
    "CAS quantity malformed": ("CAS*CO*45*25", "CAS*CO*45*25*X", ["element.quantity"], "123", "123"),
    "PLB amount malformed": ("L6:INT*-5", "L6:INT*-5.005", ["element.amount"], "123", "13"),
    "PLB date malformed": ("PLB*1234567893*20261231", "PLB*1234567893*20261331", ["element.date"], "123", "123"),
    "PLB without anything": ("*WO:202625840590846*30*L6:INT*-5", "", ["element.missing"], "123", "13"),
    "service date malformed": ("DTM*472*20260111", "DTM*472*2026011", ["element.date"], "123", "123"),
    "claim date malformed": ("DTM*050*20260208", "DTM*050*260208", ["element.date"], "123", "123"),
    "units malformed": ("*60.5**2*HC", "*60.5**TWO*HC", ["element.quantity"], "123", "123"),
    "duplicate ST02": ("ST*835*0002", "ST*835*0001", ["st.duplicate", "se.control"], "123", "123"),
    "GS01": ("GS*HP*", "GS*HC*", ["gs.kind"] * 3, "123", "123"),
    "claim without payer's number": ("*12*202625840590848*11", "*12**11", ["element.missing"], "123", "123"),
    "stray segment": ("\nGE*3*731", "\nREF*ZZ*1\nGE*3*731", ["file.stray-segment"], "123", "123"),
    "no SE": ("\nSE*28*0002", "", ["se.missing"], "13", "13"),
    "no SE of the last": ("\nSE*16*0003", "", ["se.missing"], "12", "12"),
    "SE of another transaction": ("SE*28*0002", "SE*99*0077", ["se.more", "se.control", "se.foreign"], "13", "13"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damages_are_told(name: str) -> None:
    before, after, broken, importable, balanced = DAMAGES[name]
    assert PLAIN.count(before) == 1
    checks, summary = parse(encode(PLAIN.replace(before, after)))
    assert sorted(rules(checks, summary)) == sorted(broken)
    assert "".join(str(n) for n, check in enumerate(checks, 1) if check.importable) == importable
    assert "".join(str(n) for n, check in enumerate(checks, 1) if check.balanced) == balanced
    assert summary.importable == len(importable)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_finding_names_its_place(name: str) -> None:
    before, after, *_ = DAMAGES[name]
    data = encode(PLAIN.replace(before, after))
    checks, summary = parse(data)
    found = [finding for check in checks for finding in check.diagnostics] + list(summary.diagnostics)
    for finding in found:
        assert 0 <= finding.offset <= len(data)
        if finding.rule not in ("ge.missing", "iea.missing"):
            assert data[: finding.offset].count(b"~") + 1 == finding.segment
            assert finding.offset == 0 or data[finding.offset - 2 : finding.offset] == b"~\n"
        assert finding.severity is RULES[finding.rule][0]
        assert finding.message.endswith(".")


def test_the_place_of_a_fault_deep_inside() -> None:
    text = PLAIN.replace("CAS*CO*45*25", "CAS*CO*45*25.125")
    data = encode(text)
    [finding] = parse(data)[0][1].diagnostics
    assert data[finding.offset :].startswith(b"CAS*CO*45*25.125~")
    assert (finding.rule, finding.severity, finding.datum) == ("element.amount", Severity.ERROR, "25.125")
    assert finding.segment == text.split("\n").index("CAS*CO*45*25.125") + 1


def test_the_place_of_a_fault_among_blank_lines_and_indented_segments() -> None:
    text = PLAIN.replace("CAS*CO*45*25", "CAS*CO*45*25.125")
    lines = text.split("\n")
    data = (
        encode("\n".join("\n  " + line for line in lines), "\n").replace(b"\n  ISA", b"ISA").replace(b"\n\n", b"~\n\n")
    )
    [finding] = parse(data)[0][1].diagnostics
    assert data[finding.offset :].startswith(b"CAS*CO*45*25.125")
    assert finding.segment == lines.index("CAS*CO*45*25.125") + 1


def test_balances_say_the_figures() -> None:
    text = PLAIN.replace("BPR*I*60*C", "BPR*I*61.01*C").replace("CAS*CO*45*14.5", "CAS*CO*45*13.5")
    checks, _ = parse(encode(text))
    messages = {finding.rule: finding.message for check in checks for finding in check.diagnostics}
    assert messages == {
        "balance.line": "Charged 100.00 less adjustments 29.00 is 71.00, but 70.00 was paid.",
        "balance.claim": "Charged 200.00 less adjustments 78.50 is 121.50, but 120.50 was paid.",
        "balance.check": "Claims paid 85.00 less provider adjustments 25.00 is 60.00, but the payment is 61.01.",
    }


@pytest.mark.parametrize("removed", range(1, len(encode(interchange(ACH))) - 45, 97))
def test_a_truncated_file_never_gives_its_last_check(removed: int) -> None:
    data = encode(interchange(ACH))
    checks, summary = parse(data[: len(data) - 45 - removed])
    assert summary.importable == 0
    assert all(not check.importable and not check.balanced for check in checks)
    if checks:
        assert "se.missing" in rules(checks)
    assert summary.diagnostics


def test_a_control_number_cut_off_at_the_end_is_a_truncation() -> None:
    data = encode(ACH)
    assert parse(data[:-2])[0][0].importable  # only the last terminator is gone
    [check], _ = parse(data[:-3])
    assert not check.importable
    assert "se.missing" in rules([check])


def test_a_splice_of_two_checks_is_no_check() -> None:
    head, tail = ACH[: ACH.index("CLP*P00000002")], CHECK[CHECK.index("CLP*P00000005") :]
    [check], _ = parse(encode(interchange(head + tail)))
    assert "se.foreign" in rules([check])
    assert not check.importable


def test_duplicate_control_numbers_of_interchanges_and_groups() -> None:
    twice = encode(interchange(ACH)) + encode(interchange(CHECK))
    checks, summary = parse(twice)
    assert rules(checks, summary) == ["isa.duplicate"]
    one, two = interchange(ACH).split("\n"), interchange(CHECK).split("\n")
    checks, summary = parse(encode("\n".join([*one[:-1], *two[1:-1], "IEA*2*000000731"])))
    assert rules(checks, summary) == ["gs.duplicate"]


def test_the_same_set_number_in_another_group_is_no_duplicate() -> None:
    one, two = interchange(ACH).split("\n"), interchange(ACH, gs=GS.replace("731", "732")).split("\n")
    checks, summary = parse(encode("\n".join([*one[:-1], *two[1:-1], "IEA*2*000000731"])))
    assert rules(checks, summary) == []


@pytest.mark.parametrize("character", [b"\x00", b"\x07", b"\x7f"])
def test_control_characters_are_told_and_left_out(character: bytes) -> None:
    data = encode(PLAIN).replace(b"BRENNICK*TESS", b"BREN" + character + b"NICK*TESS")
    data = data.replace(b"MR40590845", b"MR" + character)
    checks, summary = parse(data)
    assert rules(checks, summary) == ["text.control-character"]
    assert row(CLAIM, checks[0].rows.claims[0])["patient_last_name"] == "BRENNICK"
    assert '["REF","EA","MR"]' in str(checks[0].rows.claims[0][-1])
    assert character in checks[0].raw
    assert checks[0].importable


def test_a_nul_in_an_amount_makes_it_unreadable() -> None:
    checks, _ = parse(encode(PLAIN).replace(b"BPR*I*170.5*", b"BPR*I*17\x000.5*"))
    assert not checks[0].importable
    assert checks[0].fact("amount") is None


NOT_835 = {
    "empty": (b"", "empty"),
    "blank": (b" \r\n\n", "empty"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "PDF"),
    "text": (b"Dear provider,\nplease find your check enclosed.\n", "text"),
    "HTML": (b"<!DOCTYPE html><html></html>", "HTML"),
    "XML": (b"<?xml version='1.0'?><a/>", "XML"),
    "ZIP": (b"PK\x03\x04\x14\x00", "ZIP archive"),
    "gzip": (b"\x1f\x8b\x08\x00", "gzip archive"),
    "EDIFACT": (b"UNA:+.? 'UNB+UNOA:1+A+B'", "EDIFACT"),
    "binary": (bytes(range(200)) * 3, "binary data"),
    "envelope alone": (encode("\n".join([ISA, GS, "GE*0*731", "IEA*1*000000731"])), "X12"),
}


@pytest.mark.parametrize("name", NOT_835)
def test_what_is_no_835_is_named(name: str) -> None:
    data, kind = NOT_835[name]
    checks, summary = parse(data)
    assert checks == []
    assert (summary.kind, summary.payments, summary.importable, summary.size) == (kind, 0, 0, len(data))
    assert "file.not-835" in rules([], summary)


def claims_file(count: int = 1) -> str:
    body = "BHT*0019*00*1*20260302*0645*CH\nHL*1**20*1\nCLM*A*100***11:B:1*Y*A*Y*Y\nSE*5*{0:04d}"
    sets = [f"ST*837*{number:04d}*005010X222A1\n" + body.format(number) for number in range(1, count + 1)]
    return interchange(*sets, gs=GS.replace("GS*HP", "GS*HC").replace("X221A1", "X222A1"))


def test_an_837_is_counted_and_named_and_gives_no_payment() -> None:
    checks, summary = parse(encode(claims_file(3)))
    assert checks == []
    assert (summary.kind, summary.other_sets, summary.payments) == ("837", {"837": 3}, 0)
    assert rules([], summary) == ["file.other-set", "file.not-835"]
    assert summary.segments == len(claims_file(3).split("\n"))


def test_an_835_among_other_sets_is_read() -> None:
    other = "ST*999*0009\nAK1*HP*731\nSE*3*0009"
    checks, summary = parse(encode(interchange(other, ACH, other.replace("0009", "0010"))))
    assert rules(checks, summary) == ["file.other-set"]
    assert (summary.kind, summary.other_sets) == ("835", {"999": 2})
    assert checks[0].balanced
    assert checks[0].segment == 6


@pytest.mark.parametrize("block", [1, 7, 64, 4096])
def test_another_set_without_end_does_not_swallow_the_check_after_it(block: int) -> None:
    other = "ST*999*0009\nAK1*HP*731"
    checks, summary = parse(encode(interchange(other, ACH)), block)
    assert sorted(rules(checks, summary)) == ["file.other-set", "se.missing"]
    assert checks[0].balanced


def test_a_broken_off_check_does_not_swallow_the_interchange_after_it() -> None:
    broken = interchange(ACH)
    data = encode(broken[: broken.index("CLP*P00000003")]) + encode(interchange(CHECK, isa=ISA.replace("731", "732")))
    checks, summary = parse(data)
    assert [check.importable for check in checks] == [False, True]
    assert checks[1].balanced
    assert sorted(rules(checks, summary)) == ["balance.check", "ge.missing", "iea.missing", "se.missing"]


def test_a_check_too_large_to_hold_is_told_and_the_rest_is_read() -> None:
    data = encode(interchange(ACH.replace("SE*66*0001", "REF*ZZ*1"), CHECK, NON_PAYMENT))
    found = list(read(io.BytesIO(data), block=64, largest=1200))
    checks, summary = found[:-1], found[-1]
    assert isinstance(summary, FileSummary)
    assert [check.importable for check in checks if not isinstance(check, FileSummary)] == [False, True, True]


def test_garbage_does_not_fill_the_memory_with_findings() -> None:
    data = encode("\n".join([ISA, *["REF*1"] * 5000]))
    _, summary = parse(data)
    assert len(summary.diagnostics) == MOST_KEPT + 1
    assert summary.diagnostics[-1].rule == "diagnostics.dropped"
    many = ACH.replace("CAS*CO*197*75", "\n".join(["CAS*CO*197*X"] * 3000))
    [check], _ = parse(encode(interchange(many)))
    assert len(check.diagnostics) == MOST_KEPT + 1


def elements(text: str) -> list[tuple[int, int]]:
    """Every element of the good file after its segment's name: which segment, and which place in it."""
    found = []
    for number, segment in enumerate(text.split("\n")):
        found += [(number, place) for place in range(1, segment.count("*") + 1)]
    return found


def test_no_message_quotes_what_stands_in_the_file() -> None:
    """Messages go into reports, outputs and logs, and whatever stands in a file may be a patient's."""
    segments = PLAIN.split("\n")
    words: set[str] = set()
    for number, place in elements(PLAIN):
        for planted in ("TESTPATIENT", "9198765432", "TEST:PAT 1"):
            parts = segments[number].split("*")
            parts[place] = planted
            checks, summary = parse(encode("\n".join([*segments[:number], "*".join(parts), *segments[number + 1 :]])))
            findings = [*summary.diagnostics, *(found for check in checks for found in check.diagnostics)]
            words |= {found.message for found in findings if not found.rule.startswith("balance.")}
    assert not [message for message in words if "TEST" in message or "PAT 1" in message]
    numbers = {message for message in words if "9198765432" in message}
    assert numbers
    assert all(message.startswith("SE01 counts 9198765432 segments") for message in numbers)
    assert len(words) > 20
