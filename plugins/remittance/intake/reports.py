"""What came of importing a file, as people and programs read it.

A report names payments by their numbers and places in the file by segment and byte. It never shows the text found there:
that may be a patient's.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from hp_portal.api import show_count

from ..x12.codes import TRANSACTION_SETS
from ..x12.diagnostics import RULES, Diagnostic
from ..x12.records import FileSummary

MOST_FINDINGS = 200
MOST_OF_A_RULE = 20
MOST_NUMBERS = 200

IMPORTED = "imported"
PARTIAL = "partial"
UNCHANGED = "unchanged"
REFUSED = "refused"
FAILED = "failed"
IMPORTING = "importing"
INTERRUPTED = "interrupted"

OUTCOMES = {
    IMPORTED: "imported",
    PARTIAL: "imported in part",
    UNCHANGED: "unchanged",
    REFUSED: "refused",
    FAILED: "failed",
    IMPORTING: "being imported",
    INTERRUPTED: "interrupted",
}
"""How a file ended, in words."""

# What is wrong with a file when something of it may have been lost on the way, in the order in which people are told.
_LOST = {
    "file.unreadable": "A stretch of the file cannot be read.",
    "file.stray-segment": "Segments outside of any payment were left out.",
    "iea.missing": "The file breaks off: its end (IEA) is missing, so payments may be missing as well.",
    "ge.missing": "A group of payments has no end (GE), so payments may be missing.",
    "ge.count": "The sender counted another number of payments (GE01) than there are.",
    "iea.count": "The sender counted another number of groups (IEA01) than there are.",
    "se.more": "A payment has fewer segments than its sender counted (SE01): something of it may be missing.",
    "segment.left-out": "Segments of claims or service lines stand before a payment’s first claim and were left out.",
}

# Rules whose datum is a number of the envelope or an amount once it looks like one: what stands there cannot be a name.
_NUMERIC_DATUM = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,4})?")
_SHOWS_DATUM = ("isa.", "iea.", "gs.", "ge.", "st.", "se.", "balance.")

_KINDS = {
    "empty": "The file is empty.",
    "PDF": "This is a PDF, not an 835 remittance.",
    "ZIP archive": "This is a ZIP archive. Unpack it, and import the 835 files that are in it.",
    "gzip archive": "This is a gzip archive. Unpack it, and import the 835 file that is in it.",
    "X12 with tabs": (
        "The elements of this file are separated by tabs, which cannot be told from the blanks between segments. "
        "Ask for the file as the payer’s system wrote it, with a separator such as *."
    ),
    "X12 in small letters": (
        "The names of this file’s segments are in small letters (isa, clp); an 835 has them in capitals. "
        "Something has changed the file: ask for it as the payer’s system wrote it."
    ),
    "X12": "This is an X12 file without any 835 remittance in it.",
    "835": "No payment in this file can be imported.",
}


@dataclass(frozen=True)
class Finding:
    """A diagnostic without text of the file. `segment` counts from 1, `offset` is in bytes; `payment` is its number."""

    rule: str
    severity: str
    segment: int
    offset: int
    message: str
    datum: str = ""
    payment: str = ""


@dataclass(frozen=True)
class OfSameNumber:
    """A payment with the number of another one. `differs` says in what: payee, amount, date, method; contents if none of them."""

    number: str
    differs: list[str]


@dataclass
class ImportReport:
    """What was found in a file and what became of it. Amounts are cents; counts are of what this import added."""

    file: str
    outcome: str = IMPORTED
    message: str = ""
    sha256: str = ""
    size: int = 0
    payments: int = 0
    claims: int = 0
    lines: int = 0
    adjustments: int = 0
    provider_adjustments: int = 0
    amount: int = 0
    claims_paid: int = 0
    # amounts of payments in other currencies than dollars: they are in no other sum
    other_currencies: dict[str, int] = field(default_factory=dict)
    # numbers, the first MOST_NUMBERS of them; the counts are whole
    already_known: list[str] = field(default_factory=list)
    already_known_count: int = 0
    same_number: list[OfSameNumber] = field(default_factory=list)
    same_number_count: int = 0
    unbalanced: list[str] = field(default_factory=list)
    unbalanced_count: int = 0
    skipped: int = 0
    unknown_payees: int = 0
    diagnostics: list[Finding] = field(default_factory=list)
    diagnostics_by_rule: dict[str, int] = field(default_factory=dict)
    # whether payments that were there already were checked against the rules as well
    known_checked: bool = True
    file_id: int | None = None

    def know(self, number: str) -> None:
        """Note a payment that was there already."""
        self.already_known_count += 1
        if len(self.already_known) < MOST_NUMBERS:
            self.already_known.append(number)

    def has_number_of_another(self, number: str, differs: Iterable[str]) -> None:
        """Note a payment that was imported though another payment has its number."""
        self.same_number_count += 1
        if len(self.same_number) < MOST_NUMBERS:
            self.same_number.append(OfSameNumber(number, list(differs)))

    def does_not_balance(self, number: str) -> None:
        """Note a payment that was imported though it does not add up."""
        self.unbalanced_count += 1
        if len(self.unbalanced) < MOST_NUMBERS:
            self.unbalanced.append(number)

    def find(self, diagnostics: Iterable[Diagnostic], payment: str = "") -> None:
        """Add diagnostics: at most MOST_OF_A_RULE of each rule and MOST_FINDINGS in all; the others are counted."""
        for diagnostic in diagnostics:
            count = self.diagnostics_by_rule.get(diagnostic.rule, 0) + 1
            self.diagnostics_by_rule[diagnostic.rule] = count
            if count <= MOST_OF_A_RULE and len(self.diagnostics) < MOST_FINDINGS:
                self.diagnostics.append(_finding(diagnostic, payment))

    @property
    def diagnostics_count(self) -> int:
        return sum(self.diagnostics_by_rule.values())

    def count_of(self, severity: str) -> int:
        """How many findings of this severity there are, shown or not."""
        counts = self.diagnostics_by_rule.items()
        return sum(count for rule, count in counts if rule in RULES and RULES[rule][0] == severity)

    def conclude(self, summary: FileSummary, *, same_file: bool) -> None:
        """Say what became of the file as a whole. `same_file`: this very file was imported before."""
        lost = {rule: words for rule, words in _LOST.items() if rule in self.diagnostics_by_rule}
        if "iea.missing" in lost:
            lost.pop("ge.missing", None)
        missing = list(lost.values())
        if self.skipped:
            missing.insert(0, f"{show_count(self.skipped, 'payment')} could not be imported: the findings say why.")
        if not summary.importable:
            self.outcome, self.message = REFUSED, refusal(summary)
        elif missing:
            nothing_new = [] if self.payments else ["Every other payment in this file was imported before."]
            self.outcome, self.message = PARTIAL, " ".join(missing + nothing_new)
        elif not self.payments:
            self.outcome = UNCHANGED
            before = "This very file" if same_file else "Every payment in this file"
            self.message = f"{before} was imported before."

    def as_dict(self) -> dict[str, Any]:
        """Of JSON's types."""
        return asdict(self) | {"diagnostics_count": self.diagnostics_count}

    def as_json(self) -> str:
        return json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> ImportReport:
    """The report that `as_json` wrote."""
    values = json.loads(text)
    values.pop("diagnostics_count")
    # Once, payments that were there already were passed over.
    values.setdefault("known_checked", not values["already_known_count"])
    values["diagnostics"] = [Finding(**finding) for finding in values["diagnostics"]]
    values["same_number"] = [OfSameNumber(**found) for found in values.get("same_number", [])]
    return ImportReport(**values)


