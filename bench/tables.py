"""Reading a roster that an office sends: time as a ratio to openpyxl reading the file alone, and memory over idle.

`python -m bench.tables [--rows 10000]`
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from openpyxl import Workbook

from bench.documents import _growth, _peak
from bench.figures import Figure, show
from hp_portal.core.identifiers.numbers import parse_npi, parse_tin
from hp_portal.core.sheets.checking import check_rows
from hp_portal.core.sheets.giving_back import give_back
from hp_portal.core.sheets.grids import LARGE_SHEET
from hp_portal.core.sheets.layouts import DAY, DIGITS, SheetColumn, SheetLayout
from hp_portal.core.sheets.mapping import find_columns
from hp_portal.core.sheets.reading import read_sheet
from hp_portal.core.web.fields import read_day
from tests.support.identifiers import make_npi

ROWS, ROUNDS = 10_000, 3
LAYOUT = SheetLayout(
    "bench roster",
    "Roster",
    (
        SheetColumn("npi", "NPI", required=True, parse=parse_npi, kind=DIGITS),
        SheetColumn("tin", "Tax ID", parse=parse_tin, kind=DIGITS, widths=(9,)),
        SheetColumn("zip", "ZIP code", kind=DIGITS, widths=(5, 9)),
        *(SheetColumn(f"day_{number}", f"Day {number}", parse=read_day, kind=DAY) for number in range(3)),
        *(SheetColumn(f"text_{number}", f"Text {number}") for number in range(14)),
    ),
)
# openpyxl's own way of reading a large file for its values, in a process of its own as well.
ALONE = """
import io, sys
from openpyxl import load_workbook
book = load_workbook(io.BytesIO(sys.stdin.buffer.read()), read_only=True, data_only=True)
print(sum(1 for row in book.worksheets[0].iter_rows(values_only=True)))
"""


def run(rows: int = ROWS) -> list[Figure]:
    """Every figure of this bench; see docs/figures.md."""
    body = _roster(rows)
    ratios, apart, own = [], [], []
    for _ in range(ROUNDS):
        alone = _timed(
            lambda: subprocess.run([sys.executable, "-c", ALONE], input=body, stdout=subprocess.PIPE, check=True)
        )
        with _peak() as children, _growth() as me:
            ratios.append(_timed(lambda: _check(body, rows)) / alone)
        apart.append(children[0])
        own.append(me[0])
    with _peak() as children, _growth() as me:
        _give_back(body)
    return [
        Figure(
            f"a roster of {rows:,} rows read and checked, to openpyxl alone", statistics.median(ratios), "×", "≤ 2.5"
        ),
        Figure("reading it: memory of its process", max(apart), "MiB", "≤ 300"),
        Figure("reading it: memory of the worker over idle", max(own), "MiB", "≤ 300"),
        Figure("giving it back: memory of its process", children[0], "MiB", "≤ 300"),
        Figure("giving it back: memory of the worker over idle", me[0], "MiB", "≤ 300"),
    ]


def _roster(rows: int) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Roster")
    sheet.append([column.label for column in LAYOUT.columns])
    day = dt.date(2026, 3, 2)
    for number in range(rows):
        texts = [f"Text {number} {place}" for place in range(14)]
        npi = make_npi(number % 9_999 + 1)
        sheet.append([int(npi), f"{number + 10_000_000:09d}", f"{number % 90_000 + 10_000}", day, day, day, *texts])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _check(body: bytes, rows: int) -> None:
    read = read_sheet(body, LAYOUT, LARGE_SHEET)
    good = sum(row.good for row in check_rows(read, LAYOUT, find_columns(read, LAYOUT).mapping))
    if good != rows:
        raise RuntimeError(f"{good} of {rows} rows are right")


def _give_back(body: bytes) -> None:
    read = read_sheet(body, LAYOUT, LARGE_SHEET)
    give_back(read, {row.number: "Taken." for row in read.rows}, head=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    show(run(parser.parse_args().rows))
