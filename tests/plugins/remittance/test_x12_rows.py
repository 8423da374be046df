"""The reader: every fact of a check in its column, on a file written out by hand and on the public samples."""

from __future__ import annotations

import hashlib
import itertools
import json
from io import BytesIO
from pathlib import Path

import pytest

from hp_portal_plugins.remittance.x12.reader import read
from hp_portal_plugins.remittance.x12.records import (
    ADJUSTMENT,
    CLAIM,
    LINE,
    PAYMENT,
    PROVIDER_ADJUSTMENT,
    FileSummary,
    Transaction,
)
from tests.tools.small835 import AMOUNTS, encode, good, interchange, parse, row, rules

SAMPLES = Path(__file__).parents[2] / "data" / "835"


@pytest.fixture(scope="module")
def checks() -> list[Transaction]:
    return parse(encode(good()))[0]


def test_the_good_file_has_no_findings_and_balances(checks: list[Transaction]) -> None:
    transactions, summary = parse(encode(good()))
    assert rules(transactions, summary) == []
    assert [found.fact("amount") for found in transactions] == list(AMOUNTS)
    assert all(found.importable and found.balanced for found in transactions)


def test_summary_of_a_file() -> None:
    data = encode(good())
    _, summary = parse(data)
    assert summary == FileSummary(
        kind="835", size=len(data), sha256=hashlib.sha256(data).hexdigest(), segments=data.count(b"~"), interchanges=1,
        groups=1, payments=3, importable=3, other_sets={}, diagnostics=(),
    )  # fmt: skip


def test_payment_facts(checks: list[Transaction]) -> None:
    found = row(PAYMENT, checks[0].payment)
    contacts = json.loads(str(found.pop("payer_contacts")))
    assert contacts == [
        {"kind": "CX", "name": "PROVIDER SERVICES", "phone": "8005550100", "extension": "12"},
        {"kind": "BL", "name": "EDI SUPPORT", "phone": "8005550101", "email": "edi@example.org"},
        {"kind": "IC", "url": "www.example.org/era"},
    ]
    assert found == {
        "payment": 1, "control_number": "0001", "handling_code": "I", "amount": 17050, "credit_debit": "C",
        "method": "ACH", "effective_on": "2026-03-04", "produced_on": "2026-03-03", "trace_number": "1469865940",
        "originator_id": "1512345678", "originator_supplement": "000099999", "receiver_id": "CLEARING",
        "payer_name": "MERIDIAN VALLEY HEALTH PLAN", "payer_id_qualifier": "XV", "payer_id": "MVHP1",
        "payer_reference": "12345", "payer_street": "400 LONG MEADOW RD\nSUITE 5", "payer_city": "ALBANY",
        "payer_state": "NY", "payer_postal_code": "12207",
        "payee_name": "CASTELLO HOSPITAL", "payee_id_qualifier": "XX", "payee_id": "1234567893",
        "payee_npi": "1234567893", "payee_tin": "532508698", "payee_number": "V00017",
        "payee_street": "6953 MAIN ST", "payee_city": "MOBILE", "payee_state": "AL", "payee_postal_code": "36602",
        "interchange_sender": "MERIDIAN", "interchange_receiver": "CLEARING",
        "interchange_control_number": "000000731", "group_control_number": "731", "version": "005010X221A1",
        "claim_count": 3, "line_count": 4, "adjustment_count": 7, "provider_adjustment_count": 0,
        "claims_paid": 17050, "provider_adjusted": 0, "balanced": True,
    }  # fmt: skip


def test_a_payee_known_by_tin_and_a_payment_without_money(checks: list[Transaction]) -> None:
    assert checks[1].fact("payee_tin") == "532508699"
    assert checks[1].fact("payee_npi") is None
    assert (checks[2].fact("method"), checks[2].fact("trace_number")) == ("NON", "NP000017")


