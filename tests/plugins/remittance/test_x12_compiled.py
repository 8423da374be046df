"""The compiled part of the reader: never another answer than pure Python's, and never needed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hp_portal_plugins.remittance.x12 import compiled
from hp_portal_plugins.remittance.x12.body import Body
from hp_portal_plugins.remittance.x12.reader import read
from hp_portal_plugins.remittance.x12.records import CLAIM as CLAIM_COLUMNS
from hp_portal_plugins.remittance.x12.records import LINE, FileSummary
from tests.tools.gen835 import Options, generate
from tests.tools.small835 import parse, pure_python, row

built = pytest.mark.skipif(compiled.fast_claims is None, reason="the compiled part was not built: no C compiler")
RELAXED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
GENERATED = generate(Options(bytes=60_000, seed=5))
HEAD = "ISA*00*          *00*          *ZZ*PAYER          *ZZ*RECEIVER       *260302*0645*^*00501*000000001*0*P*:~"
HEAD += "GS*HP*PAYER*RECEIVER*20260302*0645*1*X*005010X221A1~ST*835*0001~BPR*I*1*C*ACH************20260303~TRN*1*1*1~"
HEAD += "N1*PE*CLINIC*XX*1234567893~"
CLAIM = "CLP*A*1*10*8**12*B*11~"

amount = st.one_of(
    st.integers(-(10**7), 10**7).map(lambda cents: f"{cents / 100:.2f}"),
    st.from_regex(r"-?[0-9]{0,11}(\.[0-9]{0,3})?", fullmatch=True),
    st.text("0123456789.- +e\u0661", max_size=14),
)
text = st.text('ABZ09: "\\\x01é', max_size=6)
name = st.sampled_from(["A", "", " A", "A ", "\x1fA", "A\x85", "é", "A B", "AB" * 130])
day = st.sampled_from(["20260302", "20260303", "20260230", "", " 20260302", "2026"])


@st.composite
def line(draw: st.DrawFn) -> str:
    """A service line: usual in its shape, anything in its values, and balanced now and then."""
    change, paid = draw(amount), draw(amount)
    if draw(st.booleans()):
        change, paid, charge = "2", "8", "10"
    else:
        charge = draw(amount)
    units = draw(st.sampled_from(["1", "", "2.5", "1.", "x"]))
    found = f"SVC*{draw(st.sampled_from(['HC:99213', 'NU:0450', 'HC:99213:25:LT', '']))}*{charge}*{paid}*"
    found += f"{draw(st.sampled_from(['', '0450']))}*{units}~DTM*472*{draw(day)}~CAS*{draw(text)}*45*{change}~"
    if draw(st.booleans()):
        found += f"DTM*151*{draw(day)}~"
    return found + draw(st.sampled_from(["", "REF*6R*7~", f"AMT*B6*{paid}~", f"REF*LU*{draw(text)}~", "LQ*HE*N130~"]))


@st.composite
def claims_of_one_shape(draw: st.DrawFn) -> str:
    """Claims with the same segments, so that all but the first have a usual shape; anything in their values, most usual."""
    adjusted, patient, rendering, with_line = (draw(st.booleans()) for _ in range(4))
    days = draw(st.lists(st.sampled_from(["232", "233", "050", "036", "999"]), max_size=3))
    more = draw(st.sampled_from(["", "MOA***MA01~", "MOA***MA01*MA02~", "AMT*AU*10~", "REF*EA*7~", "NM1*IL*1*DOE~"]))

    def rarely(odd: st.SearchStrategy[str], usual: str) -> str:
        return draw(odd) if draw(st.integers(0, 7)) == 7 else usual

    found = ""
    for _ in range(draw(st.integers(2, 6))):
        charge = 8 + 2 * adjusted + 2 * with_line
        status, owed = rarely(st.sampled_from(["22", ""]), "1"), rarely(amount, "")
        found += f"CLP*{rarely(name, 'A')}*{status}*{rarely(amount, str(charge))}*8*{owed}*12*{rarely(name, 'B')}*11~"
        found += f"CAS*{rarely(text, 'CO')}*45*{rarely(amount, '2')}~" if adjusted else ""
        found += f"NM1*QC*1*DOE*{rarely(name, 'A')}****MI*{rarely(name, 'A')}~" if patient else ""
        if rendering:
            qualifier = rarely(st.sampled_from(["PC", "X", ""]), "XX")
            found += f"NM1*82*1*{rarely(name, 'A')}*{rarely(name, 'A')}*{rarely(name, '')}***{qualifier}*1234567893~"
        found += "".join(f"DTM*{qualifier}*{rarely(day, '20260302')}~" for qualifier in days) + more
        found += f"SVC*HC:99213*{charge}*8**1~DTM*472*{rarely(day, '20260301')}~CAS*CO*45*2~" if with_line else ""
    return found


def around(lines: str) -> bytes:
    """A file with these lines of one claim."""
    return around_claims(CLAIM + lines)


def around_claims(claims: str) -> bytes:
    """A file with these claims."""
    return f"{HEAD}{claims}SE*9*0001~GE*1*1~IEA*1*000000001~".encode("latin-1", "replace")


@built
@RELAXED
@given(st.lists(line(), max_size=6))
def test_lines_of_any_values_are_read_as_by_pure_python(lines: list[str]) -> None:
    parse(around("".join(lines) * 2))  # twice: what was met once is then usual


@built
@RELAXED
@given(claims_of_one_shape())
def test_claims_of_any_values_are_read_as_by_pure_python(claims: str) -> None:
    parse(around_claims(claims))


@built
def test_odd_claims_of_a_usual_shape_are_read_as_by_pure_python() -> None:
    usual = "CLP*A*1*8*8**12*B*11~NM1*82*1*KOWAL*PAT*LEE***XX*1234567893~"
    odd = [
        ("*A*", "**"),
        ("*A*1", "*A*"),
        ("*B*", "**"),
        ("*B*", "* *"),
        ("PAT", " PAT"),
        ("PAT*LEE", "* LEE"),
        ("PAT*LEE", "*LEE"),
    ]
    odd += [
        ("KOWAL", ""),
        ("KOWAL", "K" * 300),
        ("XX", "PC"),
        ("8*8", "8*9"),
        ("8*8", "8*"),
        ("~NM1", "~DTM*232*20260230~NM1"),
    ]
    checks, _ = parse(around_claims(usual * 2 + "".join(usual.replace(*change, 1) for change in odd)))
    assert len(checks[0].rows.claims) == 2 + len(odd)


@built
def test_a_claim_without_days_of_its_own_has_those_of_its_lines() -> None:
    days = "SVC*HC:99213*5*4**1~DTM*150*20260305~DTM*151*20260309~CAS*CO*45*1~SVC*HC:99213*5*4**1~DTM*472*20260302~CAS*CO*45*1~"
    checks, _ = parse(around_claims(f"{CLAIM}{days}" * 3))
    found = [row(CLAIM_COLUMNS, claim) for claim in checks[0].rows.claims]
    assert [(claim["service_from"], claim["service_to"]) for claim in found] == [("2026-03-02", "2026-03-09")] * 3


@built
def test_lines_that_do_not_charge_what_the_claim_does_are_found_in_usual_claims() -> None:
    usual, less = "SVC*HC:99213*10*8~CAS*CO*45*2~", "SVC*HC:99213*9*7~CAS*CO*45*2~"
    checks, _ = parse(around_claims(f"{CLAIM}{usual}" * 4 + f"{CLAIM}{less}" * 2))
    found = [one for one in checks[0].diagnostics if one.rule == "balance.charges"]
    assert (len(found), len(checks[0].rows.claims)) == (2, 6)


@built
def test_most_claims_are_read_by_the_compiled_part(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = 0
    pure = Body._claims

    def counted(self: Body, texts: list[str], first: int, stop: int, read_lines: Callable[..., int | None]) -> None:
        nonlocal slow
        slow += stop - first
        pure(self, texts, first, stop, read_lines)

    monkeypatch.setattr(Body, "_claims", counted)
    many = generate(Options(bytes=600_000, seed=5))
    claims = sum(len(found.rows.claims) for found in read(BytesIO(many)) if not isinstance(found, FileSummary))
    assert 0 < slow < claims / 4, (slow, claims)


@built
def test_most_lines_are_read_by_the_compiled_part(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = 0
    pure = Body._lines

    def counted(self: Body, texts: list[str], claim: int, first: int = 1, stop: int | None = None) -> int | None:
        nonlocal slow
        slow += (len(texts) if stop is None else stop) - first
        return pure(self, texts, claim, first, stop)

    monkeypatch.setattr(Body, "_lines", counted)
    # The last line of each claim is out of the ordinary, so the claim is, and its other lines are not.
    usual, unusual = "SVC*HC:99213*5*4**1~CAS*CO*45*1~" * 5, "SVC*HC:99213*5*4**1*HC:99214~CAS*CO*45*1~"
    assert len([*read(BytesIO(around_claims(f"{CLAIM}{usual}{unusual}" * 3)))]) == 2
    assert slow == 1 + 3, "the first usual line, from which the layout is learned, and the unusual ones"


@built
def test_segments_without_a_column_are_kept_by_the_compiled_part() -> None:
    usual = 'SVC*HC:99213*10*8**1~DTM*472*20260302~CAS*CO*45*2~REF*LU*11~REF*0K*A"B~'
    checks, _ = parse(around(usual * 3))
    mores = [row(LINE, found)["more"] for found in checks[0].rows.lines]
    assert mores == ['[["REF","LU","11"],["REF","0K","A\\"B"]]'] * 3


@built
def test_a_long_line_and_one_of_many_adjustments() -> None:
    adjustments = "".join(f"CAS*CO*{number}*0~" for number in range(70))
    parse(around(f"SVC*HC:99213*10*10**1~{adjustments}" * 3))
    parse(around("SVC*HC:99213*10*10**1*" + "*" * 500 + "~SVC*HC:99213*10*10**1~"))


@built
def test_a_separator_beyond_ascii_is_left_to_pure_python() -> None:
    checks, _ = parse(around("SVC*HC:99213*10*8**1~CAS*CO*45*2~" * 3).decode().replace("*", "§").encode("latin-1"))
    assert len(checks[0].rows.lines) == 3


@built
def test_the_compiled_part_loses_no_memory() -> None:
    def grown() -> int:
        for _ in range(5):
            for _ in read(BytesIO(GENERATED)):
                pass
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = [grown(), grown()][-1]
        assert grown() - before < 20_000
    finally:
        tracemalloc.stop()


@built
@pytest.mark.parametrize("arguments", [(0, 1), (1, 1, (), (), (), (), ()), (1, 1, (5,), ("",), (0,) * 11, (), ())])
def test_a_plan_that_fits_no_line_is_refused(arguments: tuple[object, ...]) -> None:
    assert compiled.fast_claims is not None
    with pytest.raises((TypeError, ValueError)):
        compiled.fast_claims.plan(*arguments)


def test_a_part_built_from_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_VERSION", -1)
    assert compiled._built() is None


def test_without_the_compiled_part_all_is_read() -> None:
    with pure_python():
        assert sum(len(found.rows.lines) for found in read(BytesIO(GENERATED)) if not isinstance(found, FileSummary))
