"""One 835 from its own text: rows, money checked, faults with their places."""

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from .balance import difference, holds
from .body import Body
from .check_reader import BrokenOffError
from .codes import ADJUSTMENT_GROUPS, CLAIM_STATUSES, PATIENT, REVERSAL, ends_check
from .diagnostics import Findings
from .header import Header
from .marks import Marks
from .money import dollars
from .readable_text import display
from .records import ADJUSTMENT, CLAIM, PAYMENT, Group, Interchange, Row, Transaction, Value
from .syntax import BLANKS, Syntax

_GROUP, _STATUS = ADJUSTMENT.index("group"), CLAIM.index("status")
_CLAIM_OF, _CHANGE = ADJUSTMENT.index("claim"), ADJUSTMENT.index("amount")
_OWED, _SUMMED = CLAIM.index("patient_responsibility"), CLAIM.index("patient_adjusted")


@dataclass(slots=True)
class Setting:
    """Where a transaction stands: its number, the envelope around it, the place of its first segment in the file, and
    what the reader has found about it so far. `whole` is False when its text ends without SE."""

    number: int
    syntax: Syntax
    interchange: Interchange | None
    group: Group | None
    segment: int
    offset: int
    whole: bool = True
    findings: Findings = field(default_factory=Findings)


class TruncatedError(Exception):
    """The transaction has no SE of its own; the next segment of the envelope starts at byte `at` of the text."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _Places:
    """Where the segments of a transaction start: bytes from its own start, blank segments left out."""

    def __init__(self, raw: bytes, syntax: Syntax) -> None:
        self.offsets: list[int] = []
        self.segments: list[str] = []
        self._claims: list[int] = []
        self._lines: list[list[int]] = []
        offset = 0
        for piece in raw.decode("latin-1").split(syntax.mark):
            if segment := piece.strip(BLANKS):
                self._add(segment, offset + len(piece) - len(piece.lstrip(BLANKS)), syntax.element)
            offset += len(piece) + 1

    def _add(self, segment: str, offset: int, element: str) -> None:
        tag = segment.partition(element)[0]
        if tag == "CLP":
            self._claims.append(len(self.segments))
            self._lines.append([])
        elif tag == "SVC" and self._lines:
            self._lines[-1].append(len(self.segments))
        self.offsets.append(offset)
        self.segments.append(segment)

    def of(self, claim: int, line: int, at: int) -> int:
        """Index of segment `at` of a claim's line; of the claim itself when `line` is 0, of the head when both are."""
        start = 0
        if claim:
            start = self._lines[claim - 1][line - 1] if line else self._claims[claim - 1]
        return min(start + at, len(self.segments) - 1)

    def at_byte(self, offset: int) -> int:
        """Index of the segment that holds a byte."""
        return max(bisect_right(self.offsets, offset) - 1, 0)

    def envelope(self, element: str) -> int:
        """Byte at which the first segment of the envelope after ST starts."""
        inside = enumerate(self.segments[1:], 1)
        return next(self.offsets[place] for place, text in inside if ends_check(text.partition(element)[0]))


def read_transaction(raw: bytes, setting: Setting) -> tuple[Transaction, int]:
    """Reads the text of one 835, ST to SE with the terminator; also the number of its segments.

    Raises TruncatedError when a segment of the envelope stands inside: the caller cuts there.
    """
    syntax = setting.syntax
    text = raw.decode("latin-1").rstrip(BLANKS).removesuffix(syntax.mark)
    unsafe = len(raw.translate(None, syntax.unsafe)) != len(raw)
    body, header = _read_body(text, raw, setting, plain=raw.isascii() and not unsafe)
    controls = unsafe and syntax.controls.search(raw) is not None
    _note_codes(body)
    _note_places(body)
    _note_owed(body)
    complete = _check_end(body, header, setting, ended=raw.endswith(syntax.mark_byte))
    balanced = _check_balance(body, header) and complete
    if controls or not raw.isascii():
        _display_rows(body)
    if body.notes or controls:
        _locate(body, raw, setting, controls=controls)
    importable = complete and body.legible and "amount" in header.facts and "trace_number" in header.facts
    transaction = Transaction(
        number=setting.number,
        payment=_payment_row(body, header, setting, balanced=balanced),
        rows=body.rows,
        raw=raw,
        separators=syntax.separators,
        interchange=setting.interchange,
        group=setting.group,
        diagnostics=setting.findings.closed(),
        importable=importable,
        balanced=balanced,
        segment=setting.segment,
        offset=setting.offset,
    )
    return transaction, body.segments