def test_claim_facts(checks: list[Transaction]) -> None:
    found = row(CLAIM, checks[0].rows.claims[0])
    assert json.loads(str(found.pop("more"))) == [
        ["NM1", "TT", "2", "OTHER CARRIER", "", "", "", "", "PI", "99999"],
        ["MIA", "0", "", "", "150", "MA01"],
        ["MOA", "", "", "MA130", "N19"],
        ["REF", "1L", "GRP590845"],
        ["REF", "EA", "MR40590845"],
        ["PER", "CX", "CLAIMS DESK", "TE", "8005550102"],
        ["AMT", "D8", "5"],
        ["QTY", "CA", "3"],
    ]
    assert found == {
        "payment": 1, "claim": 1, "lx": "1", "patient_control_number": "P00000001", "status": "1", "charged": 20000,
        "paid": 12050, "patient_responsibility": 2950, "adjusted": 7950, "filing_indicator": "12",
        "payer_control_number": "202625840590845", "facility_code": "11", "frequency_code": "1", "drg_code": "470",
        "drg_weight": "1.5", "patient_last_name": "BRENNICK", "patient_first_name": "TESS", "patient_middle_name": "A",
        "member_id_qualifier": "MI", "member_id": "W542381444", "subscriber_name": "BRENNICK, HUGO",
        "subscriber_id": "W542381400", "corrected_name": "BRENNICKE, TESS", "corrected_id": "W542381445",
        "rendering_name": "KOWAL, PAT", "rendering_npi": "1679576722", "service_from": "2026-02-01",
        "service_to": "2026-02-02", "received_on": "2026-02-08", "coverage_ended_on": "2026-12-31",
        "coverage_amount": 15000, "remarks": "MA01 MA130 N19", "line_count": 2, "balanced": True,
    }  # fmt: skip


def test_claim_dates_fall_back_to_those_of_its_lines_and_lx_moves_on(checks: list[Transaction]) -> None:
    found = row(CLAIM, checks[0].rows.claims[1])
    assert (found["service_from"], found["service_to"], found["lx"]) == ("2026-01-02", "2026-01-02", "2")
    [second] = [line for line in checks[0].rows.lines if line[1:3] == (1, 2)]
    assert row(LINE, second)["service_to"] == "2026-02-02"


def test_line_facts(checks: list[Transaction]) -> None:
    found = row(LINE, checks[0].rows.lines[0])
    assert json.loads(str(found.pop("more"))) == [["REF", "LU", "11"], ["AMT", "T", "1"], ["QTY", "ZK", "1"]]
    assert found == {
        "payment": 1, "claim": 1, "line": 1, "qualifier": "HC", "procedure": "96372", "modifiers": "25 59",
        "submitted_procedure": "HC:96373", "charged": 10000, "paid": 6050, "adjusted": 3950, "units": "2",
        "submitted_units": "3", "service_from": "2026-02-01", "service_to": "2026-02-01", "allowed": 8000,
        "control_number": "P00000001001", "rendering_npi": "1679576722", "remarks": "M15 N130", "balanced": True,
    }  # fmt: skip


def test_a_line_of_revenue_codes_and_units_that_were_not_sent(checks: list[Transaction]) -> None:
    found = row(LINE, checks[0].rows.lines[1])
    assert (found["qualifier"], found["procedure"], found["revenue_code"], found["units"]) == (
        "NU",
        "0450",
        "0450",
        "1",
    )
    assert (found["service_from"], found["service_to"]) == ("2026-02-01", "2026-02-02")


def test_every_triplet_of_every_cas_at_both_levels(checks: list[Transaction]) -> None:
    assert ADJUSTMENT == ("payment", "level", "claim", "line", "group", "reason", "amount", "quantity")
    assert checks[0].rows.adjustments[:4] == [
        (1, "C", 1, None, "OA", "B4", 1000, None),
        (1, "L", 1, 1, "CO", "45", 2000, None),
        (1, "L", 1, 1, "CO", "253", 550, "1"),
        (1, "L", 1, 1, "PR", "2", 1400, None),
    ]


