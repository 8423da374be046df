"""Files as people send them: packed, with tabs, in small letters, glued together; each is read, or refused with what to do."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from hp_portal_plugins.remittance.intake.reports import refusal
from hp_portal_plugins.remittance.x12.rebuild import rebuild_interchange
from tests.tools.small835 import ACH, GS, ISA, encode, good, interchange, parse, rules

PLAIN = encode(good())


def zipped(how: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        archive.writestr("remittance.835", PLAIN)
    return made.getvalue()


def names_in_small_letters() -> bytes:
    lines = [line.partition("*") for line in good().split("\n")]
    return encode("\n".join(f"{name.lower()}{star}{rest}" for name, star, rest in lines))


REFUSED = {
    "ZIP that stores its files as they are": (zipped(zipfile.ZIP_STORED), "This is a ZIP archive. Unpack it"),
    "ZIP": (zipped(zipfile.ZIP_DEFLATED), "This is a ZIP archive. Unpack it"),
    "gzip": (gzip.compress(PLAIN), "This is a gzip archive. Unpack it"),
    "tabs": (PLAIN.replace(b"*", b"\t"), "separated by tabs"),
    "small letters": (PLAIN.lower(), "in small letters (isa, clp)"),
    "names in small letters": (names_in_small_letters(), "in small letters (isa, clp)"),
    "a PDF that quotes an 835": (b"%PDF-1.7\n" + PLAIN, "This is a PDF"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_with_what_to_do(name: str) -> None:
    data, sentence = REFUSED[name]
    checks, summary = parse(data)
    assert checks == []
    assert sentence in refusal(summary)
    assert rules(checks, summary) == ["file.not-835"]


def glued(end: str, tags: tuple[str, ...], by: str) -> bytes:
    text = encode(good(), end).decode()
    for tag in tags:
        assert text.count(f"{end}{tag}*") == 1
        text = text.replace(f"{end}{tag}*", f"{by}{tag}*")
    return text.encode()


@pytest.mark.parametrize(
    ("end", "tags", "by", "found"),
    [
        ("\n", ("IEA",), "~", 1),
        ("\r\n", ("IEA",), "~", 1),
        ("'\n", ("GE", "IEA"), "~", 2),
        ("~\n", ("GE", "IEA"), "~", 0),
        ("~\n", ("GE", "IEA"), "'", 2),
    ],
)
def test_the_end_of_the_envelope_glued_on_by_another_terminator(
    end: str, tags: tuple[str, ...], by: str, found: int
) -> None:
    checks, summary = parse(glued(end, tags, by))
    assert rules(checks, summary) == ["file.glued"] * found
    plain, _ = parse(encode(good(), end))
    assert [(check.payment, check.rows, check.importable) for check in checks] == [
        (check.payment, check.rows, True) for check in plain
    ]
    assert summary.interchanges == summary.groups == 1


def test_a_second_interchange_glued_to_the_first() -> None:
    later = encode(interchange(ACH, isa=ISA.replace("000000731", "000000732"), gs=GS.replace("731", "732")), "\n")
    checks, summary = parse(encode(good(), "\n").rstrip(b"\n") + b"~" + later)
    assert len(checks) == 4
    assert summary.interchanges == 2
    assert rules(checks, summary) == ["file.glued"]


def test_an_envelope_in_small_letters_is_told() -> None:
    data = (
        PLAIN.replace(b"ISA*", b"isa*")
        .replace(b"GS*HP", b"gs*HP")
        .replace(b"GE*3", b"ge*3")
        .replace(b"IEA*1", b"iea*1")
    )
    checks, summary = parse(data)
    assert all(check.importable for check in checks)
    messages = [finding.message for finding in summary.diagnostics]
    assert messages == [
        "Text stands before the first segment. Names of segments in small letters are not read.",
        "GE is written in small letters, so it was not read.",
        "IEA is written in small letters, so it was not read.",
    ]


@pytest.mark.parametrize(
    ("version", "sent", "kept"), [("00401", "U", "U"), ("00401", "^", "U"), ("00501", "^", "^"), ("00501", "!", "!")]
)
def test_isa11_is_kept_in_the_download(version: str, sent: str, kept: str) -> None:
    text = good().replace("*^*00501*", f"*{sent}*{version}*")
    checks, _ = parse(encode(text))
    for check in checks:
        assert check.interchange is not None
        assert check.group is not None
        isa = rebuild_interchange(check.raw, check.interchange.raw, check.group.raw).split(b"*")
        assert (isa[11], isa[12]) == (kept.encode(), version.encode())
