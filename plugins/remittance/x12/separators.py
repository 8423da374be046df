"""The separators of an interchange, found from its data.

The standard fixes them by position (bytes 4, 105 and 106 of ISA, and ISA11). Published files disobey: shortened,
padded or masked ISA segments, line ends as terminators, text without any envelope. So positions are not trusted:
what stands again and again before the segments' names is the terminator, whatever its place in ISA.
"""

import re
from collections import Counter
from dataclasses import dataclass

WINDOW = 8192
"""Bytes looked at: some hundred segments."""

_SEGMENT_NAMES = b"AMT|BPR|CAS|CLP|DTM|GE|GS|IEA|LX|N1|N3|N4|NM1|PER|PLB|REF|SE|ST|SVC|TRN|TA1|BHT|HL"
_SPACE = b" \t\r\n"
_ISA_ELEMENTS = 16


@dataclass(frozen=True, slots=True)
class Separators:
    """Separators as text. `end` is the usual stretch between two segments: terminator and line end."""

    element: str
    component: str
    repetition: str
    terminator: str
    end: str


def find_separators(data: bytes, element: bytes) -> Separators | None:
    """The separators of text that starts at a segment's name; `element` is its element separator (one byte).

    None when no segment but the first can be made out.
    """
    data = data[:WINDOW]
    end = _usual_end(data, element)
    declared = _declared(data, element)
    if end is None:
        return None
    component = _component(data, element, declared)
    repetition = _repetition(data, element)
    return Separators(
        element=element.decode("latin-1"),
        component=component.decode("latin-1"),
        repetition=repetition.decode("latin-1"),
        terminator=_terminator(end).decode("latin-1"),
        end=end.decode("latin-1"),
    )


def _terminator(end: bytes) -> bytes:
    # Line ends alone: \n, whether \r goes before it or not, else a lone \r.
    visible = end.strip(_SPACE)
    if visible:
        return visible
    return b"\n" if b"\n" in end else b"\r"


def _usual_end(data: bytes, element: bytes) -> bytes | None:
    """What stands before most segments' names: one byte and the blanks after it, or a line end alone."""
    pattern = re.compile(
        rb"([^A-Za-z0-9\s]?)([ \t]*(?:\r\n|\r|\n)?)\s*(?:" + _SEGMENT_NAMES + rb")(?=" + re.escape(element) + rb")",
        re.DOTALL,
    )
    ends: Counter[bytes] = Counter()
    lines: Counter[bytes] = Counter()
    for found in pattern.finditer(data, 1):
        before, blanks = found[1], found[2].lstrip(b" \t")
        if before == element:
            continue  # an empty or a blank element before a value that looks like a name
        if before:
            ends[before + blanks] += 1
        if blanks:
            lines[blanks] += 1
    visible: Counter[bytes] = Counter()
    for end, count in ends.items():
        visible[end[:1]] += count
    # A true terminator stands before nearly every segment; the last characters of values vary.
    if visible and visible.most_common(1)[0][1] * 4 >= 3 * max(sum(visible.values()), lines.total()):
        byte = visible.most_common(1)[0][0]
        return max((end for end in ends if end[:1] == byte), key=lambda end: ends[end])
    return lines.most_common(1)[0][0] if lines else None


def _declared(data: bytes, element: bytes) -> bytes:
    """ISA16, the component separator that the interchange declares; empty when there is none."""
    if not data.startswith(b"ISA"):
        return b""
    parts = data.split(element, _ISA_ELEMENTS)
    if len(parts) <= _ISA_ELEMENTS or not all(len(part) < 80 for part in parts[:-1]):
        return b""
    found = re.match(rb"([^A-Za-z0-9\s])(?=[^A-Za-z0-9]|\s)", parts[-1])
    return found[1] if found else b""


def _component(data: bytes, element: bytes, declared: bytes) -> bytes:
    """The declared component separator, unless procedures and adjustments are written with another."""
    star = re.escape(element)
    used = Counter(
        found[1]
        for found in re.finditer(
            rb"(?:SVC" + star + rb"(?:AD|ER|HC|HP|IV|N4|N6|NU|UI|WK|ZZ)|PLB" + star + rb"[^\s]{1,30}?" + star
            + rb"[0-9]{8}" + star + rb"[A-Z0-9]{2})([^A-Za-z0-9\s" + re.escape(element) + rb"])(?=[A-Za-z0-9])",
            data,
        )
    )  # fmt: skip
    if used and used[declared] == 0:
        return used.most_common(1)[0][0]
    return declared or b":"


def _repetition(data: bytes, element: bytes) -> bytes:
    parts = data.split(element, 12)
    if data.startswith(b"ISA") and len(parts) > 12 and re.fullmatch(rb"[^A-Za-z0-9\s]", parts[11]):
        return parts[11]
    return b"^"