def test_six_triplets_in_one_cas() -> None:
    cas = "CAS*CO*" + "*".join(f"{number}*{number}*" for number in range(1, 7)).rstrip("*")
    text = good().replace("CAS*CO*197*75", cas.replace("*6*6", "*6*60", 1))
    [check, *_], _ = parse(encode(text))
    assert [(found[5], found[6]) for found in check.rows.adjustments if found[2] == 2] == [
        ("1", 100), ("2", 200), ("3", 300), ("4", 400), ("5", 500), ("6", 6000),
    ]  # fmt: skip
    assert check.balanced


def test_every_pair_of_a_plb_and_a_reversal(checks: list[Transaction]) -> None:
    assert PROVIDER_ADJUSTMENT == ("payment", "provider_id", "fiscal_period_ends_on", "reason", "reference", "amount")
    assert checks[1].rows.provider_adjustments == [
        (2, "1234567893", "2026-12-31", "WO", "202625840590846", 3000),
        (2, "1234567893", "2026-12-31", "L6", "INT", -500),
    ]
    assert [row(CLAIM, found)["paid"] for found in checks[1].rows.claims] == [-8000, 9000, 7500]
    assert (checks[1].fact("claims_paid"), checks[1].fact("provider_adjusted")) == (8500, 2500)


def test_a_check_of_provider_adjustments_alone() -> None:
    check = "ST*835*9\nBPR*I*5*C*CHK************20260304\nTRN*1*77*1512345678\nN1*PE*X*XX*1234567893\n"
    [found], _ = parse(encode(interchange(check + "PLB*1*20261231*L6*-5\nSE*6*9")))
    assert found.balanced
    assert found.rows.provider_adjustments == [(1, "1", "2026-12-31", "L6", None, -500)]


def test_a_payment_owed_to_the_payer_is_negative_in_the_balance() -> None:
    text = good().replace("BPR*I*60*C", "BPR*I*60*D").replace("WO:202625840590846*30", "WO:202625840590846*150")
    [_, check, _], _ = parse(encode(text))
    assert check.balanced
    assert (check.fact("amount"), check.fact("credit_debit")) == (-6000, "D")


def test_each_check_keeps_its_own_bytes_and_its_place(checks: list[Transaction]) -> None:
    data = encode(good())
    for found in checks:
        assert data[found.offset : found.offset + len(found.raw)] == found.raw
        assert found.raw.startswith(b"ST*835*")
        assert found.raw.endswith(str(found.fact("control_number")).encode() + b"~")
        assert data[: found.offset].count(b"~") + 1 == found.segment
        assert found.interchange is not None
        assert found.interchange.element(13) == "000000731"
        assert found.group is not None
        assert found.group.raw == b"GS*HP*MERIDIAN*CLEARING*20260302*0645*731*X*005010X221A1"


def test_numbers_of_payments_are_drawn_from_the_caller() -> None:
    found = list(read(BytesIO(encode(good())), payment_numbers=itertools.count(500)))
    checks = [item for item in found if isinstance(item, Transaction)]
    assert [check.number for check in checks] == [500, 501, 502]
    for check in checks:
        rows = check.rows
        tables = (rows.claims, rows.lines, rows.adjustments, rows.provider_adjustments, [check.payment])
        assert {values[0] for table in tables for values in table} == {check.number}


def test_unknown_codes_are_kept_and_noted() -> None:
    text = (
        good().replace("CAS*PR*96*40", "CAS*ZZ*Z99*40").replace("CLP*P00000006*4*40*0*40*", "CLP*P00000006*99*40*0**")
    )
    checks, summary = parse(encode(text.replace("*C*NON*", "*C*ZZZ*")))
    assert rules(checks, summary) == ["code.unknown"] * 3
    assert {found.severity for found in checks[2].diagnostics} == {"info"}
    assert checks[2].balanced
    assert checks[2].fact("method") == "ZZZ"
    assert checks[2].rows.adjustments[0][4:7] == ("ZZ", "Z99", 4000)


