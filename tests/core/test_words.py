"""The portal's words: American English, and one term for one thing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hp_portal.core.web.formats import show_count

ROOT = Path(__file__).parents[2]
SUFFIXES = {".py", ".html", ".md", ".typ", ".css", ".js", ".toml"}

BRITISH = re.compile(
    r"\b(?:colours?|behaviours?|licences?|organis\w+|centres?|favour\w*|cheques?|enrol|enrolments?|enquir\w+|programmes?|catalogues?|cancelled|"
    r"labelled|grey|analys(?:e|ing)|recognis\w+|authoris\w+|summaris\w+|honour\w*|judgement|whilst|learnt|amongst)\b",
    re.IGNORECASE,
)
# Terms that are said in another way, and how.
RETIRED = {
    r"check, EFT or NP number": "check, EFT or non-payment notice number",
    r"(?:not|is) linked to your account": "linked to your organization",
    r"notices? of no payment": "non-payment notice",
    r"paid as (?:first|second|third) payer": "processed as primary, secondary, tertiary",
    r"everything about this claim": "claim details",
    r"why it differs": "details",
}


def texts() -> list[tuple[str, str]]:
    """What people read: screens, help, documents, comments."""
    folders = [ROOT / name for name in ("hp_portal", "plugins", "templates", "docs")]
    paths = [path for folder in folders for path in folder.rglob("*")] + sorted(ROOT.glob("*.md"))
    return [
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in paths
        if path.suffix in SUFFIXES and not {"vendor", "__pycache__"} & set(path.parts)
    ]


def test_american_english() -> None:
    found = [f"{name}: {match.group()}" for name, text in texts() for match in BRITISH.finditer(text)]
    assert not found


@pytest.mark.parametrize("term", RETIRED)
def test_one_term_for_one_thing(term: str) -> None:
    pattern = re.compile(term, re.IGNORECASE)
    found = [f"{name}: {match.group()}" for name, text in texts() for match in pattern.finditer(text)]
    assert not found, f"say {RETIRED[term]}"


@pytest.mark.parametrize(
    ("number", "words", "shown"),
    [
        (0, ("file",), "0 files"),
        (1, ("file",), "1 file"),
        (2000, ("file",), "2,000 files"),
        (1, ("person", "people"), "1 person"),
        (2, ("person", "people"), "2 people"),
    ],
)
def test_plurals(number: int, words: tuple[str, ...], shown: str) -> None:
    assert show_count(number, *words) == shown
