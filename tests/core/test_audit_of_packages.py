"""`make audit` says what it could not look up, and never calls that a success."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.audit import CLEAN, UNKNOWN, VULNERABLE, verdict

KNOWN = {"name": "flask", "version": "3.1", "vulns": []}
HOLED = {"name": "jinja2", "version": "3.0", "vulns": [{"id": "PYSEC-2099-1", "fix_versions": ["3.2"], "aliases": []}]}
MISSED = {"name": "typst", "skip_reason": "Dependency not found and could not be audited"}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([KNOWN], CLEAN, "1 of 1 locked packages looked up, 0 known vulnerabilities."),
        ([KNOWN, HOLED], VULNERABLE, "jinja2 3.0: PYSEC-2099-1, mended in 3.2"),
        ([KNOWN, MISSED], UNKNOWN, "Not looked up: typst."),
        ([HOLED, MISSED], VULNERABLE, "Not looked up: typst."),
        ([MISSED], UNKNOWN, "None of the 1 locked packages was looked up"),
        ([], UNKNOWN, "cannot be reached"),
    ],
)
def test_what_was_not_looked_up_is_no_success(packages: list[dict[str, Any]], code: int, words: str) -> None:
    got, lines = verdict({"dependencies": packages, "fixes": []})
    assert got == code
    assert words in "\n".join(lines)
