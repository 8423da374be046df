"""Two other readers as oracles: the same counts and sums on generated files and on the public samples."""

from __future__ import annotations

import io
from pathlib import Path

import oxedi
import pytest
import pyx12.params
import pyx12.x12context
import pyx12.x12n_document

from hp_portal_plugins.remittance.x12.money import cents
from hp_portal_plugins.remittance.x12.records import CLAIM, Transaction
from tests.tools.gen835 import Options, generate, generate_counted
from tests.tools.small835 import encode, good, parse, rules

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "835").glob("*.835"))
FILES = {
    "small": encode(good()),
    "generated": generate(bytes=60_000, seed=11),
    "plain": generate(Options(bytes=40_000, seed=12, plain=True, newline="")),
    "other separators": generate(
        Options(bytes=40_000, seed=13, element="|", component=">", terminator="'", newline="crlf")
    ),
} | {path.stem: path.read_bytes() for path in SAMPLES}
WITH_ENVELOPE = [name for name in FILES if name != "blue_cross_nc_no_envelope"]


def totals(checks: list[Transaction]) -> dict[str, int]:
    rows = [check.rows for check in checks]
    paid = CLAIM.index("paid")
    return {
        "payments": len(checks),
        "claims": sum(len(found.claims) for found in rows),
        "lines": sum(len(found.lines) for found in rows),
        "adjustments": sum(len(found.adjustments) for found in rows),
        "provider_adjustments": sum(len(found.provider_adjustments) for found in rows),
        "amount": sum(int(check.fact("amount") or 0) for check in checks),
        "claims_paid": sum(int(values[paid] or 0) for found in rows for values in found.claims),
    }


@pytest.mark.parametrize("name", WITH_ENVELOPE)
def test_same_counts_and_sums_as_oxedi(name: str) -> None:
    checks, _ = parse(FILES[name])
    oracle = oxedi.parse(FILES[name])
    found = totals(checks)
    tables = ("payments", "claims", "adjustments", "provider_adjustments")
    assert [found[table] for table in tables] == [len(oracle.tables[table]) for table in tables]
    assert found["lines"] == len(oracle.tables["services"])
    assert found["amount"] == round(oracle.sum_payments() * 100)


@pytest.mark.parametrize("name", WITH_ENVELOPE)
def test_same_counts_and_sums_as_pyx12(name: str) -> None:
    checks, _ = parse(FILES[name])
    found = dict.fromkeys(("payments", "claims", "lines", "amount", "claims_paid"), 0)
    with pyx12.x12context.X12ContextReader(
        pyx12.params.params(), pyx12.error_handler.errh_null(), io.StringIO(FILES[name].decode("ascii"))
    ) as reader:
        for node in reader.iter_segments():
            segment = node.seg_data
            tag = segment.get_seg_id()
            if tag == "BPR":
                found["payments"] += 1
                found["amount"] += cents(segment.get_value("BPR02")) or 0
            elif tag == "CLP":
                found["claims"] += 1
                found["claims_paid"] += cents(segment.get_value("CLP04")) or 0
            found["lines"] += tag == "SVC"
    ours = totals(checks)
    assert found == {name: ours[name] for name in found}


def test_generated_files_are_what_the_generator_says() -> None:
    data, counts = generate_counted(bytes=200_000, seed=14)
    checks, summary = parse(data)
    assert rules(checks, summary) == []
    assert all(check.balanced for check in checks)
    found = totals(checks)
    assert (found["payments"], found["claims"], found["lines"]) == (counts.checks, counts.claims, counts.lines)
    assert (found["adjustments"], found["provider_adjustments"]) == (counts.adjustments, counts.provider_adjustments)
    assert (found["amount"], summary.segments) == (counts.paid, counts.segments)


@pytest.mark.parametrize("name", ["small", "generated"])
def test_our_own_test_files_are_valid_to_both(name: str) -> None:
    assert not oxedi.parse(FILES[name]).diagnostics
    source = io.StringIO(FILES[name].decode("ascii"))
    assert pyx12.x12n_document.x12n_document(pyx12.params.params(), source, None, None)
