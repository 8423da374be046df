"""A check's own text made a whole interchange again, for download.

The check's bytes stay as they were sent. The envelope is made anew: one group, one transaction, ISA of 106 bytes, counts
and control numbers that agree, whatever the file it came from looked like, or without any.
"""

import re
from collections.abc import Sequence

from .separators import Separators, find_separators

_ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
_VERSION = "005010X221A1"
_SENDER, _RECEIVER = "PAYER", "RECEIVER"
_DATE, _TIME = "20000101", "0000"
_REPETITIONS = "^!{}`"


Group = tuple[bytes | None, Sequence[bytes]]
"""A GS segment, None when there was none, and the transactions in it."""


def rebuild_interchange(raw: bytes, isa: bytes | None = None, gs: bytes | None = None) -> bytes:
    """A valid interchange with the transaction `raw` (ST to SE) alone.

    `isa` and `gs` are the segments it was sent in, without terminators; without them sender, receiver and dates come
    from the transaction itself. Passwords in ISA02 and ISA04 are left out. Raises ValueError when `raw` does not start
    with ST.
    """
    return rebuild_groups([(gs, [raw])], isa)


def rebuild_groups(groups: Sequence[Group], isa: bytes | None = None, number: int = 1) -> bytes:
    """As `rebuild_interchange`, with several groups and transactions that were sent in one interchange.

    `number` is the interchange's control number where `isa` has none.
    """
    first = groups[0][1][0]
    element = first[2:3]
    for _, raws in groups:
        if not all(raw.startswith(b"ST" + element) for raw in raws) or not element or element.isalnum():
            raise ValueError("not a transaction: it does not start with ST")
    separators = _separators(first, isa, element)
    sent_isa = _elements(isa, separators.element)
    control = (_matching(r"[0-9]{1,9}", sent_isa[13]) or str(number)).rjust(9, "0")
    written = [_group(group, sent_isa, control, separators) for group in groups]
    trailer = _segment(["IEA", str(len(groups)), control], separators)
    return b"".join([_header(groups[0], sent_isa, control, separators), *written, trailer])


def _header(group: Group, sent_isa: Sequence[str], control: str, separators: Separators) -> bytes:
    gs, raws = group
    facts, sent_gs = _Facts(raws[0], separators), _elements(gs, separators.element)
    sender = _fit(sent_isa[6]) or _fit(sent_gs[2]) or facts.sender
    receiver = _fit(sent_isa[8]) or _fit(sent_gs[3]) or facts.receiver
    date = _matching(r"[0-9]{8}", sent_gs[4]) or facts.date
    time = _matching(r"[0-9]{4}", sent_gs[5][:4]) or _TIME
    version = _matching(r"[0-9]{5}", sent_isa[12]) or "00501"
    # Before version 00402 ISA11 is no separator: it names who made the standard.
    repetition = (_matching("[A-Z]", sent_isa[11]) or "U") if version < "00402" else separators.repetition
    values = (
        "00", "", "00", "", _matching("[A-Z0-9]{2}", sent_isa[5]) or "ZZ", sender,
        _matching("[A-Z0-9]{2}", sent_isa[7]) or "ZZ", receiver,
        _matching(r"[0-9]{6}", sent_isa[9]) or date[2:], _matching(r"[0-9]{4}", sent_isa[10]) or time,
        repetition, version, control, "0",
        _matching("[PT]", sent_isa[15]) or "P", separators.component,
    )  # fmt: skip
    header = ["ISA", *(value.ljust(width)[:width] for value, width in zip(values, _ISA_WIDTHS, strict=True))]
    return _segment(header, separators)


def _group(group: Group, sent_isa: Sequence[str], control: str, separators: Separators) -> bytes:
    gs, raws = group
    facts, sent_gs = _Facts(raws[0], separators), _elements(gs, separators.element)
    sender = _fit(sent_gs[2]) or _fit(sent_isa[6]) or facts.sender
    receiver = _fit(sent_gs[3]) or _fit(sent_isa[8]) or facts.receiver
    date = _matching(r"[0-9]{8}", sent_gs[4]) or facts.date
    time = _matching(r"[0-9]{4}", sent_gs[5][:4]) or _TIME
    group_control = _matching(r"[0-9]{1,9}", sent_gs[6]) or str(int(control) or 1)
    version = _matching(r"00[0-9]{4}[A-Z0-9]{0,6}", sent_gs[8]) or _VERSION
    header = ["GS", "HP", sender, receiver, date, time, group_control, "X", version]
    end, terminator = separators.end.encode("latin-1"), separators.terminator.encode("latin-1")
    body = b"".join(raw.rstrip(b" \t\r\n").removesuffix(terminator) + end for raw in raws)
    trailer = ["GE", str(len(raws)), group_control]
    return _segment(header, separators) + body + _segment(trailer, separators)


def _segment(elements: Sequence[str], separators: Separators) -> bytes:
    return (separators.element.join(elements) + separators.end).encode("latin-1")


class _Facts:
    """What the transaction says of its sender, receiver and date."""

    def __init__(self, raw: bytes, separators: Separators) -> None:
        self.sender, self.receiver, self.date = _SENDER, _RECEIVER, _DATE
        text = raw[:8192].decode("latin-1")
        for segment in reversed(text.split(separators.terminator)):
            values = [*segment.strip().split(separators.element), *[""] * 17]
            if values[0] == "TRN":
                self.sender = _fit(values[3]) or self.sender
            elif values[0] == "REF" and values[1] == "EV":
                self.receiver = _fit(values[2]) or self.receiver
            elif values[0] == "N1" and values[1] == "PE" and self.receiver == _RECEIVER:
                self.receiver = _fit(values[4]) or self.receiver
            elif values[0] == "BPR":
                self.date = _matching(r"[0-9]{8}", values[16]) or self.date


def _separators(raw: bytes, isa: bytes | None, element: bytes) -> Separators:
    found = find_separators(raw, element)
    if found is None:
        raise ValueError("not a transaction: no segment terminator can be made out")
    if isa is not None and isa[3:4] == element:
        declared = find_separators(isa + found.end.encode("latin-1") + raw, element)
        found = declared or found
    taken = {found.element, found.component, found.terminator}
    repetition = found.repetition
    if repetition in taken or not repetition.isascii():
        repetition = next(text for text in _REPETITIONS if text not in taken)
    return Separators(found.element, found.component, repetition, found.terminator, found.end)


def _elements(segment: bytes | None, element: str) -> list[str]:
    """Elements from the name on, blanks cut, filled up so that every number of ISA and GS is there."""
    if segment is None:
        return [""] * 20
    return [text.strip() for text in segment.decode("latin-1").split(element)] + [""] * 20


def _fit(text: str) -> str:
    """An identifier of 2 to 15 printable characters, as ISA06 and GS02 must be; else empty."""
    text = text.strip()[:15].strip()
    return text if len(text) > 1 and text.isascii() and text.isprintable() else ""


def _matching(pattern: str, text: str) -> str:
    return text if re.fullmatch(pattern, text) else ""
