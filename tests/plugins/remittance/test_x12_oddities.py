"""Files that are odd and right: each is read as if it were written by the book."""

from __future__ import annotations

import pytest

from hp_portal_plugins.remittance.x12.records import CLAIM, LINE, Transaction
from tests.tools.small835 import ACH, AMOUNTS, CHECK, GS, ISA, NON_PAYMENT, encode, good, interchange, parse, row, rules

PLAIN = encode(good())


def other_separators(element: str = "*", component: str = ":", repetition: str = "^", end: str = "~\n") -> bytes:
    """The good file written with other separators."""
    table = str.maketrans({"*": element, ":": component, "^": repetition})
    return encode(good().translate(table), end)


def indented() -> bytes:
    return encode("\n".join("    " + line for line in good().split("\n")))


def second_interchange() -> bytes:
    later = interchange(
        ACH, isa=ISA.replace("000000731", "000000732").replace("*P*:", "*P*>"), gs=GS.replace("731", "732")
    )
    return PLAIN + encode(later.replace(":", ">"), "~")


ODDITIES = {
    "no line ends": encode(good(), "~"),
    "CRLF after the terminator": encode(good(), "~\r\n"),
    "line ends as terminators": encode(good(), "\n"),
    "CRLF as terminator": encode(good(), "\r\n"),
    "CR as terminator": encode(good(), "\r"),
    "other separators": other_separators("|", ">", "!", "'"),
    "caret as element separator": other_separators("^", ":", "!"),
    "plus as element separator": other_separators("+", ">"),
    "control character as component separator": other_separators(component="\x1f"),
    "control characters as all separators": other_separators("\x1d", "\x1f", "\x1e", "\x1c"),
    "indented": indented(),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "leading blank lines": b"\r\n\n  \n" + PLAIN,
    "blank lines between": encode(good().replace("\nCLP", "\n\nCLP"), "\n").replace(b"\n", b"~\n"),
    "empty segments": PLAIN.replace(b"~\nSVC", b"~~\n~\nSVC"),
    "blanks before terminators": PLAIN.replace(b"MOBILE*AL*36602~", b"MOBILE*AL*36602  ~"),
    "line ends of both kinds": PLAIN.replace(b"~\nSVC", b"~\r\nSVC").replace(b"~\nCAS", b"~CAS"),
    "no last terminator": PLAIN[:-2],
    "DOS end of file": PLAIN + b"\x1a",
    "TA1 in the envelope": PLAIN.replace(b"GS*HP", b"TA1*000000731*260302*0645*A*000~\nGS*HP"),
}


@pytest.mark.parametrize("name", ODDITIES)
def test_odd_files_read_as_the_good_one(name: str) -> None:
    checks, summary = parse(ODDITIES[name])
    plain, _ = parse(PLAIN)
    assert rules(checks, summary) == []
    assert [check.rows for check in checks] == [check.rows for check in plain]
    assert [check.payment for check in checks] == [check.payment for check in plain]
    assert all(check.importable and check.balanced for check in checks)


SHORT_ISAS = {
    "102 bytes": "ISA*00*          *00*          *ZZ*MERIDIAN      *ZZ*CLEARING    *260302*0645*^*00501*000000731*0*P*:",
    "104 bytes": "ISA*00*          *00*          *ZZ*MERIDIAN      *ZZ*CLEARING      *260302*0645*^*00501*000000731*0*P*:",
    "105 bytes": ISA.replace("MERIDIAN       ", "MERIDIAN      "),
    "122 bytes": ISA.replace("MERIDIAN       ", "MERIDIAN               ").replace(
        "CLEARING       ", "CLEARING" + " " * 15
    ),
    "trimmed": "ISA*00**00**ZZ*MERIDIAN*ZZ*CLEARING*260302*0645*^*00501*000000731*0*P*:",
}


@pytest.mark.parametrize("end", ["~", "~\n", "\n"])
@pytest.mark.parametrize("name", SHORT_ISAS)
def test_isa_of_the_wrong_width_is_read_with_a_warning(name: str, end: str) -> None:
    checks, summary = parse(encode(interchange(ACH, CHECK, NON_PAYMENT, isa=SHORT_ISAS[name]), end))
    assert rules(checks, summary) == ["isa.malformed"]
    assert summary.diagnostics[0].severity == "warning"
    assert [check.fact("amount") for check in checks] == list(AMOUNTS)
    assert checks[0].rows == parse(PLAIN)[0][0].rows


