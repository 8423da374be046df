"""The envelope around transactions: interchanges and groups, their numbers and counts (X12.5, X12.6)."""

import re
from dataclasses import dataclass, field

from .codes import GUIDE_VERSION
from .diagnostics import Findings
from .records import Group, Interchange
from .separators import Separators

_ISA_LENGTH = 105  # without the terminator
_ISA_ELEMENTS, _GS_ELEMENTS = 16, 8
_REMITTANCE_GROUP = "HP"
_VERSION = re.compile(r"00[0-9]{4}(X[0-9]{3}(A[0-9])?)?")


@dataclass(slots=True)
class Segment:
    """A segment of the envelope: its text without terminator, its elements from the name on, its place in the file, and how
    many bytes it takes with its terminator."""

    raw: bytes
    elements: list[str]
    number: int
    offset: int
    size: int = 0

    def element(self, number: int) -> str:
        """An element, blanks cut; empty when it was not sent."""
        return self.elements[number].strip() if number < len(self.elements) else ""


@dataclass(slots=True)
class Envelope:
    """What is open while a file is read, and what is wrong with it."""

    findings: Findings = field(default_factory=Findings)
    interchange: Interchange | None = None
    group: Group | None = None
    interchanges: int = 0
    groups: int = 0
    _groups_inside: int = 0
    _sets_inside: int = 0
    _isa_numbers: set[str] = field(default_factory=set)
    _group_numbers: set[str] = field(default_factory=set)
    _set_numbers: set[str] = field(default_factory=set)

    def note(self, rule: str, segment: Segment, message: str, datum: str = "") -> None:
        """Adds a finding at a segment."""
        text = datum or segment.raw.decode("latin-1")
        self.findings.note(rule, segment.number, segment.offset, text, message)

    def open_interchange(self, isa: Segment, separators: Separators) -> None:
        """ISA: closes what is still open, checks length and number."""
        self.close(isa)
        elements = tuple(text.strip() for text in isa.elements[1:])
        self.interchange = Interchange(isa.raw, elements, separators, isa.number, isa.offset)
        self.interchanges += 1
        self._groups_inside = 0
        self._group_numbers = set()
        if len(elements) != _ISA_ELEMENTS or len(isa.raw) != _ISA_LENGTH:
            message = (
                f"ISA has {len(elements)} elements in {len(isa.raw) + 1} bytes instead of 16 in 106; "
                "it was read by its separators."
            )
            self.note("isa.malformed", isa, message)
        control = isa.element(13)
        if control in self._isa_numbers:
            self.note("isa.duplicate", isa, "Another interchange of this file has the same number (ISA13).", control)
        self._isa_numbers.add(control)

    def open_group(self, gs: Segment) -> None:
        """GS: closes a group still open, checks kind, version and number."""
        self._close_group(gs)
        self.group = Group(gs.raw, tuple(text.strip() for text in gs.elements[1:]), gs.number, gs.offset)
        self.groups += 1
        self._groups_inside += 1
        self._sets_inside = 0
        self._set_numbers = set()
        control, version = gs.element(6), gs.element(8)
        if control in self._group_numbers:
            self.note("gs.duplicate", gs, "Another group of this interchange has the same number (GS06).", control)
        self._group_numbers.add(control)
        if gs.element(1) == _REMITTANCE_GROUP and not version.startswith(GUIDE_VERSION):
            named = f"of version {version}" if _VERSION.fullmatch(version) else "of another version"
            message = f"The group is {named}; it was read as {GUIDE_VERSION}."
            self.note("gs.version", gs, message, version)

    def begin_set(self, st: Segment, findings: Findings) -> None:
        """ST, BPR or CLP: counts a transaction; what is wrong with its place goes to its own findings."""
        self._sets_inside += 1

        def note(rule: str, message: str, datum: str = "") -> None:
            findings.note(rule, st.number, st.offset, datum, message)

        if self.interchange is None:
            note("isa.missing", "The transaction stands outside of an interchange (no ISA).")
        if self.group is None:
            note("gs.missing", "The transaction stands outside of a group (no GS).")
        elif self.group.element(1) != _REMITTANCE_GROUP and st.element(1) == "835":
            note("gs.kind", "The group's code (GS01) is not HP, the one of remittances.", self.group.element(1))
        if st.elements[0] != "ST":
            note("st.missing", "The remittance does not start with ST.")
            return
        control = st.element(2)
        if control in self._set_numbers:
            note("st.duplicate", "Another transaction of this group has the same number (ST02).", control)
        self._set_numbers.add(control)

    def end_group(self, ge: Segment) -> None:
        """GE: checks count and number."""
        if self.group is None:
            self.note("ge.stray", ge, "GE without GS.")
            return
        if not _counts(ge.element(1), self._sets_inside):
            message = f"GE01 does not count the {self._sets_inside} transactions of the group."
            self.note("ge.count", ge, message, ge.element(1))
        if ge.element(2) != self.group.element(6):
            self.note("ge.control", ge, "GE02 is not the group's number (GS06).", ge.element(2))
        self.group = None
        self._set_numbers = set()

    def end_interchange(self, iea: Segment) -> None:
        """IEA: checks count and number."""
        self._close_group(iea)
        if self.interchange is None:
            self.note("iea.stray", iea, "IEA without ISA.")
            return
        if not _counts(iea.element(1), self._groups_inside):
            message = f"IEA01 does not count the {self._groups_inside} groups of the interchange."
            self.note("iea.count", iea, message, iea.element(1))
        if iea.element(2) != self.interchange.element(13):
            self.note("iea.control", iea, "IEA02 is not the interchange's number (ISA13).", iea.element(2))
        self.interchange = None

    def close(self, at: Segment) -> None:
        """Notes what is still open where an interchange begins or the file ends."""
        self._close_group(at)
        if self.interchange is not None:
            self.note("iea.missing", at, "The interchange before has no IEA.", self.interchange.element(13))
            self.interchange = None

    def _close_group(self, at: Segment) -> None:
        if self.group is not None:
            self.note("ge.missing", at, "The group before has no GE.", self.group.element(6))
            self.group = None
        self._set_numbers = set()


def _counts(text: str, number: int) -> bool:
    return text.isdecimal() and len(text) < 12 and int(text) == number
