"""Reading an 835 file, against splitting its text into elements and nothing else, and against two other readers.

`python -m bench.parse [--mb 20]`
"""

from __future__ import annotations

import argparse
import gc
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figure, show
from hp_portal_plugins.remittance.x12 import compiled
from hp_portal_plugins.remittance.x12.reader import read
from tests.tools.gen835 import generate
from tests.tools.small835 import pure_python

ROUNDS = 5
SMALL = 300_000
"""Bytes of the file for readers that are slow."""
LARGE_FACTOR = 10
OF_SPLIT, OF_SPLIT_PURE = "≥ 0.6", ""
MOST_MEMORY = "≤ 16"

_CHILD = """
import sys
from hp_portal_plugins.remittance.x12.reader import read

def status(name):
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))

with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
idle = status("VmRSS")
with open(sys.argv[1], "rb") as file:
    for _ in read(file):
        pass
print((status("VmHWM") - idle) / 1024)
"""


@contextmanager
def collector_off() -> Iterator[None]:
    """The cyclic collector off, for us as for what we are compared with: splitting keeps a million lists alive."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one run: what else the machine does must not decide a ratio."""
    with collector_off():
        start = time.process_time()
        found = work()
        spent = time.process_time() - start
        del found
    return spent


def read_all(data: bytes) -> None:
    """Every check to rows, all checked, one at a time."""
    for _ in read(io.BytesIO(data)):
        pass


def split_all(text: str) -> list[list[str]]:
    """The base: every element of every segment, kept."""
    return [segment.split("*") for segment in text.split("~\n")]


def against_split(data: bytes) -> Iterator[Figure]:
    """Ours, with the compiled part and without it, and the base in turns; the medians of the ratios."""
    text = data.decode("ascii")
    times: dict[str, list[float]] = {"base": [], "compiled": [], "pure": []}
    for _ in range(ROUNDS):
        times["base"].append(seconds(lambda: split_all(text)))
        if compiled.fast_claims is not None:
            times["compiled"].append(seconds(lambda: read_all(data)))
        with pure_python():
            times["pure"].append(seconds(lambda: read_all(data)))
    megabytes = len(data) / 1e6
    yield Figure("parse: splitting every element", megabytes / statistics.median(times["base"]), "MB/s")
    for way, name, bound in (("compiled", "", OF_SPLIT), ("pure", ", pure Python", OF_SPLIT_PURE)):
        if not times[way]:
            print("The reader's compiled part is not measured: it was not built.", file=sys.stderr)
            continue
        ratios = [base / ours for base, ours in zip(times["base"], times[way], strict=True)]
        speed = megabytes / statistics.median(times[way])
        yield Figure(f"parse: rows, all checked, streamed{name}", speed, "MB/s")
        yield Figure(f"parse: of splitting every element{name}", statistics.median(ratios), "", bound)


def against_oxedi(data: bytes) -> Figure:
    """oxedi gives Arrow tables and holds the whole file."""
    import oxedi

    ratios = [seconds(lambda: oxedi.parse(data)) / seconds(lambda: read_all(data)) for _ in range(ROUNDS)]
    return Figure("parse: of oxedi, which makes Arrow tables", statistics.median(ratios))


def against_pyx12(data: bytes) -> Figure:
    """pyx12's context reader, claim by claim: it checks the whole guide but no balances."""
    import pyx12.error_handler
    import pyx12.params
    import pyx12.x12context

    def context() -> None:
        source = io.StringIO(data.decode("ascii"))
        errors = pyx12.error_handler.errh_null()
        with pyx12.x12context.X12ContextReader(pyx12.params.params(), errors, source) as reader:
            for _ in reader.iter_segments("2100"):
                pass

    return Figure(
        "parse: times pyx12", seconds(context) / statistics.median(seconds(lambda: read_all(data)) for _ in range(9))
    )


def peak(path: Path) -> float:
    """MiB over idle at the highest, of a process that only reads the file."""
    done = subprocess.run([sys.executable, "-c", _CHILD, str(path)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def memory(data: bytes) -> Iterator[Figure]:
    """Of the file itself and of one ten times as large."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.835"
        for factor in (1, LARGE_FACTOR):
            with path.open("wb") as file:
                for _ in range(factor):
                    file.write(data)
            name = f"parse: peak over idle, {len(data) * factor / 1e6:.0f} MB"
            yield Figure(name, peak(path), "MiB", MOST_MEMORY)


def run(megabytes: float = 20) -> list[Figure]:
    """Every figure of parsing."""
    data = generate(bytes=int(megabytes * 1_000_000))
    small = generate(bytes=SMALL)
    return [*against_split(data), against_oxedi(data), against_pyx12(small), *memory(data)]


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=float, default=20)
    show(run(parser.parse_args().mb))


if __name__ == "__main__":
    main()