def test_a_masked_isa12_and_a_masked_component_separator() -> None:
    isa = ISA.replace("*00501*", "*XXXXX*").replace("*P*:", "*P*X")
    checks, summary = parse(encode(interchange(ACH, CHECK, NON_PAYMENT, isa=isa)))
    assert rules(checks, summary) == []
    assert checks[0].separators.component == ":"


def test_a_component_separator_that_isa_does_not_name() -> None:
    checks, _ = parse(encode(good().replace("*P*:", "*P*>")))
    assert checks[0].rows == parse(PLAIN)[0][0].rows


def test_isa_inside_names() -> None:
    text = good().replace("BRENNICK*TESS", "ISA*ISA").replace("CASTELLO HOSPITAL", "LISA SE CLINIC")
    checks, summary = parse(encode(text))
    assert rules(checks, summary) == []
    assert row(CLAIM, checks[0].rows.claims[0])["patient_last_name"] == "ISA"
    assert checks[0].fact("payee_name") == "LISA SE CLINIC"


def test_names_of_segments_as_values() -> None:
    text = good().replace("*VOSS*", "*SE*").replace("*ADA*", "*ST*").replace("P00000005", "CLP").replace("INT", "GE")
    checks, summary = parse(encode(text, "~"))
    assert rules(checks, summary) == []
    assert [check.importable and check.balanced for check in checks] == [True] * 3


def test_latin_1_and_utf_8_names() -> None:
    for encoding in ("latin-1", "cp1252", "utf-8"):
        data = encode(
            good().replace("BRENNICK*TESS", "MÜLLER*ZOË").replace("REF*EA*MR40590845", "REF*EA*É"), encoding=encoding
        )
        checks, summary = parse(data)
        assert rules(checks, summary) == []
        found = row(CLAIM, checks[0].rows.claims[0])
        assert (found["patient_last_name"], found["patient_first_name"]) == ("MÜLLER", "ZOË")
        assert '["REF","EA","É"]' in str(found["more"])


def test_windows_punctuation() -> None:
    data = encode(good().replace("TRAN CLINIC", "O’NEIL’S €"), encoding="cp1252")
    assert parse(data)[0][1].fact("payee_name") == "O’NEIL’S €"


def test_quotes_and_backslashes_in_text_that_becomes_json() -> None:
    checks, summary = parse(encode(good().replace("MR40590845", 'A"B\\C')))
    assert rules(checks, summary) == []
    assert '["REF","EA","A\\"B\\\\C"]' in str(row(CLAIM, checks[0].rows.claims[0])["more"])


def test_two_interchanges_with_separators_of_their_own() -> None:
    checks, summary = parse(second_interchange())
    assert rules(checks, summary) == []
    assert summary.interchanges == summary.groups == 2
    assert [check.fact("interchange_control_number") for check in checks] == ["000000731"] * 3 + ["000000732"]
    assert [values[1:] for values in checks[3].rows.lines] == [values[1:] for values in checks[0].rows.lines]


def test_several_groups() -> None:
    one, two = interchange(ACH).split("\n"), interchange(CHECK, gs=GS.replace("731", "732")).split("\n")
    text = "\n".join([*one[:-1], *two[1:-1], "IEA*2*000000731"])
    checks, summary = parse(encode(text))
    assert rules(checks, summary) == []
    assert [check.fact("group_control_number") for check in checks] == ["731", "732"]


def test_unknown_segments_are_kept_and_told() -> None:
    text = good().replace("LX*2", "ZZZ*1*2\nLX*2").replace("SE*66*", "SE*67*")
    checks, summary = parse(encode(text))
    assert rules(checks, summary) == ["segment.unknown"]
    assert row_of(checks, 1, 2)["more"] == '[["ZZZ","1","2"]]'
    assert checks[0].balanced


def row_of(checks: list[Transaction], claim: int, line: int) -> dict[str, object]:
    return next(row(LINE, values) for values in checks[0].rows.lines if values[1:3] == (claim, line))


def test_lx_inside_a_service_line() -> None:
    text = good().replace("CAS*CO*197*75", "LX*3\nCAS*CO*197*75").replace("SE*66*", "SE*67*")
    checks, summary = parse(encode(text))
    assert rules(checks, summary) == ["segment.misplaced"] * 2, "CAS and LQ stand behind LX"
    assert [values[2] for values in checks[0].rows.claims] == ["1", "2", "3"]
    assert checks[0].balanced