def test_the_same_segments_in_another_order_give_the_same_rows(checks: list[Transaction]) -> None:
    line = ["DTM*472*20260201", "CAS*CO*45*20**253*5.5*1", "CAS*PR*2*14", "REF*6R*P00000001001", "REF*HPI*1679576722"]
    text = good().replace("\n".join(line), "\n".join([line[3], line[4], line[0], line[1], line[2]]))
    [found, *_], _ = parse(encode(text))
    assert found.rows == checks[0].rows


def test_one_layout_does_not_stand_in_for_another() -> None:
    # The same number of elements, other names: what was learned from one line must not be used for the other.
    lines = ["AMT*B6*5", "REF*6R*7", "REF*HPI*8", "LQ*HE*N1", "LQ*RX*R2", "REF*LU*9", "QTY*ZK*5", "DTM*472*20260101"]
    claims = [
        f"CLP*P{number}*1*50*50**13*C{number}*81*1\nNM1*QC*1*A*B****MI*1\nSVC*HC:99213*50*50**1\n{line}"
        for number, line in enumerate(lines)
    ]
    head = "ST*835*9\nBPR*I*400*C*CHK************20260304\nTRN*1*77*1512345678\nN1*PE*X*XX*1234567893"
    [found], _ = parse(encode(interchange("\n".join([head, *claims, "SE*37*9"]))))
    rows = [row(LINE, values) for values in found.rows.lines]
    assert rows[0]["allowed"] == 500
    assert rows[1]["control_number"] == "7"
    assert rows[2]["rendering_npi"] == "8"
    assert [rows[3]["remarks"], rows[4]["remarks"]] == ["N1", "R2"]
    assert [rows[5]["more"], rows[6]["more"]] == ['[["REF","LU","9"]]', '[["QTY","ZK","5"]]']
    assert rows[7]["service_from"] == "2026-01-01"
    assert rules([found]) == []


@pytest.mark.parametrize(
    ("name", "amount", "claims", "lines", "adjustments", "found_rules"),
    [
        ("emedny_sample", 4575, 3, 10, 4, []),
        ("mult_loops", 0, 1, 3, 3, []),
        ("united_legacy_sample", 34999, 2, 5, 7, []),
        (
            "blue_cross_nc_no_envelope", 192286, 1, 3, 3,
            ["isa.missing", "gs.missing", "element.missing", "element.missing", "se.more"],
        ),
    ],
)  # fmt: skip
def test_public_samples(
    name: str, amount: int, claims: int, lines: int, adjustments: int, found_rules: list[str]
) -> None:
    data = (SAMPLES / f"{name}.835").read_bytes()
    [check], summary = parse(data)
    assert (check.fact("amount"), check.fact("claim_count"), check.fact("line_count")) == (amount, claims, lines)
    assert check.fact("adjustment_count") == adjustments
    assert rules([check], summary) == found_rules
    assert check.importable
    assert check.balanced is (name != "blue_cross_nc_no_envelope")


def test_facts_of_published_samples_that_trip_other_readers() -> None:
    [legacy], _ = parse((SAMPLES / "united_legacy_sample.835").read_bytes())
    assert [values[4] for values in legacy.rows.lines] == ["B4152", "B4152", "B4154", "B4034", "B4154"]
    assert (1, "L", 2, 3, "PR", "2", 513, None) in legacy.rows.adjustments
    assert (1, "L", 2, 3, "PR", "1", 11000, None) in legacy.rows.adjustments
    [carolina], _ = parse((SAMPLES / "blue_cross_nc_no_envelope.835").read_bytes())
    assert row(CLAIM, carolina.rows.claims[0])["member_id"] == "YPB123456789001"
    assert carolina.fact("payer_contacts") == '[{"kind":"CX","phone":"8005554844"}]'
    last = row(LINE, carolina.rows.lines[2])
    assert (last.get("charged"), last.get("paid"), last["balanced"], last["allowed"]) == (None, None, False, 74200)
