"""The less trodden part of reading a check's body: several triplets, odd segments, faults and their notes."""

import json
from typing import NamedTuple

from .codes import ENVELOPE_SEGMENTS, PAYMENT_SEGMENTS
from .money import cents, dollars
from .records import Rows
from .syntax import Syntax
from .texts import display, iso_date

_TRIPLETS = 3


class IrregularError(Exception):
    """Segments are not all divided by the usual terminator and line end: blank lines, indentation, mixed ends."""


class BrokenOffError(Exception):
    """An envelope's segment stands inside the transaction: it broke off before."""


class Note(NamedTuple):
    """A fault within a check: in line `line` of claim `claim` (0: before the first), at `segment`
    (empty: at the claim's CLP or the line's SVC itself)."""

    rule: str
    claim: int
    line: int
    segment: str
    datum: str
    message: str


class Asides:
    """State of reading one check, and everything about it that is not the usual case."""

    def __init__(self, syntax: Syntax, number: int, *, plain: bool) -> None:
        """`number` is the payment's; `plain`: the text is ASCII without controls, quotes and backslashes."""
        self.syntax = syntax
        self.number = number
        self.plain = plain
        self.rows = Rows()
        self.add_line = self.rows.lines.append
        self.add_adjustment = self.rows.adjustments.append
        self.notes: list[Note] = []
        self.lx: str | None = None
        self.se: list[str] | None = None
        self.segments = 0
        self.claims_paid = 0
        self.provider_adjusted: int | None = 0
        self.readable = True  # every CLP04 so far
        self.balanced = True  # every line and claim so far
        self.leftover: list[str] = []  # the payment's segments without a column of their own

    def note(self, rule: str, claim: int, line: int, segment: str, datum: str, message: str) -> None:
        """Notes a fault; its place in the file is worked out only when the check has been read."""
        self.notes.append(Note(rule, claim, line, segment, datum, message))

    def amount(self, text: str, name: str, claim: int, line: int, segment: str = "") -> int | None:
        """Cents of a required amount; None and a note when it is empty or malformed."""
        found = cents(text)
        if found is None:
            if text:
                self.note("element.amount", claim, line, segment, text, f"{name} is not an amount: {text!r}.")
            else:
                self.note("element.missing", claim, line, segment, "", f"{name} is empty: the amount is not known.")
        return found

    def date(self, segment: str, extra: list[str], claim: int, line: int) -> tuple[str, str | None]:
        """Qualifier and ISO date of a DTM not met before; the qualifier empty when it is no DTM or no date."""
        found = self.syntax.date(segment)
        if found is None:
            self.other(segment, extra, claim, line)
            return "", None
        if found[1] is None:
            self.note("element.date", claim, line, segment, segment, "DTM02 is not a date CCYYMMDD.")
            extra.append(segment)
            return "", None
        return found

    def units(self, text: str, claim: int, line: int, name: str = "SVC05") -> str | None:
        """A quantity; None and a note when malformed."""
        found = self.syntax.quantity(text)
        if found is None:
            self.note("element.quantity", claim, line, "", text, f"{name} is not a number of units: {text!r}.")
        return found

    def submitted(self, svc: list[str]) -> str | None:
        """The procedure that was billed (SVC06), when it is another than the one paid."""
        if not svc[5] or svc[5] == svc[0]:
            return None
        return svc[5].replace(self.syntax.component, ":")

    def submitted_units(self, svc: list[str], claim: int, line: int) -> str | None:
        """The units that were billed (SVC07)."""
        return self.units(svc[6], claim, line, "SVC07") if svc[6] else None

    def adjust(self, segment: str, claim: int, line: int | None) -> int | None:
        """All triplets of a CAS to rows; their sum, None when one of the amounts is not known."""
        cas = segment.split(self.syntax.element)
        total: int | None = 0
        triplets = 0
        for start in range(2, len(cas), _TRIPLETS):
            reason, text, units = (*cas[start : start + _TRIPLETS], "", "")[:_TRIPLETS]
            if not (reason or text or units):
                continue
            triplets += 1
            change = self.amount(text, f"CAS{start + 1:02d}", claim, line or 0, segment)
            total = None if total is None or change is None else total + change
            quantity = self.syntax.quantity(units) if units else None
            if units and quantity is None:
                self.note("element.quantity", claim, line or 0, segment, units, "The quantity of a CAS is malformed.")
            level = "C" if line is None else "L"
            self.add_adjustment((self.number, level, claim, line, cas[1], reason, change, quantity))
        if not triplets:
            self.note("element.missing", claim, line or 0, segment, segment, "A CAS without reason and amount.")
            return None
        return total

    def provider_adjust(self, segment: str, claim: int, line: int) -> None:
        """Every pair of a PLB to rows."""
        plb = segment.split(self.syntax.element)
        provider, period = (*plb[1:3], "", "")[:2]
        ends_on = iso_date(period)
        if ends_on is None:
            self.note("element.date", claim, line, segment, period, "PLB02 is not a date CCYYMMDD.")
        pairs = 0
        for start in range(3, len(plb), 2):
            reason, text = (*plb[start : start + 2], "")[:2]
            if not (reason or text):
                continue
            pairs += 1
            code, _, reference = reason.partition(self.syntax.component)
            change = self.amount(text, f"PLB{start + 1:02d}", claim, line, segment)
            known = self.provider_adjusted is not None and change is not None
            self.provider_adjusted = (self.provider_adjusted or 0) + (change or 0) if known else None
            row = (self.number, provider or None, ends_on, code or None, reference.strip() or None, change)
            self.rows.provider_adjustments.append(row)
        if not pairs:
            self.provider_adjusted = None
            self.note("element.missing", claim, line, segment, segment, "A PLB without reason and amount.")

    def other(self, segment: str, extra: list[str], claim: int, line: int) -> None:
        """A segment that is not the claim's or the line's usual; raises when the check cannot go on as it is."""
        tag = segment.partition(self.syntax.element)[0]
        if tag == "SE":
            self.se = segment.split(self.syntax.element)
        elif tag == "PLB":
            self.provider_adjust(segment, claim, line)
        elif tag == "LX":
            self.lx = segment.split(self.syntax.element)[1].strip() or None if "LX" != segment else None
        elif tag in ("TS2", "TS3"):
            self.leftover.append(segment)
        elif tag in ENVELOPE_SEGMENTS or tag.startswith("ISA"):
            raise BrokenOffError
        elif not segment or segment != segment.strip():
            raise IrregularError
        else:
            if tag not in PAYMENT_SEGMENTS:
                self.note("segment.unknown", claim, line, segment, segment, f"An 835 has no segment {tag[:10]!r}.")
            extra.append(segment)

    def claim_remarks(self, segment: str, remarks: str | None) -> str | None:
        """Remark codes (RARC) of a MOA (03 to 07) or MIA (05, 20 to 23), after those found before."""
        elements = segment.split(self.syntax.element)
        places = elements[3:8] if elements[0] == "MOA" else elements[5:6] + elements[20:24]
        codes = [code for code in places if code]
        if remarks:
            codes.insert(0, remarks)
        return " ".join(codes) or None

    def note_balance(self, level: str, claim: int, line: int, charged: int, adjusted: int, paid: int) -> None:
        """Notes a claim or a line whose charge less its adjustments is not what was paid."""
        message = (
            f"Charged {dollars(charged)} less adjustments {dollars(adjusted)} is "
            f"{dollars(charged - adjusted)}, but {dollars(paid)} was paid."
        )
        self.note(f"balance.{level}", claim, line, "", dollars(paid), message)

    def note_claim_ids(self, clp: list[str], claim: int) -> None:
        """Notes which of the claim's required identifiers are empty."""
        for place, name in ((0, "CLP01"), (1, "CLP02"), (6, "CLP07")):
            if not clp[place]:
                self.note("element.missing", claim, 0, "", "", f"{name} is empty.")

    @staticmethod
    def name(person: list[str]) -> str | None:
        """`LAST, FIRST MIDDLE` of an NM1 with its elements filled up to ten."""
        last, given, middle = person[3:6]
        if middle:
            given = f"{given} {middle}"
        return f"{last}, {given}" if last and given else last or given or None

    def more(self, segments: list[str]) -> str:
        """Segments as JSON, each an array of its elements."""
        element = self.syntax.element
        if self.plain:
            # Nothing to escape: one join and one replace, five times as quick as json.dumps.
            return '[["' + '"],["'.join(segments).replace(element, '","') + '"]]'
        split = [[display(value) for value in segment.split(element)] for segment in segments]
        return json.dumps(split, ensure_ascii=False, separators=(",", ":"))
