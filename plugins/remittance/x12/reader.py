"""The way in: an 835 file as a stream of checks."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from .codes import ENVELOPE_SEGMENTS, PAYMENT_SET, TRANSACTION_SETS
from .diagnostics import Findings
from .envelope import Envelope, Segment
from .file_kinds import file_kind, in_small_letters, packed_kind
from .records import FileSummary, Transaction
from .separators import WINDOW, find_separators
from .source import BLOCK, Source
from .syntax import Syntax
from .transaction import Setting, TruncatedError, read_transaction

LARGEST_CHECK = 64 << 20
"""Bytes of the largest transaction that is read: 40,000 claims. One without an end must not fill the memory."""

_BLANK = b" \t\r\n\x00\x1a"
_SE_LENGTH = 3  # with the element separator
_BOM = b"\xef\xbb\xbf"
_SEPARATOR = rb"([^A-Za-z0-9 \t\r\n])"
_START = re.compile(
    rb"(?<![A-Za-z0-9])(?:ISA" + _SEPARATOR + rb"[^\r\n]{0,6}?\1|(?:GS" + _SEPARATOR + rb"[A-Z]{2}\2)"
    rb"|ST" + _SEPARATOR + rb"[0-9]{3}(?![A-Za-z0-9]))"
)
_FRAGMENT = re.compile(
    rb"(?<![A-Za-z0-9])(?:BPR" + _SEPARATOR + rb"[A-Z]\1|CLP" + _SEPARATOR + rb"[^\r\n]{1,40}?\2[0-9]{1,2}\2)"
)
_FRAGMENT_STARTS = ("BPR", "CLP")
_SET_NUMBER = re.compile(r"[0-9]{3}")


def read(
    stream: BinaryIO, *, payment_numbers: Iterator[int] | None = None, block: int = BLOCK, largest: int = LARGEST_CHECK
) -> Iterator[Transaction | FileSummary]:
    """Reads a file and yields each 835 of it as a `Transaction`, in order, and last one `FileSummary`.

    `payment_numbers` gives each transaction the number that is the first column of its rows (1, 2, 3 … when left
    out); `block` is how many bytes are read at once. One check is in memory at a time. Nothing is raised for what the
    file says: faults are diagnostics of the transaction or of the file. Errors of the stream itself pass through.
    """
    yield from _Reader(Source(stream, block), payment_numbers or itertools.count(1), largest).run()


class _Reader:
    """State of reading one file."""

    def __init__(self, source: Source, numbers: Iterator[int], largest: int) -> None:
        self.source = source
        self.numbers = numbers
        self.largest = largest
        self.envelope = Envelope()
        self.syntax: Syntax | None = None
        self.payments = 0
        self.importable = 0
        self.other_sets: Counter[str] = Counter()
        self.kind = ""
        self.glue = 0  # bytes between the transaction that was found and a segment glued to it

    def run(self) -> Iterator[Transaction | FileSummary]:
        source = self.source
        if self._find_start():
            while (segment := self._next()) is not None:
                tag = segment.elements[0]
                if tag == "ST" and segment.element(1) != PAYMENT_SET:
                    self._pass_over(segment)
                elif tag == "ST" or tag in _FRAGMENT_STARTS:
                    yield self._transaction(segment)
                else:
                    self._envelope_segment(segment)
                    source.skip(segment.size, 1)
            self.envelope.close(Segment(b"", [""], source.segments, source.size))
        source.drain()
        yield self._summary()

    def _find_start(self) -> bool:
        """Moves to the first segment in the file's first window; False when there is none."""
        source = self.source
        source.fill(BLOCK)
        self.kind = packed_kind(source.data)
        if self.kind:
            return False
        found = _START.search(source.data) or _FRAGMENT.search(source.data)
        if found is None:
            self.kind = file_kind(source.data)
            return False
        before = source.data[: found.start()].removeprefix(_BOM)
        if before.strip(_BLANK):
            text = before.decode("latin-1")
            why = "Names of segments in small letters are not read." if in_small_letters(before) else ""
            message = f"Text stands before the first segment. {why}".rstrip()
            self.envelope.findings.note("file.leading-text", 1, 0, text, message)
        source.skip(found.start())
        if not source.data.startswith(b"ISA", source.at):
            element = next(group for group in found.groups() if group)
            separators = find_separators(source.data[source.at : source.at + WINDOW], element)
            self.syntax = Syntax(separators) if separators else None
        return True

    def _next(self) -> Segment | None:
        """The segment that starts the unused part, not used yet; None at the end of the file."""
        source = self.source
        while True:
            source.skip_any_of(_BLANK)
            source.fill(4)
            if source.at >= len(source.data):
                return None
            if source.data.startswith(b"ISA", source.at):
                self._interchange_separators()
            if self.syntax is None:
                self._unreadable("No segment terminator can be made out.")
                return None
            end = source.find(self.syntax.mark_byte, self.largest)
            if end < 0 and not source.ended:
                self._unreadable("A segment has no end.")
                continue
            raw = source.data[source.at : end if end >= 0 else len(source.data)]
            if not raw.strip(_BLANK):
                source.skip(len(raw) + 1)
                continue
            if raw[:3] in self.syntax.glued_tags and (glued := self.syntax.glued.search(raw, 3)):
                raw = raw[: glued.start()]
                self._note_glued(source.offset, source.segments + 1, glued[1])
            text = raw.rstrip(self.syntax.blanks)
            elements = text.decode("latin-1").split(self.syntax.element)
            return Segment(text, elements, source.segments + 1, source.offset, len(raw) + 1)

    def _note_glued(self, offset: int, segment: int, name: bytes) -> None:
        """A segment of the envelope that is divided from the one before by another character than all the others."""
        message = (
            f"{name.decode()} is divided from the segment before by another character than the others; it was read."
        )
        self.envelope.findings.note("file.glued", segment, offset, name.decode(), message)

    def _interchange_separators(self) -> None:
        """Finds the separators of the interchange that starts here."""
        source = self.source
        source.fill(WINDOW)
        element = source.data[source.at + 3 : source.at + 4]
        if not element or element.isalnum() or element in b" \t\r\n":
            return
        separators = find_separators(source.data[source.at : source.at + WINDOW], element)
        if separators is not None and (self.syntax is None or separators != self.syntax.separators):
            self.syntax = Syntax(separators)

    def _envelope_segment(self, segment: Segment) -> None:
        tag, envelope = segment.elements[0], self.envelope
        if tag == "ISA" and self.syntax is not None:
            envelope.open_interchange(segment, self.syntax.separators)
        elif tag == "GS":
            envelope.open_group(segment)
        elif tag == "GE":
            envelope.end_group(segment)
        elif tag == "IEA":
            envelope.end_interchange(segment)
        elif tag.upper() in ENVELOPE_SEGMENTS - {"TA1"}:
            message = f"{tag.upper()} is written in small letters, so it was not read."
            envelope.note("segment.small-letters", segment, message)
        elif tag != "TA1":
            envelope.note("file.stray-segment", segment, "A segment stands outside of any transaction.")

    def _transaction(self, first: Segment) -> Transaction:
        """Reads the 835 that starts here."""
        source, syntax = self.source, self.syntax
        assert syntax is not None
        findings = Findings()
        self.envelope.begin_set(first, findings)
        self.payments += 1
        end = self._find_end()
        raw = source.data[source.at : end if end >= 0 else len(source.data)]
        setting = Setting(
            next(self.numbers), syntax, self.envelope.interchange, self.envelope.group,
            first.number, first.offset, whole=end >= 0, findings=findings,
        )  # fmt: skip
        try:
            transaction, segments = read_transaction(raw, setting)
        except TruncatedError as broken:
            raw, self.glue = raw[: broken.at], 0
            setting.whole = False
            transaction, segments = read_transaction(raw, setting)
        source.skip(len(raw) + self.glue, segments)
        self.importable += transaction.importable
        return transaction

    def _find_end(self) -> int:
        """Where the SE segment of the transaction that starts here ends, its terminator included; -1 without SE."""
        source, syntax = self.source, self.syntax
        assert syntax is not None
        searched, self.glue = 1, 0
        while True:
            match = syntax.se_start.search(source.data, source.at + searched)
            if match is None:
                searched = max(len(source.data) - source.at - _SE_LENGTH, 1)
                if searched > self.largest or not source.more():
                    return -1
                continue
            found = match.start()
            searched = found - source.at + 1
            before = found - 1
            while source.data[before] in syntax.blanks:
                before -= 1
            if source.data[before] != syntax.mark_byte[0]:
                continue
            while (end := source.data.find(syntax.mark_byte, source.at + searched)) < 0 and source.more():
                pass
            stop = end if end >= 0 else len(source.data)
            if glued := syntax.glued.search(source.data, found, stop):
                self.glue = 1
                at = source.data.count(syntax.mark_byte, source.at, found)
                self._note_glued(source.base + found, source.segments + 1 + at, glued[1])
                return glued.start()
            return end + 1 if end >= 0 else stop

    def _pass_over(self, st: Segment) -> None:
        """Moves behind a transaction that is no 835, counted but not read."""
        source, syntax = self.source, self.syntax
        assert syntax is not None
        findings = self.envelope.findings
        self.envelope.begin_set(st, Findings())
        name = st.element(1)
        if name not in self.other_sets:
            title = TRANSACTION_SETS.get(name, "an unknown kind")
            named = f"{name} ({title})" if _SET_NUMBER.fullmatch(name) else "of an unknown kind"
            message = f"Transaction sets {named} are no remittances; they were passed over."
            findings.note("file.other-set", st.number, st.offset, name, message)
        self.other_sets[name] += 1
        source.skip(st.size, 1)
        while True:
            found = syntax.set_end.search(source.data, max(source.at - 1, 0))
            if found is not None and found[1] == b"SE":
                source.segments += source.data.count(syntax.mark_byte, source.at, found.start(1))
                source.at = found.start(1)
                break
            if found is not None:
                source.segments += source.data.count(syntax.mark_byte, source.at, found.start(1))
                source.at = found.start(1)
                findings.note("se.missing", st.number, st.offset, name, "A transaction passed over has no SE.")
                return
            keep = max(source.at, len(source.data) - 256)
            source.segments += source.data.count(syntax.mark_byte, source.at, keep)
            source.at = keep
            if not source.more():
                findings.note("se.missing", st.number, st.offset, name, "A transaction passed over has no SE.")
                source.at = len(source.data)
                return
        end = source.find(syntax.mark_byte, self.largest)
        source.skip((end if end >= 0 else len(source.data)) - source.at + 1, 1)

    def _unreadable(self, message: str) -> None:
        source = self.source
        datum = source.data[source.at : source.at + 80].decode("latin-1")
        self.envelope.findings.note("file.unreadable", source.segments + 1, source.offset, datum, message)
        source.at = len(source.data)

    def _summary(self) -> FileSummary:
        source, envelope = self.source, self.envelope
        if self.payments:
            kind = PAYMENT_SET
        elif self.other_sets:
            kind = next(iter(self.other_sets))
        else:
            kind = self.kind or "X12"
        if kind != PAYMENT_SET:
            envelope.findings.note("file.not-835", 0, 0, kind, "The file holds no 835 remittance.")
        return FileSummary(
            kind=kind,
            size=source.size,
            sha256=source.sha256,
            segments=source.segments,
            interchanges=envelope.interchanges,
            groups=envelope.groups,
            payments=self.payments,
            importable=self.importable,
            other_sets=dict(self.other_sets),
            diagnostics=envelope.findings.closed(),
        )
