"""What the reader has to say about a file, as values."""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How much a finding matters: `ERROR` breaks a rule of the standard that a reader relies on,
    `WARNING` is a fault that was read around, `INFO` is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Diagnostic(NamedTuple):
    """One finding. `segment` counts the file's segments from 1, blank ones left out; `offset` is the byte at
    which that segment starts; `datum` is the text in question, cut to 80 characters.

    `message` tells people what is wrong. It is shown to staff and kept, so it never quotes the file, whose text may be a
    patient's: of what stands there it may name amounts that were read, counts, and codes of a known form.
    """

    rule: str
    severity: Severity
    segment: int
    offset: int
    datum: str
    message: str


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: dict[str, tuple[Severity, str]] = {
    # the file
    "file.not-835": (_E, "the file holds no remittance at all"),
    "file.leading-text": (_W, "text stands before the first segment"),
    "file.glued": (_W, "a segment is divided from the one before by another character than all the others"),
    "file.stray-segment": (_W, "a segment stands outside of any transaction"),
    "file.other-set": (_I, "a transaction set that is no 835 was passed over"),
    "file.unreadable": (_E, "a stretch of the file has no segment terminator or is too large for one check"),
    # the envelope: ISA/IEA, GS/GE, ST/SE (X12.5, X12.6)
    "isa.missing": (_W, "a transaction stands outside of an interchange"),
    "isa.malformed": (_W, "ISA does not have its 16 elements or its fixed 106 bytes"),
    "isa.duplicate": (_W, "ISA13 was used before in this file"),
    "iea.missing": (_E, "an interchange has no IEA"),
    "iea.count": (_E, "IEA01 is not the number of groups"),
    "iea.control": (_E, "IEA02 is not ISA13"),
    "gs.missing": (_W, "a transaction stands outside of a group"),
    "gs.duplicate": (_W, "GS06 was used before in this interchange"),
    "gs.version": (_W, "GS08 names another version than 005010"),
    "gs.kind": (_W, "GS01 is not HP, the code of remittances"),
    "iea.stray": (_W, "IEA stands where no interchange is open"),
    "ge.missing": (_E, "a group has no GE"),
    "ge.count": (_E, "GE01 is not the number of transactions"),
    "ge.control": (_E, "GE02 is not GS06"),
    "ge.stray": (_W, "GE stands where no group is open"),
    "st.missing": (_W, "a remittance does not start with ST"),
    "st.duplicate": (_E, "ST02 was used before in this group"),
    "se.missing": (_E, "a transaction is truncated: it has no SE of its own"),
    "se.count": (_E, "SE01 is not the number of segments: it counts fewer than there are, or is no number"),
    "se.more": (_E, "SE01 counts more segments than there are: something of the payment may be missing"),
    "se.control": (_E, "SE02 is not ST02"),
    "se.foreign": (_E, "SE belongs to another transaction: both its number and its count differ"),
    # elements (005010X221A1)
    "text.control-character": (_W, "control characters stand inside the text"),
    "segment.unknown": (_I, "a segment that an 835 does not have; kept as it is"),
    "segment.small-letters": (_E, "the name of a segment is written in small letters, so it says nothing"),
    "segment.misplaced": (_W, "a segment stands where an 835 does not have it"),
    "segment.left-out": (_W, "a segment of a claim or line stands before the first claim; its amounts are not counted"),
    "bpr.second": (_W, "a payment has two BPR; the first one counts"),
    "trn.second": (_W, "a payment has two TRN; the first one counts"),
    "element.missing": (_E, "a required element is empty"),
    "element.amount": (_E, "not an amount with at most two decimals"),
    "element.date": (_W, "not a date CCYYMMDD"),
    "element.quantity": (_W, "not a number of units"),
    "code.unknown": (_I, "a code that this reader does not know; kept as it is"),
    # money
    "amount.debit": (_I, "BPR03 is D: the payer takes the amount back, so it counts as negative"),
    "amount.negative": (
        _W,
        "BPR02 is negative, which it must not be; whether money is paid or taken back is told by BPR03",
    ),
    "amount.currency": (_I, "CUR names another currency than US dollars"),
    "currency.unknown": (_W, "CUR02 is no code of a currency; the amounts are taken as US dollars"),
    "balance.patient": (_W, "CLP05, what the patient owes, is not the sum of the claim's adjustments with PR"),
    "balance.charges": (_W, "the SVC02 of a claim's lines do not come to its CLP03"),
    # (005010X221A1 section 1.10.2.1, Balancing)
    "balance.line": (_E, "SVC02 less the line's CAS is not SVC03"),
    "balance.claim": (_E, "CLP03 less the CAS of claim and lines is not CLP04"),
    "balance.check": (_E, "the sum of CLP04 less the sum of PLB is not BPR02"),
    # our own bookkeeping
    "diagnostics.dropped": (_I, "more findings than are kept"),
}
"""Every rule with its severity and what it finds. The names are stable: reports and filters use them."""

MOST_KEPT = 500
"""Findings kept for the file, and for each check: a file of garbage must not fill the memory."""
ALWAYS_KEPT = frozenset({"se.more", "segment.left-out"})
"""Rules whose first finding is kept however many others there are: they decide how the import ended."""


def diagnostic(rule: str, segment: int, offset: int, datum: str, message: str) -> Diagnostic:
    """A finding of one of the `RULES`, its severity from the table. Raises KeyError for an unknown rule."""
    return Diagnostic(rule, RULES[rule][0], segment, offset, datum[:80], message)


class Findings(list[Diagnostic]):
    """A list that keeps the first `MOST_KEPT` findings and counts the others."""

    dropped: int = 0

    def note(self, rule: str, segment: int, offset: int, datum: str, message: str) -> None:
        """Adds a finding, or counts it when there are already too many."""
        if len(self) < MOST_KEPT or (rule in ALWAYS_KEPT and all(kept.rule != rule for kept in self)):
            self.append(diagnostic(rule, segment, offset, datum, message))
        else:
            self.dropped += 1

    def closed(self) -> tuple[Diagnostic, ...]:
        """All findings kept, with a last one that tells how many were not."""
        if self.dropped:
            last = self[-1]
            message = f"{self.dropped} further findings were not kept."
            self.append(diagnostic("diagnostics.dropped", last.segment, last.offset, "", message))
            self.dropped = 0
        return tuple(self)
