"""The system's Chromium, driven by Playwright: what it needs of the machine, and what is missing here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from .processes import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PACKAGES = {"libatomic.so.1": "libatomic1", "libstdc++.so.6": "libstdc++6", "libgcc_s.so.1": "libgcc-s1"}


class CannotStart(Exception):
    """There is no browser for tests on this machine; the text says why and what to install."""


@contextmanager
def driver() -> Iterator[Playwright]:
    """Playwright's driver, a program of its own beside the browser. Raises CannotStart."""
    # Asked first: a driver that dies at its start leaves Playwright with loops and tasks that nobody ends.
    command = [sys.executable, "-m", "playwright", "--version"]
    asked = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if asked.returncode:
        said = (asked.stderr.strip() or asked.stdout.strip() or f"exit code {asked.returncode}").splitlines()[-1]
        library = re.search(r"loading shared libraries: ([^:\s]+)", said)
        package = PACKAGES.get(library[1]) if library else None
        remedy = f" (apt-get install chromium {package})" if package else ""
        raise CannotStart(f"Playwright's driver cannot start here{remedy}: {said}")
    with sync_playwright() as started:
        yield started


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The browser. Raises CannotStart."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        raise CannotStart("Chromium is not installed: apt-get install chromium")
    try:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), timeout=PATIENCE * 1000)
    except Error as error:
        raise CannotStart(f"Chromium cannot start here: {error}") from error
    yield browser
    browser.close()
