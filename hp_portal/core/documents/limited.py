"""Starts a process that makes one document within limits, and says in words why it did not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from hp_portal.core.documents.limits import OUT_OF_MEMORY, PROGRESS

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class DocumentError(Exception):
    """A document could not be made; the text says why and holds none of its data."""


class DocumentTooLarge(DocumentError):
    """It took more memory or time than one document may."""


class DocumentKilled(DocumentTooLarge):
    """The process that made it was ended from outside, or broke down: it may have taken too much, or may do it another time."""


@dataclass(frozen=True)
class DocumentLimits:
    """What making one document may take: MiB of address space in each of its processes, seconds of the processor, and
    seconds in all."""

    memory: int = 1024
    processor: int = 120
    seconds: int = 240


AT_ONCE = DocumentLimits(memory=768, processor=10, seconds=20)
"""For a small one that somebody waits for."""
BY_THE_WORKER = DocumentLimits()
"""For one that the worker makes."""


def no_progress(_done: int, _of: int) -> None:
    """Nobody is told."""


def make_apart(module: str, job: bytes, limits: DocumentLimits, name: str, progress: Progress = no_progress) -> bytes:
    """What a module of this package writes to its standard output, given `job` on its standard input, in a process of its own.

    It gets none of the portal's settings. `name` is what its errors are about. Raises DocumentTooLarge or
    DocumentKilled, and DocumentError.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HP_PORTAL_")}
    process = subprocess.Popen(  # noqa: S603 - a module of this package
        [sys.executable, "-P", "-m", module, str(limits.memory), str(limits.processor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # so that its children end with it
    )
    out_of_time = threading.Event()

    def give_up() -> None:
        out_of_time.set()
        _end(process)

    watch = threading.Timer(limits.seconds, give_up)
    watch.daemon = True
    watch.start()
    try:
        made, last = _talk(process, job, progress)
    finally:
        watch.cancel()
        _end(process)
        process.wait()
    if process.returncode == 0 and not out_of_time.is_set():
        return made
    raise _why(process.returncode, limits, name, last, out_of_time=out_of_time.is_set())


def _why(status: int, limits: DocumentLimits, name: str, last: str, *, out_of_time: bool) -> DocumentError:
    if out_of_time or status == -signal.SIGXCPU:
        return DocumentTooLarge(f"{name} took longer than {min(limits.processor, limits.seconds)} s to make")
    if status in (-signal.SIGKILL, -signal.SIGSEGV):
        return DocumentKilled(f"{name}: the process that made it was ended by {signal.Signals(-status).name}")
    if status in (OUT_OF_MEMORY, -signal.SIGABRT):
        return DocumentTooLarge(f"{name} took more than {limits.memory} MiB of memory")
    return DocumentError(f"{name}: {last or 'the process that made it ended without a word'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _talk(process: subprocess.Popen[bytes], job: bytes, progress: Progress) -> tuple[bytes, str]:
    """Give the job, take what comes; the last line of standard error that is no progress."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("a process without pipes")
    parts: list[bytes] = []
    given, output = process.stdin, process.stdout

    def give() -> None:
        # When it has ended before it read all, its status says why.
        with contextlib.suppress(BrokenPipeError), given:
            given.write(job)

    def take() -> None:
        with output:
            parts.append(output.read())

    threads = [threading.Thread(target=work, daemon=True) for work in (give, take)]
    for thread in threads:
        thread.start()
    last = ""
    with process.stderr as errors:
        for raw in errors:
            line = raw.decode(errors="replace").strip()
            words = line.split()
            if len(words) == 3 and words[0] == PROGRESS:
                progress(int(words[1]), int(words[2]))
            elif line:
                last = line
    for thread in threads:
        thread.join()
    process.wait()
    return b"".join(parts), last
