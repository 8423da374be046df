"""Whatever happens to a file: never an exception, never money that was not in it, never a different answer for another
size of block."""

from __future__ import annotations

import random
from collections import Counter
from io import BytesIO

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hp_portal_plugins.remittance.x12.reader import read
from hp_portal_plugins.remittance.x12.rebuild import rebuild_interchange
from hp_portal_plugins.remittance.x12.records import FileSummary, Transaction
from tests.tools.gen835 import Options, generate
from tests.tools.small835 import encode, good, parse

DATA = encode(good())
GENERATED = generate(Options(bytes=12_000, seed=21, claims=(2, 5), newline=""))
PLACES = st.integers(0, len(DATA) - 1)
RELAXED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def money(checks: list[Transaction]) -> Counter[object]:
    """What an import would take as proved."""
    return Counter(check.fact("amount") for check in checks if check.importable and check.balanced)


INTACT = money(parse(DATA)[0])


def check_answers(data: bytes) -> tuple[list[Transaction], FileSummary]:
    """Reads a file and makes sure of what holds for every file."""
    checks, summary = parse(data)
    assert summary.size == len(data)
    assert summary.payments == len(checks)
    for check in checks:
        assert check.raw in data
        if check.importable:
            assert isinstance(check.fact("amount"), int)
            assert check.fact("trace_number")
        if check.balanced:
            assert check.fact("claims_paid") is not None
    return checks, summary


@RELAXED
@given(st.integers(0, len(DATA)), st.sampled_from([1, 3, 100, 1 << 20]))
def test_any_cut_gives_whole_checks_only(cut: int, block: int) -> None:
    checks, _ = check_answers(DATA[:cut])
    assert not money(checks) - INTACT
    assert money(parse(DATA[:cut], block)[0]) == money(checks)


@RELAXED
@given(PLACES, PLACES)
def test_any_piece_taken_out_makes_up_no_money(first: int, last: int) -> None:
    start, stop = sorted((first, last))
    checks, _ = check_answers(DATA[:start] + DATA[stop:])
    assert not money(checks) - INTACT


@RELAXED
@given(PLACES, st.integers(0, 255))
def test_any_byte_changed_makes_up_no_money(place: int, value: int) -> None:
    checks, _ = check_answers(DATA[:place] + bytes([value]) + DATA[place + 1 :])
    assert not money(checks) - INTACT


@RELAXED
@given(PLACES, st.binary(min_size=1, max_size=6))
def test_any_bytes_put_in_make_up_no_money(place: int, more: bytes) -> None:
    checks, _ = check_answers(DATA[:place] + more + DATA[place:])
    assert not money(checks) - INTACT


@RELAXED
@given(st.data())
def test_many_damages_at_once_raise_nothing(data: st.DataObject) -> None:
    r = random.Random(data.draw(st.integers(0, 10**6)))
    damaged = bytearray(DATA)
    for _ in range(data.draw(st.integers(2, 60))):
        damaged[r.randrange(len(damaged))] = r.choice(b"*~:^\n \x00AZ09.-SECLPISA")
    for check in check_answers(bytes(damaged))[0]:
        if check.importable and check.raw.startswith(b"ST"):
            rebuild_interchange(check.raw)


@RELAXED
@given(st.lists(st.sampled_from(good().split("\n")), max_size=40))
def test_segments_in_any_order_raise_nothing(lines: list[str]) -> None:
    check_answers(encode("\n".join(lines)))


@RELAXED
@given(st.binary(max_size=400))
def test_any_bytes_at_all_raise_nothing(data: bytes) -> None:
    check_answers(data)
    check_answers(DATA[:200] + data)
    check_answers(b"ISA*" + data)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3000))
def test_the_size_of_the_blocks_does_not_matter(block: int) -> None:
    for data in (DATA, GENERATED, b"\xef\xbb\xbf" + GENERATED[:-9]):
        assert list(read(BytesIO(data), block=block)) == list(read(BytesIO(data)))


class Dripping(BytesIO):
    """A stream that gives fewer bytes than asked for, as sockets and pipes do."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 17))


def test_a_stream_that_drips_is_read_like_any_other() -> None:
    assert list(read(Dripping(DATA))) == list(read(BytesIO(DATA)))
