"""What the reader of a check needs to know of its separators, prepared once an interchange."""

import re

from .dates import iso_date
from .layouts import Layouts, head_layout, line_layout
from .money import quantity
from .separators import Separators

_MOST_CACHED = 4096
"""Values kept of each kind: dates, procedures and units repeat in every remittance; memory must not grow."""

BLANKS = " \t\r\n"
"""What may stand around a segment. Not all that str.strip() strips: \\x1c to \\x1f can be separators."""

Procedure = tuple[str | None, str | None, str | None, str | None]
"""Qualifier, code, modifiers separated by blanks, description."""


class Syntax:
    """Separators, the marked names of segments, and the values met before.

    A check is read from *marked* text: the element separator stands before every terminator, `…*226.62*~CAS*PR*…*`, and at
    the end, so that one split by it gives every element of many segments, an element that starts with the terminator is a
    segment's name, and the last element is empty.
    """

    def __init__(self, separators: Separators) -> None:
        self.separators = separators
        self.element = element = separators.element
        self.component = separators.component
        self.mark = mark = separators.terminator
        self.between = element + mark
        self.claim_start = f"{mark}CLP{element}"
        self.line_start = f"{mark}SVC{element}"
        self.next_segment = f'","{mark}'  # where a segment starts in elements joined as JSON
        self.mark_byte = mark.encode("latin-1")
        self.se_start = re.compile(re.escape(f"SE{element}".encode("latin-1")))
        self.blanks = bytes(byte for byte in b" \t\r\n" if byte != ord(mark))
        names = b"(SE|ST|GE|IEA|GS|ISA)" + re.escape(element.encode("latin-1"))
        self.set_end = re.compile(re.escape(self.mark_byte) + rb"\s*" + names)
        """Where a transaction that is passed over ends, or where it broke off."""
        mark_of_element = re.escape(element.encode("latin-1"))
        self.glued = re.compile(rb"[^A-Za-z0-9\s" + mark_of_element + rb"](IEA|GE|GS|ISA|ST)" + mark_of_element)
        """A segment of the envelope inside of another one: divided from it by another character than all the others."""
        self.glued_tags = frozenset(f"{tag}{element}".encode("latin-1")[:3] for tag in ("GE", "IEA"))
        used = {*(ord(text) for text in (element, mark, separators.component)), *map(ord, "\r\n")}
        controls = bytes(byte for byte in (*range(32), 127) if byte not in used)
        self.controls = re.compile(b"[" + re.escape(controls) + b"]")
        self.unsafe = controls + b'"\\'
        """Bytes that need care before text becomes a value or JSON; translate() finds them quickest."""
        self.heads = Layouts(head_layout, mark)
        self.lines = Layouts(line_layout, mark)
        self.dates: dict[str, str] = {}
        self.procedures: dict[str, Procedure] = {}
        self.units: dict[str, str] = {}

    def marked(self, text: str) -> str:
        """A check's text with every segment divided as `end` says, marked."""
        return text.replace(self.separators.end, self.between) + self.element

    def segments(self, text: str) -> list[str]:
        """The segments of a check's text, however they are divided: blank ones left out, blanks around them cut."""
        return [segment for piece in text.split(self.mark) if (segment := piece.strip(BLANKS))]

    def date(self, text: str) -> str | None:
        """As `dates.iso_date`, remembered."""
        found = self.dates.get(text)
        if found is None:
            found = iso_date(text)
            if found is not None:
                if len(self.dates) >= _MOST_CACHED:
                    self.dates.clear()
                self.dates[text] = found
        return found

    def procedure(self, text: str) -> Procedure:
        """The parts of a composite medical procedure identifier (SVC01)."""
        if len(self.procedures) >= _MOST_CACHED:
            self.procedures.clear()
        parts = [*text.split(self.component), "", ""]
        modifiers = " ".join(part for part in parts[2:6] if part)
        description = parts[6] if len(parts) > 8 else ""
        found = parts[0] or None, parts[1] or None, modifiers or None, description or None
        self.procedures[text] = found
        return found

    def quantity(self, text: str) -> str | None:
        """As `money.quantity`, remembered."""
        found = self.units.get(text)
        if found is None:
            found = quantity(text)
            if found is not None:
                if len(self.units) >= _MOST_CACHED:
                    self.units.clear()
                self.units[text] = found
        return found
