"""The portal against the OWASP Application Security Verification Standard 5.0, levels 1 and 2.

`docs/asvs.csv` has one line for each requirement: its number and level, whether the portal keeps it (pass, fail, planned, n/a),
what it is about in our words, the tests, pages, and files that show it, and a note.
`python -m tests.tools.asvs > docs/asvs.md` makes the page.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE, PAGE = ROOT / "docs" / "asvs.csv", ROOT / "docs" / "asvs.md"
STATES = {"pass": "kept", "fail": "**not kept**", "planned": "planned", "n/a": "not applicable"}
REQUIREMENTS = 253
"""How many requirements of levels 1 and 2 version 5.0.0 has."""
STANDARD = "https://owasp.org/www-project-application-security-verification-standard/"
HEAD = ("| requirement | level | what | | shown by |", "|---|---|---|---|---|")
CHAPTERS = {
    1: "Encoding and sanitization",
    2: "Validation and business logic",
    3: "Web frontend",
    4: "API and web service",
    5: "Files",
    6: "Authentication",
    7: "Sessions",
    8: "Authorization",
    9: "Self-contained tokens",
    10: "OAuth and OpenID Connect",
    11: "Cryptography",
    12: "Secure communication",
    13: "Configuration",
    14: "Data protection",
    15: "Secure coding and architecture",
    16: "Logging and errors",
    17: "WebRTC",
}


@dataclass(frozen=True)
class Item:
    """A requirement, and how the portal stands to it."""

    id: str
    level: str
    state: str
    what: str
    shown: tuple[str, ...]
    note: str

    @property
    def chapter(self) -> int:
        return int(self.id[1:].split(".")[0])


def items() -> list[Item]:
    """Every line of the source, in its order."""
    with SOURCE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="|", quoting=csv.QUOTE_NONE)
        return [
            Item(
                row["id"],
                row["level"],
                row["state"],
                row["what"],
                tuple(filter(None, row["shown"].split(", "))),
                row["note"],
            )
            for row in rows
        ]


def page(every: Sequence[Item]) -> str:
    """The page in Markdown: the counts, what is not kept, and a table for each chapter."""
    counts = Counter(item.state for item in every)
    told = ", ".join(f"{counts[state]} {words.strip('*')}" for state, words in STATES.items())
    lines = [
        "# OWASP ASVS 5.0, levels 1 and 2",
        "",
        f"How the portal stands to each requirement of the [OWASP Application Security Verification Standard]({STANDARD})",
        "5.0.0. The words are ours; the standard has the full ones.",
        "Made from `asvs.csv` by `python -m tests.tools.asvs > docs/asvs.md`.",
        "",
        f"**{told}**, of {len(every)}.",
    ]
    for state, title in (("fail", "Not kept, and why"), ("planned", "Planned")):
        lines += ["", f"## {title}", ""]
        lines += [f"- **{item.id}** {item.what}: {item.note.rstrip('.')}." for item in every if item.state == state]
    for chapter, group in groupby(every, lambda item: item.chapter):
        lines += ["", f"## V{chapter} {CHAPTERS[chapter]}", "", *HEAD]
        lines += [_row(item) for item in group]
    return "\n".join(lines) + "\n"


def _row(item: Item) -> str:
    shown = [f"[{Path(name).name}]({_link(name)})" for name in item.shown]
    if item.note and item.state in ("pass", "n/a"):
        shown.append(item.note)
    return f"| {item.id} | {item.level} | {item.what} | {STATES[item.state]} | {'; '.join(shown)} |"


def _link(name: str) -> str:
    return name.removeprefix("docs/") if name.startswith("docs/") else f"../{name}"


if __name__ == "__main__":
    sys.stdout.write(page(items()))
