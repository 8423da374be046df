"""Files of which something is missing, and what reports say of a file and its findings."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.intake import reports
from hp_portal_plugins.remittance.models import RemittanceFile
from tests.plugins.remittance.import_files import file_of, import_835, payment
from tests.support.world import World


def without(data: bytes, *segments: bytes) -> bytes:
    """A file without the segments that begin with these."""
    return b"~\n".join(line for line in data.split(b"~\n") if not line.startswith(segments))


TWO = file_of(payment("1"), payment("2"))
IN_PART = {
    "cut inside a check": (
        TWO[: TWO.index(b"SE*", TWO.index(b"ST*835*0002"))],
        1,
        "1 payment could not be imported: the findings say why. The file breaks off: its end (IEA) is missing",
    ),
    "cut between checks": (TWO[: TWO.index(b"ST*835*0002")], 1, "The file breaks off: its end (IEA) is missing"),
    "a check without TRN": (TWO.replace(b"TRN*1*2*1000000098~\n", b""), 1, "1 payment could not be imported"),
    "a check is missing": (
        TWO[: TWO.index(b"ST*835*0002")] + TWO[TWO.index(b"GE*") :],
        1,
        "The sender counted another number of payments (GE01) than there are.",
    ),
    "a group is missing": (TWO.replace(b"IEA*1*", b"IEA*2*"), 2, "The sender counted another number of groups (IEA01)"),
    "a group without end": (without(TWO, b"GE*"), 2, "A group of payments has no end (GE)"),
    "a claim inside a payment": (
        re.sub(rb"SE\*([0-9]+)\*0002", lambda se: b"SE*%d*0002" % (int(se[1]) + 5), TWO),
        2,
        "A payment has fewer segments than its sender counted (SE01): something of it may be missing.",
    ),
    "a service line before the first claim": (
        TWO.replace(b"LX*1~", b"SVC*HC:99213*100*80**1~\nCAS*CO*45*20~\nLX*1~", 1).replace(
            b"SE*21*0001", b"SE*23*0001"
        ),
        2,
        "Segments of claims or service lines stand before a payment’s first claim and were left out.",
    ),
    "segments outside": (TWO.replace(b"GE*", b"SVC*HC:99213*1*1~\nGE*"), 2, "Segments outside of any payment were"),
}


@pytest.mark.parametrize("kind", IN_PART)
def test_a_file_of_which_something_is_missing_is_imported_in_part(world: World, kind: str) -> None:
    data, payments, message = IN_PART[kind]
    report = import_835(world, data)
    assert (report.outcome, report.payments) == (reports.PARTIAL, payments)
    assert report.message.startswith(message)
    with world.session() as session:
        assert session.scalars(sa.select(RemittanceFile.outcome)).one() == reports.PARTIAL


def test_more_segments_than_the_sender_counted_are_no_loss(world: World) -> None:
    report = import_835(world, re.sub(rb"SE\*[0-9]+\*0002", b"SE*2*0002", TWO))
    assert (report.outcome, list(report.diagnostics_by_rule)) == (reports.IMPORTED, ["se.count"])


def test_the_part_again_is_no_unchanged_file(world: World) -> None:
    import_835(world, TWO)
    report = import_835(world, IN_PART["cut inside a check"][0])
    assert (report.outcome, report.payments, report.already_known) == (reports.PARTIAL, 0, ["1"])
    assert report.message.endswith("Every other payment in this file was imported before.")


def test_findings_tell_their_reason(world: World) -> None:
    second = TWO.index(b"ST*835*0002")
    odd = TWO[:second] + TWO[second:].replace(b"N1*PR", b"BPR*I*1*C*CHK************20260304~\nN1*PR", 1)
    report = import_835(world, odd.replace(b"TRN*1*1*1000000098~\n", b""))
    found = {finding.rule: finding.message for finding in report.diagnostics}
    assert found["element.missing"] == "There is no TRN: the payment's number is not known."
    assert found["bpr.second"] == "There are two BPR: the first one counts."
    assert found["se.count"].startswith("SE01 counts ")


def test_payments_that_are_there_already_are_checked_all_the_same(world: World) -> None:
    odd = file_of(payment("1", off_by=1), payment("2"))
    import_835(world, odd)
    again = import_835(world, odd)
    assert (again.outcome, again.unbalanced, again.known_checked) == (reports.UNCHANGED, [], True)
    assert [(found.rule, found.payment) for found in again.diagnostics] == [("balance.check", "1")]


def test_an_earlier_versions_report_claims_no_more_than_it_knew() -> None:
    earlier = reports.ImportReport("a.835", reports.UNCHANGED, already_known=["1"], already_known_count=1).as_dict()
    del earlier["known_checked"]
    assert not reports.from_json(json.dumps(earlier)).known_checked
    fresh = reports.ImportReport("a.835").as_dict()
    del fresh["known_checked"]
    assert reports.from_json(json.dumps(fresh)).known_checked
