"""Programs that tests start: each in a process group of its own, which is ended with the test, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa

# Seconds after which something hangs for certain. No test is decided by how fast a machine is: this only ends a run.
PATIENCE = 600


class Started:
    """Starts programs and ends every one of them, with all that they have started themselves."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []

    def __call__(
        self, command: Sequence[str], *, environment: dict[str, str], cwd: Path | None = None, **streams: Any
    ) -> subprocess.Popen[str]:
        """Start a program; `streams` are Popen's `stdin`, `stdout` and `stderr`."""
        process = subprocess.Popen(command, cwd=cwd, env=environment, text=True, start_new_session=True, **streams)
        self._processes.append(process)
        return process

    def end(self) -> None:
        """Kill what still runs, and close its pipes."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        self._processes.clear()


def killed(deed: Callable[[], object], engine: sa.Engine) -> bool:
    """Do something in a process of its own, with connections of its own; was that killed in the midst of it?"""
    process = os.fork()
    if process == 0:
        try:
            engine.dispose(close=False)
            deed()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL


def kill_myself(*_: object, **_more: object) -> NoReturn:
    """In the place of a function on the way: the process is gone, as by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("killed")


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str], what: str) -> None:
    """Return once `condition()` holds. Fails when the process ends before, or hangs."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, f"the program ended ({process.returncode}) before {what}"
        assert time.monotonic() < until, f"{PATIENCE} seconds have passed without {what}"
        time.sleep(0.1)