def _read_body(text: str, raw: bytes, setting: Setting, *, plain: bool) -> tuple[Body, Header]:
    """Reads marked text; when that misses segments, once more with every segment found one by one."""
    syntax = setting.syntax
    marked = syntax.marked(text)
    if plain and ("\n" in marked or "\r" in marked):
        plain = False  # a line end inside an element, which JSON must escape
    body, header = _start(setting, plain=plain, careful=False)
    try:
        _read_marked(marked, body, header)
    except BrokenOffError:
        body.segments = 0
    # The sender's own count is at hand; ours is needed only where the two disagree.
    if _counted(body) or body.segments == marked.count(syntax.mark) + 1:
        return body, header
    body, header = _start(setting, plain=plain, careful=True)
    try:
        _read_marked(syntax.between.join(syntax.segments(text)) + syntax.element, body, header)
    except BrokenOffError:
        raise TruncatedError(_Places(raw, syntax).envelope(syntax.element)) from None
    return body, header


def _counted(body: Body) -> bool:
    """Whether SE01 counts as many segments as were seen."""
    return body.se is not None and body.se[1:2] == [str(body.segments)]


def _start(setting: Setting, *, plain: bool, careful: bool) -> tuple[Body, Header]:
    body = Body(setting.syntax, setting.number, plain=plain, careful=careful)
    return body, Header(body)


def _read_marked(marked: str, body: Body, header: Header) -> None:
    syntax = body.syntax
    head, *claims = marked.rsplit(syntax.claim_start)
    first_claim = f"CLP{syntax.element}"
    if head.startswith(first_claim):  # a fragment without ST and BPR
        head, claims = "", [head.removeprefix(first_claim), *claims]
    head = head.removesuffix(syntax.element)
    segments = [segment.split(syntax.element) for segment in head.split(syntax.between)] if head else []
    header.read(segments)
    body.segments = len(segments)
    body.claims(claims)


def _note_codes(body: Body) -> None:
    """Codes that the guide does not name, once each: they are kept as they are."""
    known: set[Value] = {*ADJUSTMENT_GROUPS}
    for read in body.looked_at:
        adjustments = body.rows.adjustments[read.adjustments]
        groups = set(map(itemgetter(_GROUP), adjustments)) - known
        known |= groups
        for row in adjustments if groups else ():
            if row[_GROUP] in groups:
                groups.discard(row[_GROUP])
                claim, line = int(row[2] or 0), int(row[3] or 0)
                body.note("code.unknown", claim, line, 0, str(row[_GROUP]), "CAS01 is not a known adjustment group.")
    known = {*CLAIM_STATUSES, ""}
    for read in body.looked_at:
        for row in body.rows.claims[read.claims]:
            if row[_STATUS] not in known:
                known.add(row[_STATUS])
                body.note(
                    "code.unknown", int(row[1] or 0), 0, 0, str(row[_STATUS]), "CLP02 is not a known claim status."
                )


def _note_places(body: Body) -> None:
    """PLB belongs behind the last claim. One that stands before is counted all the same."""
    last = len(body.rows.claims)
    for claim, line, at in body.provider_adjusted_at:
        if claim < last:
            body.misplace(["PLB"], claim, line, at, "stands before a claim; it is counted for the whole payment.")


def _note_owed(body: Body) -> None:
    """Claims whose CLP05 is not the sum of their adjustments with PR. A reversal need not repeat what the patient owed."""
    for read in body.looked_at:
        owed: dict[Value, int] = {}
        unknown = set()
        # The adjustments of a payer are many: what can be left out is left out by one comparison.
        for row in [row for row in body.rows.adjustments[read.adjustments] if row[_GROUP] == PATIENT]:
            claim, change = row[_CLAIM_OF], row[_CHANGE]
            if isinstance(change, int):
                owed[claim] = owed.get(claim, 0) + change
            else:
                unknown.add(claim)
        for number, row in enumerate(body.rows.claims[read.claims], read.claims.start + 1):
            stated, summed = row[_OWED] or 0, owed.get(number, 0)
            if stated != summed and row[_STATUS] != REVERSAL and number not in unknown:
                message = (
                    f"CLP05 is {dollars(int(stated))}, but the claim's adjustments with PR come to {dollars(summed)}."
                )
                body.owed_otherwise += 1
                body.rows.claims[number - 1] = (*row[:_SUMMED], summed, *row[_SUMMED + 1 :])
                body.note("balance.patient", number, 0, 0, dollars(int(stated)), message)


