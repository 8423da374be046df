"""Our own explanations of reason and remark codes: what happened, and what one can do now.

They lie beside this file, a code a row: `carc.csv` and `rarc.csv`; `carc_short.csv` has a word or two for the reasons that
offices meet when a claim is denied. None of their words are those of the published lists,
which belong to their owners. docs/code-explanations.md says how they were written, from what, and how to add one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# What one can do, as a page says it before the sentence that goes on.
ACTIONS = {
    "corrected-claim": "Send a corrected claim.",
    "new-claim": "Send a new claim.",
    "records": "Send what is missing.",
    "appeal": "Appeal if you disagree.",
    "other-payer": "Bill another payer.",
    "patient": "Bill the patient.",
    "refund": "Refund the patient.",
    "check": "Check first.",
    "read": "Read the remark codes.",
    "ask": "Ask the plan.",
    "member": "Ask the patient to answer the plan.",
    "wait": "Wait.",
    "nothing": "Nothing to do.",
}

# What an adjustment's group says about billing the patient.
_NOT_THE_PATIENT = {"CO", "PI"}
DO_NOT_BILL = "Do not bill the patient for this amount."
GROUP_ADVICE = {
    "CO": DO_NOT_BILL,
    "CR": "Post it together with the claim that it corrects.",
    "OA": "Do not bill the patient because of this group alone: only PR says that the patient owes it.",
    "PI": DO_NOT_BILL,
    "PR": "Bill the patient, unless your contract or a law forbids it.",
}


# The remark that a claim could not be processed: there is nothing to correct, and another one is sent.
UNPROCESSABLE = "MA130"


@dataclass(frozen=True)
class Advice:
    """What one can do now: one of ACTIONS, or none, and the sentence that goes on."""

    action: str
    text: str

    @property
    def label(self) -> str:
        return ACTIONS.get(self.action, "")

    def beside(self, remarks: str | None) -> Advice:
        """The same beside these remarks: of a claim that could not be processed none is corrected, a new one is sent."""
        new = self.action == "corrected-claim" and UNPROCESSABLE in (remarks or "").split()
        return Advice("new-claim", self.text) if new else self

    def __str__(self) -> str:
        return f"{self.label} {self.text}".strip()


@dataclass(frozen=True)
class Explanation:
    """A code in our own words. `patient` goes on instead of `now` where the group says that the patient owes the amount."""

    code: str
    meaning: str
    action: str
    now: str
    patient: str
    retired: bool
    short: str = ""

    @property
    def clause(self) -> str:
        """The first clause of what happened, to go on after the code."""
        return _clause(self.meaning)

    @property
    def text(self) -> str:
        return f"{self.meaning} (A code of older remittances.)" if self.retired else self.meaning

    @property
    def advice(self) -> str:
        """What one can do, by the group where that makes a difference: a row of a glossary."""
        usual = str(Advice(self.action, self.now))
        if self.action == "patient":
            return f"In group PR: {usual}"
        return f"{usual} In group PR: {Advice('patient', self.patient)}" if self.patient else usual

    @property
    def advice_of_remark(self) -> Advice:
        """What one can do about a remark, which has no group of its own."""
        return Advice("", self.advice) if self.action == "patient" else Advice(self.action, self.now)

    def advice_in(self, group: str | None) -> Advice:
        """What one can do with an adjustment of this group: the patient is billed for group PR alone."""
        if group == "PR":
            return Advice("patient", self.patient) if self.patient else Advice(self.action, self.now)
        if self.action == "patient":
            return Advice("ask", "The patient owes this only in group PR. Ask why the group is another.")
        return Advice(self.action, f"{self.now} {DO_NOT_BILL}" if group in _NOT_THE_PATIENT else self.now)


def _clause(meaning: str) -> str:
    """The first clause of a sentence, to go on after a colon. Abbreviations keep their capitals."""
    first = _CLAUSE_ENDS.split(meaning, maxsplit=1)[0]
    keeps_its_capital = first[1:2].isupper() or first.startswith(_NAMES)
    return (first if keeps_its_capital else first[:1].lower() + first[1:]).strip()


_NAMES = ("Medicare", "Medicaid")
_CLAUSE_ENDS = re.compile(r"[.,;:(]|,? (?:and|but|because) ")


@cache
def explanations(name: str) -> Mapping[str, Explanation]:
    """Every code of a list ("CARC" or "RARC") that we explain; of another list none."""
    path = Path(__file__).with_name(f"{name.lower()}.csv")
    if name not in ("CARC", "RARC"):
        return {}
    short = _short_words() if name == "CARC" else {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            Explanation(
                row["code"],
                row["meaning"],
                row["action"],
                row["now"],
                row["patient"],
                row["retired"] == "yes",
                short.get(row["code"], ""),
            )
            for row in csv.DictReader(file)
        ]
    return {one.code: one for one in rows}


def _short_words() -> dict[str, str]:
    with Path(__file__).with_name("carc_short.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["short"] for row in csv.DictReader(file)}
