"""Reading one check: its state, and what is less usual: several triplets, odd segments, faults and their notes."""

import json
from typing import NamedTuple

from .codes import PAYMENT_SEGMENTS, ends_check
from .dates import iso_date
from .diagnostics import MOST_KEPT
from .layouts import ABSENT, Fetch, Layout, Layouts, Span, Triplet
from .money import cents, dollars
from .readable_text import display
from .records import Rows
from .syntax import BLANKS, Syntax

_COMMA, _NEXT = '","', '"],["'  # between elements and between segments in JSON


class BrokenOffError(Exception):
    """What stands here is no segment of a check: one of the envelope, because the check broke off, or, unless the check is
    read carefully, a name with blanks around it or an empty one."""


class Note(NamedTuple):
    """A fault within a check: at segment `at` (from 0) of line `line` of claim `claim` (0: before the first)."""

    rule: str
    claim: int
    line: int
    at: int
    datum: str
    message: str


class ReadHere(NamedTuple):
    """A stretch of claims read in Python: places in the rows of claims and of adjustments."""

    claims: slice
    adjustments: slice


class CheckReader:
    """State of reading one check, and everything about it that is not the usual case."""

    def __init__(self, syntax: Syntax, number: int, *, plain: bool, careful: bool = False) -> None:
        """`number` is the payment's; `plain`: the text is ASCII without controls, quotes and backslashes;
        `careful`: work out every layout afresh."""
        self.syntax = syntax
        self.number = number
        self.plain = plain
        self.careful = careful
        self.head_layouts: dict[int, list[Layout]] = {} if careful else syntax.heads.known
        self.line_layouts: dict[int, list[Layout]] = {} if careful else syntax.lines.known
        self.rows = Rows()
        self.add_claim = self.rows.claims.append
        self.add_line = self.rows.lines.append
        self.add_adjustment = self.rows.adjustments.append
        self.notes: list[Note] = []
        self.lx: str | None = None
        self.se: list[str] | None = None
        self.segments = 0
        self.claims_paid = 0
        self.provider_adjusted: int | None = 0
        self.readable = True  # every CLP04 so far
        self.unbalanced_lines = 0  # that do not balance or cannot be told to
        self.unbalanced_claims = 0  # that do not, or that have such a line
        self.leftover: list[list[str]] = []  # the payment's segments without a column of their own
        self.provider_adjusted_at: list[tuple[int, int, int]] = []  # claim, line and segment of each PLB
        self.misplaced: list[tuple[int, int, str]] = []  # claim, line and name of each segment in the wrong place
        self.missing = 0  # segments that SE01 counts and that are not there
        self.unknown_currency = ""  # what CUR02 names, when that is no code of a currency; UNNAMED when it is no word
        self.owed_otherwise = 0  # claims whose CLP05 is not the sum of their PR
        self.charges_otherwise: list[int] = []  # claims whose lines do not charge CLP03
        self.looked_at: list[ReadHere] = []  # what the compiled part has not read: the others have known codes alone
        self.legible = True  # no name of a segment in small letters so far

    def note(self, rule: str, claim: int, line: int, at: int, datum: str, message: str) -> None:
        """Notes a fault; its place in the file is worked out only when the check has been read."""
        if len(self.notes) <= MOST_KEPT or rule == "se.more":  # the last one; the head is read first
            self.notes.append(Note(rule, claim, line, at, datum, message))

    def amount(self, text: str, name: str, claim: int, line: int = 0, at: int = 0) -> int | None:
        """Cents of a required amount; None and a note when it is empty or malformed."""
        found = cents(text)
        if found is None:
            if text:
                self.note("element.amount", claim, line, at, text, f"{name} is not an amount.")
            else:
                self.note("element.missing", claim, line, at, "", f"{name} is empty: the amount is not known.")
        return found

    def claim_date(self, text: str, claim: int) -> str | None:
        """ISO date of a claim's DTM; None when absent, None and a note when malformed."""
        return self._date(text, claim, 0, 0) if text else None

    def line_dates(
        self, first: str, last: str, elements: list[str], layout: Layout, claim: int, line: int
    ) -> tuple[str | None, str | None]:
        """ISO dates of a line's DTM; None when absent, None and a note when malformed."""
        service_from = self._date(first, claim, line, layout.ordinal(elements.index(first))) if first else None
        if last is first:
            return service_from, service_from
        return service_from, self._date(last, claim, line, layout.ordinal(elements.index(last))) if last else None

    def _date(self, text: str, claim: int, line: int, at: int) -> str | None:
        found = self.syntax.date(text)
        if found is None:
            self.note("element.date", claim, line, at, text, "DTM02 is not a date CCYYMMDD.")
        return found

    def units(self, text: str, name: str, claim: int, line: int) -> str | None:
        """A quantity; None and a note when malformed."""
        found = self.syntax.quantity(text)
        if found is None:
            self.note("element.quantity", claim, line, 0, text, f"{name} is not a number of units.")
        return found

    def new_layout(self, layouts: Layouts, elements: list[str]) -> Layout:
        """The layout of elements that have none of those met before."""
        return layouts.build(elements, layouts.mark) if self.careful else layouts.learn(elements)

    def submitted(self, elements: list[str], fetch: Fetch, claim: int, line: int) -> tuple[str | None, str | None]:
        """The procedure that was billed (SVC06), when it is another than the one paid, and the units billed (SVC07)."""
        billed, units = fetch(elements)
        procedure = billed.replace(self.syntax.component, ":") if billed != elements[0] else ""
        return procedure or None, self.units(units, "SVC07", claim, line) if units else None

    def claim_adjustments(self, elements: list[str], layout: Layout, claim: int) -> int | None:
        """All CAS of the claim itself to rows; their sum, None when one of the amounts is not known."""
        adjusted: int | None = 0
        for triplet in layout.triplets:
            adjusted = self.adjust(elements, layout, triplet, claim, 0, adjusted)
        return adjusted

    def adjust(
        self, elements: list[str], layout: Layout, triplet: Triplet, claim: int, line: int, adjusted: int | None
    ) -> int | None:
        """One triplet of a CAS to a row; `adjusted` with its amount added, None when one of both is not known."""
        group, reason, text, units = (elements[place] for place in triplet)
        if not (reason or text or units) and triplet[1] != ABSENT:
            return adjusted  # empty elements between triplets or at the end
        at = layout.ordinal(next(place for place in triplet if place != ABSENT)) if triplet[0] != ABSENT else 0
        change = self.amount(text, "The amount of a CAS", claim, line, at)
        quantity = self.syntax.quantity(units) if units else None
        if units and quantity is None:
            self.note("element.quantity", claim, line, at, units, "The quantity of a CAS is not a number of units.")
        level = "L" if line else "C"
        self.add_adjustment((self.number, level, claim, line or None, group, reason, change, quantity))
        return None if adjusted is None or change is None else adjusted + change

    def provider_adjust(self, plb: list[str], claim: int, line: int, at: int) -> None:
        """Every pair of a PLB to rows."""
        provider, period = (*plb[1:3], "", "")[:2]
        ends_on = iso_date(period)
        if ends_on is None:
            self.note("element.date", claim, line, at, period, "PLB02 is not a date CCYYMMDD.")
        self.provider_adjusted_at.append((claim, line, at))
        pairs = 0
        for start in range(3, len(plb), 2):
            reason, text = (*plb[start : start + 2], "")[:2]
            if not (reason or text):
                continue
            pairs += 1
            code, _, reference = reason.partition(self.syntax.component)
            change = self.amount(text, f"PLB{start + 1:02d}", claim, line, at)
            if change is None or self.provider_adjusted is None:
                self.provider_adjusted = None
            else:
                self.provider_adjusted += change
            row = (self.number, provider or None, ends_on, code or None, reference.strip() or None, change)
            self.rows.provider_adjustments.append(row)
        if not pairs:
            self.provider_adjusted = None
            self.note("element.missing", claim, line, at, "PLB", "A PLB without reason and amount.")

    def aside(self, elements: list[str], layout: Layout, claim: int, line: int) -> None:
        """Segments that concern more than the claim, and those that no 835 has.

        Raises BrokenOffError at a segment of the envelope.
        """
        for start, stop in layout.unknown:
            tag = elements[start][1:]
            self.expect(tag)
            self.unknown([tag, *elements[start + 1 : stop]], claim, line, layout.ordinal(start))
        for start, stop in layout.misplaced:
            segment = [elements[start][1:], *elements[start + 1 : stop]]
            behind = any(other < start for other, _ in layout.special)
            where = (
                "stands behind the claim, before the next one: it is taken as a part of the claim before."
                if behind
                else f"is no segment of a {'service line' if line else 'claim'}."
            )
            self.misplace(segment, claim, line, layout.ordinal(start), where)
        for start, stop in layout.special:
            self.special([elements[start][1:], *elements[start + 1 : stop]], claim, line, layout.ordinal(start))

    def unknown(self, segment: list[str], claim: int, line: int, at: int) -> None:
        """A segment that no 835 has, or whose name is in small letters."""
        tag, text = segment[0], self.syntax.element.join(segment)
        if tag.upper() in PAYMENT_SEGMENTS:
            self.legible = False
            message = f"{tag.upper()} is written in small letters, so it was not read."
            self.note("segment.small-letters", claim, line, at, text, message)
        else:
            self.note("segment.unknown", claim, line, at, text, "An 835 has no such segment.")

    def misplace(
        self, segment: list[str], claim: int, line: int, at: int, where: str, rule: str = "segment.misplaced"
    ) -> None:
        """Notes a segment that stands where an 835 does not have it."""
        tag = segment[0]
        self.misplaced.append((claim, line, tag))
        self.note(rule, claim, line, at, self.syntax.element.join(segment), f"{tag} {where}")

    def expect(self, tag: str) -> None:
        """Raises BrokenOffError when a segment of this name ends the check or is not divided as the others are."""
        if ends_check(tag) or (not self.careful and (not tag or tag != tag.strip(BLANKS))):
            raise BrokenOffError

    def special(self, segment: list[str], claim: int, line: int, at: int) -> None:
        """A segment that concerns the claims to come or the whole payment."""
        tag = segment[0]
        if tag == "SE":
            self.se = segment
        elif tag == "PLB":
            self.provider_adjust(segment, claim, line, at)
        elif tag == "LX":
            self.lx = segment[1].strip() or None if len(segment) > 1 else None
        else:  # TS2, TS3
            self.leftover.append(segment)

    def remarks(self, elements: list[str], layout: Layout) -> str | None:
        """Several remark codes (RARC), separated by blanks."""
        return " ".join([elements[place] for place in layout.remarks if elements[place]]) or None

    def unbalanced_claim(self, number: int, charged: int | None, adjusted: int | None, paid: int | None) -> bool:
        """A claim whose CLP03 less all its CAS is not CLP04, or cannot be told to be: always False, for its row."""
        if paid is None:
            self.readable = False
        else:
            self.claims_paid += paid
        if charged is not None and adjusted is not None and paid is not None:
            self.note_balance("claim", number, 0, charged, adjusted, paid)
        return False

    def note_balance(self, level: str, claim: int, line: int, charged: int, adjusted: int, paid: int) -> None:
        """Notes a claim or a line whose charge less its adjustments is not what was paid."""
        message = (
            f"Charged {dollars(charged)} less adjustments {dollars(adjusted)} is "
            f"{dollars(charged - adjusted)}, but {dollars(paid)} was paid."
        )
        self.note(f"balance.{level}", claim, line, 0, dollars(paid), message)

    def note_charges(self, claim: int, charged: int, of_lines: int) -> None:
        """Notes a claim that balances, as do its lines, which do not charge what it does. The guide does not forbid it: of a
        claim priced as a whole, lines that are paid as charged may be left out."""
        self.charges_otherwise.append(claim)
        message = (
            f"CLP03 is {dollars(charged)}, but the charges of the claim's lines (SVC02) come to {dollars(of_lines)}."
        )
        self.note("balance.charges", claim, 0, 0, dollars(charged), message)

    def note_claim_ids(self, control: str, status: str, payer_control: str, claim: int) -> None:
        """Notes which of the claim's required identifiers are empty."""
        for value, name in ((control, "CLP01"), (status, "CLP02"), (payer_control, "CLP07")):
            if not value:
                self.note("element.missing", claim, 0, 0, "", f"{name} is empty.")

    @staticmethod
    def name(last: str, given: str, middle: str) -> str | None:
        """`LAST, FIRST MIDDLE`."""
        if middle:
            given = f"{given} {middle}".lstrip()
        return f"{last}, {given}" if last and given else last or given or None

    def person(self, fetch: Fetch, elements: list[str]) -> tuple[str | None, str | None]:
        """Name and identifier of one of the claim's people."""
        last, given, middle, _, identifier = fetch(elements)
        return self.name(last, given, middle), identifier.strip() or None

    def more(self, elements: list[str], spans: tuple[Span, ...]) -> str:
        """Stretches of segments as JSON, each segment an array of its elements."""
        mark = self.syntax.mark
        if self.plain:
            # Nothing to escape, so a comma between quotes before a terminator is where the next segment starts.
            next_segment = self.syntax.next_segment
            if len(spans) == 1:
                start, stop = spans[0]
                return f'[["{_COMMA.join(elements[start:stop])[1:].replace(next_segment, _NEXT)}"]]'
            joined = [_COMMA.join(elements[start:stop])[1:].replace(next_segment, _NEXT) for start, stop in spans]
            return f'[["{_NEXT.join(joined)}"]]'
        segments: list[list[str]] = []
        for start, stop in spans:
            for text in elements[start:stop]:
                if text[:1] == mark:
                    segments.append([])
                segments[-1].append(display(text.removeprefix(mark)))
        return json.dumps(segments, ensure_ascii=False, separators=(",", ":"))
