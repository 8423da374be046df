"""A check's own text as an interchange of its own: valid to us and to two other readers."""

from __future__ import annotations

import io
from pathlib import Path

import oxedi
import pytest
import pyx12.x12file

from hp_portal_plugins.remittance.x12.rebuild import rebuild_interchange
from hp_portal_plugins.remittance.x12.records import Transaction
from tests.tools.gen835 import Options, generate
from tests.tools.small835 import ACH, GS, ISA, encode, good, interchange, parse, rules

SAMPLES = Path(__file__).parents[2] / "data" / "835"
ENVELOPE_KINDS = ("ControlCountMismatch", "ControlNumberMismatch", "Envelope", "Isa", "Interchange", "Group")
SOURCES = {
    "good": encode(good()),
    "no line ends": encode(good(), "~"),
    "line ends as terminators": encode(good(), "\n"),
    "CRLF": encode(good(), "~\r\n"),
    "other separators": generate(Options(bytes=30_000, seed=5, element="|", component=">", terminator="'")),
    "masked and short ISA": encode(interchange(ACH, isa="ISA*X*Y*Z**ZZ*MERIDIAN*1*C*2026*06*^*XX*A*9*X*:")),
    "passwords": encode(interchange(ACH, isa=ISA.replace("*00*          *00*", "*03*SECRET    *01*"))),
    "malformed GS": encode(interchange(ACH, gs="GS*HP*M*C*260302**7X*X*005010X221A1")),
    "an older version": encode(good().replace("005010X221A1", "004010X091A1")),
    "no envelope": encode(ACH),
    "no envelope, published": (SAMPLES / "blue_cross_nc_no_envelope.835").read_bytes(),
    "emedny": (SAMPLES / "emedny_sample.835").read_bytes(),
    "united": (SAMPLES / "united_legacy_sample.835").read_bytes(),
    "many loops": (SAMPLES / "mult_loops.835").read_bytes(),
    "Latin-1": encode(good().replace("MERIDIAN ", "MÉRIDIAN ")),
}  # fmt: skip


def rebuilt(check: Transaction) -> bytes:
    isa = check.interchange.raw if check.interchange else None
    gs = check.group.raw if check.group else None
    return rebuild_interchange(check.raw, isa, gs)


@pytest.mark.parametrize("name", SOURCES)
def test_each_check_comes_back_alone_and_unchanged(name: str) -> None:
    for check in parse(SOURCES[name])[0]:
        data = rebuilt(check)
        assert check.raw.rstrip() in data
        assert data.index(b"GS") in (106, 107, 108)
        [again], summary = parse(data)
        assert (again.raw.rstrip(), again.rows.claims[0][1:]) == (check.raw.rstrip(), check.rows.claims[0][1:])
        assert (again.balanced, again.importable) == (check.balanced, check.importable)
        broken = [rule for rule in rules([again], summary) if rule.startswith(("isa", "iea", "gs", "ge", "st"))]
        assert broken == (["gs.version"] if name == "an older version" else [])
        assert (summary.interchanges, summary.groups, summary.payments) == (1, 1, 1)


@pytest.mark.parametrize("name", SOURCES)
def test_other_readers_find_the_envelope_right(name: str) -> None:
    for check in parse(SOURCES[name])[0]:
        data = rebuilt(check)
        wrong_count = bool({"se.count", "se.more"} & {*rules([check])})
        kinds = [found.kind for found in oxedi.parse(data).diagnostics if found.kind.startswith(ENVELOPE_KINDS)]
        assert kinds == (["ControlCountMismatch"] if wrong_count else [])
        with pyx12.x12file.X12Reader(io.StringIO(data.decode("latin-1"))) as reader:
            segments = [segment.get_seg_id() for segment in reader]
            reader.cleanup()
            errors = [error for error in reader.pop_errors() if error[0] in ("isa", "gs")]
        assert errors == []
        assert segments[:3] == ["ISA", "GS", "ST"]
        assert segments[-3:] == ["SE", "GE", "IEA"]


def test_the_envelope_keeps_who_sent_it_and_leaves_out_passwords() -> None:
    [check] = parse(SOURCES["passwords"])[0]
    data = rebuilt(check)
    assert b"SECRET" not in data
    assert data.startswith(ISA.encode())
    assert data[107:].startswith(GS.encode() + b"~\n")
    assert data.endswith(b"~\nGE*1*731~\nIEA*1*000000731~\n")


def test_without_an_envelope_the_check_names_sender_and_receiver() -> None:
    data = rebuild_interchange(encode(ACH))
    assert data[:106].split(b"*")[6:10] == [b"1512345678     ", b"ZZ", b"CLEARING       ", b"260304"]
    assert b"GS*HP*1512345678*CLEARING*20260304*0000*1*X*005010X221A1~" in data


def test_a_check_without_receiver_is_for_its_payee() -> None:
    data = rebuild_interchange(encode(ACH.replace("REF*EV*CLEARING\n", "").replace("SE*66", "SE*65")))
    assert b"GS*HP*1512345678*1234567893*" in data


@pytest.mark.parametrize("raw", [b"", b"BPR*I*1*C~", b"STATEMENT", b"ST*835"])
def test_what_is_no_transaction_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a transaction"):
        rebuild_interchange(raw)