def _check_end(body: Body, header: Header, setting: Setting, *, ended: bool) -> bool:
    """Whether the transaction has an SE of its own; notes what is wrong with it."""
    se = [text.strip() for text in body.se or []]
    last = max(body.segments - 1, 0)
    # Without a terminator the number may be cut off: only the right one shows that nothing is.
    if not setting.whole or len(se) < 2 or not (ended or se[2:3] == [header.facts.get("control_number")]):
        body.note("se.missing", 0, 0, last, "", "The transaction is truncated: it has no SE of its own.")
        return False
    count, control = se[1], se[2] if len(se) > 2 else ""
    number = int(count) if count.isascii() and count.isdecimal() and len(count) < 12 else None
    counted = number == body.segments
    named = control == str(header.facts.get("control_number", ""))
    if not counted:
        counts = "does not count the" if number is None else f"counts {count}"
        message = f"SE01 {counts} segments, there are {body.segments}."
        body.missing = max((number or 0) - body.segments, 0)
        body.note("se.more" if body.missing else "se.count", 0, 0, last, count, message)
    if not named:
        body.note("se.control", 0, 0, last, control, "SE02 is not the control number of ST02.")
    if not counted and not named:
        message = "This SE belongs to another transaction: both its number and its count differ."
        body.note("se.foreign", 0, 0, last, control, message)
        return False
    return True


def _paid(header: Header) -> int | None:
    """BPR02 with its sign."""
    amount = header.facts.get("amount")
    return amount if isinstance(amount, int) else None


def _check_balance(body: Body, header: Header) -> bool:
    """Whether check, claims and lines all balance; notes when the check does not."""
    paid, adjusted = _paid(header), body.provider_adjusted
    off = difference(paid, body.claims_paid if body.readable else None, adjusted)
    if off and paid is not None and adjusted is not None:
        message = (
            f"Claims paid {dollars(body.claims_paid)} less provider adjustments {dollars(adjusted)} is "
            f"{dollars(body.claims_paid - adjusted)}, but the payment is {dollars(paid)}."
        )
        body.note("balance.check", 0, 0, header.payment_at, dollars(paid), message)
    return holds(off, body.unbalanced_claims)


def _display_rows(body: Body) -> None:
    """Values as people read them; `more` already is, and it may hold what is no Latin-1."""
    rows = body.rows
    rows.claims[:] = [(*_displayed(row[:-1]), row[-1]) for row in rows.claims]
    rows.lines[:] = [(*_displayed(row[:-1]), row[-1]) for row in rows.lines]
    rows.adjustments[:] = [tuple(_displayed(row)) for row in rows.adjustments]
    rows.provider_adjustments[:] = [tuple(_displayed(row)) for row in rows.provider_adjustments]


def _displayed(row: Row) -> Iterator[int | str | bool | None]:
    return (display(value) if isinstance(value, str) else value for value in row)


def _locate(body: Body, raw: bytes, setting: Setting, *, controls: bool) -> None:
    """Notes to findings, each with its segment and byte in the file."""
    places = _Places(raw, setting.syntax)
    findings = setting.findings
    if controls:
        found = setting.syntax.controls.findall(raw)
        at = places.at_byte(raw.index(found[0]))
        message = f"{len(found)} control characters stand inside the text; they are left out."
        segment, offset = setting.segment + at, setting.offset + places.offsets[at]
        findings.note("text.control-character", segment, offset, display(places.segments[at]), message)
    for note in sorted(body.notes, key=lambda note: places.of(note.claim, note.line, note.at)):
        at = places.of(note.claim, note.line, note.at)
        datum = display(note.datum or places.segments[at])
        findings.note(note.rule, setting.segment + at, setting.offset + places.offsets[at], datum, note.message)


def _marks(body: Body, currency: Value) -> Marks:
    rules = {note.rule for note in body.notes}
    return Marks(
        owed=body.owed_otherwise,
        misplaced=tuple(body.misplaced),
        second=tuple(tag for tag, rule in (("BPR", "bpr.second"), ("TRN", "trn.second")) if rule in rules),
        negative="amount.negative" in rules,
        missing=body.missing,
        currency="" if currency else body.unknown_currency,
        charges=len(body.charges_otherwise),
        charges_in=tuple(body.charges_otherwise),
    )


def _payment_row(body: Body, header: Header, setting: Setting, *, balanced: bool) -> Row:
    rows, interchange, group = body.rows, setting.interchange, setting.group
    facts: dict[str, int | str | bool | None] = dict(header.facts)
    if interchange is not None:
        facts["interchange_sender"] = interchange.element(6) or None
        facts["interchange_receiver"] = interchange.element(8) or None
        facts["interchange_control_number"] = interchange.element(13) or None
    if group is not None:
        facts["group_control_number"] = group.element(6) or None
        facts["version"] = group.element(8) or None
    left = [[display(text) for text in segment] for segment in body.leftover]
    facts |= {
        "payment": setting.number,
        "claim_count": len(rows.claims),
        "line_count": len(rows.lines),
        "adjustment_count": len(rows.adjustments),
        "provider_adjustment_count": len(rows.provider_adjustments),
        "claims_paid": body.claims_paid if body.readable else None,
        "provider_adjusted": body.provider_adjusted,
        "balanced": balanced,
        "marks": _marks(body, header.facts.get("currency")).as_json(),
        "more": json.dumps(left, ensure_ascii=False, separators=(",", ":")) if left else None,
    }
    return tuple(map(facts.get, PAYMENT))