def _finding(diagnostic: Diagnostic, payment: str) -> Finding:
    rule, severity, segment, offset, datum, message = diagnostic
    shown = rule.startswith(_SHOWS_DATUM) and _NUMERIC_DATUM.fullmatch(datum) is not None
    return Finding(rule, severity.value, segment, offset, message, datum if shown else "", payment)


def refusal(summary: FileSummary) -> str:
    """Why a file without a single payment to import is refused: what it is instead."""
    if summary.kind in _KINDS:
        return _KINDS[summary.kind]
    if summary.kind in TRANSACTION_SETS:
        return f"This is an X12 {summary.kind} ({TRANSACTION_SETS[summary.kind]}), not an 835 remittance."
    if re.fullmatch(r"[0-9]{3}", summary.kind):
        return f"This is an X12 {summary.kind}, not an 835 remittance."
    return f"This is not an 835 remittance but looks like {summary.kind}."


_SUMMED = (
    "payments",
    "claims",
    "lines",
    "adjustments",
    "provider_adjustments",
    "amount",
    "claims_paid",
    "already_known_count",
    "same_number_count",
    "unbalanced_count",
    "skipped",
    "unknown_payees",
    "diagnostics_count",
)


def totals(reports: Iterable[ImportReport]) -> dict[str, Any]:
    """Counts and sums over several files, and how many files ended how."""
    sums: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for report in reports:
        outcomes[report.outcome] += 1
        for name in _SUMMED:
            sums[name] += getattr(report, name)
    return {"files": dict(outcomes), **{name: sums[name] for name in _SUMMED}}
