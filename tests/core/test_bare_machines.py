"""What tests need of a machine: skipped with the reason where it is missing, failed in CI; what they start ends with them."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support import chromium
from tests.support.processes import PATIENCE, Started

ROOT = Path(__file__).parents[2]
# As a minimal Debian answers.
LOADER = "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file"


@pytest.fixture
def no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\necho '{LOADER}' >&2\nexit 127\n")
    program.chmod(0o755)
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", str(program))


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_browser_tests_say_what_is_missing(no_driver: None, tmp_path: Path, ci: str, outcome: str) -> None:
    test = "tests/browser/test_page_behaviour.py::test_a_password_can_be_shown"
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "t"), test],
        cwd=ROOT,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert outcome in result.stdout
    assert "libatomic.so.1" in result.stdout
    assert "apt-get install chromium libatomic1" in result.stdout
    assert result.returncode == (1 if ci else 0)


def test_a_browser_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(chromium.CannotStart, match="apt-get install chromium"), chromium.chromium(None):  # type: ignore[arg-type]
        pytest.fail("there is none")


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_terminal_is_named(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    def refuse() -> tuple[int, int]:
        raise OSError("out of pty devices")

    monkeypatch.setattr(pty, "openpty", refuse)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="out of pty devices"):
        request.getfixturevalue("terminal")


def test_what_a_test_started_ends_with_it() -> None:
    """The program and what it has started itself, although neither would ever end."""
    started = Started()
    sleeper = "import time; time.sleep(3600)"
    program = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {sleeper!r}]).pid, flush=True)"
    process = started(
        [sys.executable, "-c", f"{program}; {sleeper}"], environment=dict(os.environ), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    started.end()
    assert process.poll() is not None
    until = time.monotonic() + PATIENCE
    while not _has_ended(child):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_no_test_is_decided_by_a_time_limit() -> None:
    """A busy machine is slow. `PATIENCE` ends what hangs, the browser tests have one limit in their conftest."""
    limit = re.compile(r"timeout=[\d.]|\.(?:join|wait|communicate)\([\d.]|wait_for_timeout\(\d{3,}")
    found = {
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != Path(__file__) and "tools" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if limit.search(line)
    }
    assert found == set()


def _has_ended(process: psutil.Process) -> bool:
    """Killed, a process may stay as a zombie until the system's first process takes notice of it."""
    try:
        status: str = process.status()
    except psutil.NoSuchProcess:
        return True
    return status == psutil.STATUS_ZOMBIE
