"""Segments of an 835 (005010X221A1) and the envelope around them: the one place that writes X12 text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Marks:
    """What divides elements and their components, and what ends a segment."""

    element: str = "*"
    component: str = ":"
    end: str = "~\n"

    def segment(self, *elements: str) -> str:
        """A whole segment; empty elements at its end are left out."""
        return self.element.join(elements).rstrip(self.element) + self.end


@dataclass(frozen=True)
class Envelope:
    """ISA and GS of one interchange with one group of 835s, and what closes them. `control` is ISA13 and GS06."""

    sender: str
    receiver: str
    written: dt.datetime
    control: int
    marks: Marks = Marks()

    def head(self) -> list[str]:
        """ISA and GS."""
        day, clock = f"{self.written:%Y%m%d}", f"{self.written:%H%M}"
        isa = (
            "ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{self.sender:15.15}", "ZZ", f"{self.receiver:15.15}",
            day[2:], clock, "^", "00501", f"{self.control:09}", "0", "P", self.marks.component,
        )  # fmt: skip
        gs = ("GS", "HP", self.sender, self.receiver, day, clock, str(self.control), "X", "005010X221A1")
        return [self.marks.segment(*isa), self.marks.segment(*gs)]

    def foot(self, transactions: int) -> list[str]:
        """GE and IEA around so many transactions."""
        return [
            self.marks.segment("GE", str(transactions), str(self.control)),
            self.marks.segment("IEA", "1", f"{self.control:09}"),
        ]

    def around(self, transactions: Iterable[Sequence[str]]) -> Iterator[str]:
        """The whole interchange. A transaction is what stands between its ST and its SE."""
        yield from self.head()
        number = 0
        for number, segments in enumerate(transactions, 1):
            yield self.marks.segment("ST", "835", f"{number:04}")
            yield from segments
            yield self.marks.segment("SE", str(len(segments) + 2), f"{number:04}")
        yield from self.foot(number)


def money(cents: int) -> str:
    """`12.5`, `-3`, `0`: an amount without the zeros that X12 leaves out."""
    whole, part = divmod(abs(cents), 100)
    text = f"{whole}.{part:02}".rstrip("0").rstrip(".") if part else str(whole)
    return f"-{text}" if cents < 0 else text


def reasons(group: str, found: Sequence[tuple[str, int]]) -> Iterator[tuple[str, ...]]:
    """The CAS segments of one group: reason codes and cents in triplets without a quantity, six to a segment."""
    for start in range(0, len(found), 6):
        part = found[start : start + 6]
        yield ("CAS", group, *(text for code, cents in part for text in (code, money(cents), "")))