def test_a_payee_identifier_that_is_no_number_and_extra_elements() -> None:
    text = good().replace("N1*PE*TRAN CLINIC*XX*1234567893", "N1*PE*TRAN CLINIC*XV*AB-12")
    text = text.replace("REF*6R*P00000001001", "REF*6R*P00000001001*X*Y").replace("AMT*B6*80", "AMT*B6*80*C")
    checks, summary = parse(encode(text))
    assert rules(checks, summary) == []
    assert checks[2].fact("payee_id") == "AB-12"
    assert checks[2].fact("payee_npi") is None, "only N103 = XX says that the identifier is an NPI"
    assert (row_of(checks, 1, 1)["control_number"], row_of(checks, 1, 1)["allowed"]) == ("P00000001001", 8000)


@pytest.mark.parametrize(("qualifier", "npi"), [("XX", "1679576722"), ("FI", None), ("BS", None), ("", None)])
def test_only_an_npi_is_taken_for_one(qualifier: str, npi: str | None) -> None:
    text = good().replace("NM1*82*1*KOWAL*PAT****XX*", f"NM1*82*1*KOWAL*PAT****{qualifier}*")
    text = text.replace("N1*PE*TRAN CLINIC*XX*", f"N1*PE*TRAN CLINIC*{qualifier}*")
    checks, _ = parse(encode(text))
    claims = [row(CLAIM, values) for check in checks for values in check.rows.claims]
    assert next(claim.get("rendering_npi") for claim in claims if claim.get("rendering_name") == "KOWAL, PAT") == npi
    assert checks[2].fact("payee_npi") == ("1234567893" if npi else None)


def test_segments_shorter_than_usual() -> None:
    text = good().replace("CLP*P00000003*1*50*50**13*202693117196495*81*1", "CLP*P00000003*1*50*50**13*9")
    text = text.replace("NM1*QC*1*TRAN*RUTH****MI*W348367837", "NM1*QC*1*TRAN")
    text = text.replace("SVC*HC:99213*50*50**1", "SVC*HC:99213*50*50")
    checks, summary = parse(encode(text))
    assert rules(checks, summary) == []
    assert checks[0].balanced
    found = row(CLAIM, checks[0].rows.claims[2])
    assert (found["patient_last_name"], found.get("member_id"), found["payer_control_number"]) == ("TRAN", None, "9")
    assert row_of(checks, 3, 1)["units"] == "1"


def test_text_before_the_interchange_is_passed_over_with_a_warning() -> None:
    checks, summary = parse(b"Here is your remittance file.\nRegards\n\n" + PLAIN)
    assert rules(checks, summary) == ["file.leading-text"]
    assert [check.rows for check in checks] == [check.rows for check in parse(PLAIN)[0]]


def test_a_transaction_without_envelope_is_imported_with_warnings() -> None:
    checks, summary = parse(encode("\n".join((ACH, CHECK))))
    assert rules(checks, summary) == ["isa.missing", "gs.missing"] * 2
    assert all(check.importable and check.balanced for check in checks)
    assert summary.kind == "835"


@pytest.mark.parametrize("start", ["BPR", "CLP"])
def test_a_fragment_that_starts_in_the_middle_is_read_but_not_imported(start: str) -> None:
    fragment = ACH[ACH.index(start) :].rpartition("\nSE")[0]
    checks, summary = parse(encode(fragment))
    assert "st.missing" in rules(checks)
    assert "se.missing" in rules(checks)
    assert [len(check.rows.claims) for check in checks] == [3]
    assert checks[0].fact("claims_paid") == 17050
    assert not checks[0].importable
    assert (summary.kind, summary.importable) == ("835", 0)


def test_another_version_is_read_with_a_warning_that_names_it() -> None:
    checks, summary = parse(encode(good().replace("005010X221A1", "004010X091A1")))
    assert rules(checks, summary) == ["gs.version"]
    assert "004010X091A1" in summary.diagnostics[0].message
    assert checks[0].fact("version") == "004010X091A1"
    assert all(check.importable for check in checks)


def test_amounts_with_superfluous_zeros() -> None:
    checks, summary = parse(encode(good().replace("*170.5*", "*0170.500*").replace("CAS*PR*2*14", "CAS*PR*2*14.")))
    assert rules(checks, summary) == []
    assert checks[0].balanced
