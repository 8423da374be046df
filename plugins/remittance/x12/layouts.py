"""Layouts: where in a claim or a line the values stand.

A payer's software writes the same segments in the same order again and again. So the walk over a line's segments is done
once for each layout met; every further line of that layout is read by two `itemgetter` calls, one that makes
sure of the segments' names and qualifiers and one that fetches the values.

Text is a list of elements here: names of segments with the terminator before them (`~CAS`), the segment's
elements, the next name …, and an empty string at the very end, which stands for whatever is absent.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Any

from . import compiled
from .codes import BETWEEN_CLAIMS, CLAIM_SEGMENTS, LINE_SEGMENTS, PAYMENT_SEGMENTS

ABSENT = -1
_CLP = tuple(range(12))
_SVC = tuple(range(5))
_NM1 = (3, 4, 5, 8, 9)  # last, first and middle name, qualifier, identifier
_QUALIFIED_IN_LINE = frozenset({"DTM", "REF", "AMT", "LQ"})
_QUALIFIED_IN_HEAD = frozenset({"DTM", "NM1", "AMT"})
_CLAIM_DATES = {"232": 0, "233": 1, "050": 2, "036": 3}
_MOST_PLANNED, _MOST_TRIPLETS = 128, 64
"""Elements, and adjustments, of the longest head or line that the compiled part reads."""
_REMARKS = {"MOA": range(3, 8), "MIA": (5, 20, 21, 22, 23)}

Fetch = Callable[[list[str]], tuple[Any, ...]]
Span = tuple[int, int]
Triplet = tuple[int, int, int, int]
"""Places of group, reason, amount and quantity."""


@dataclass(slots=True)
class Layout:
    """Places of everything in a claim's head or a line.

    `names(elements) == expected` tells whether elements have this layout. `kept` are stretches of segments without
    a column, `special` the segments that say something beyond the claim, `unknown` those that no 835 has, `misplaced` those
    that an 835 has elsewhere.
    """

    names: Fetch
    expected: tuple[str, ...]
    values: Fetch
    plain_triplets: tuple[tuple[int, int, int], ...]  # a line's, when none of them has a quantity
    triplets: tuple[Triplet, ...]  # the claim's, or a line's when one of them has a quantity
    remarks: tuple[int, ...]  # when there are several
    kept: tuple[Span, ...]
    special: tuple[Span, ...]
    unknown: tuple[Span, ...]
    misplaced: tuple[Span, ...]
    starts: tuple[int, ...]
    segments: int  # the CLP or SVC included
    unusual: bool  # has more than the hot path reads itself
    plan: object = None  # for `compiled`: the same places in C, when nothing is unusual but `kept`
    subscriber: Fetch | None = None
    corrected: Fetch | None = None
    submitted: Fetch | None = None

    def ordinal(self, place: int) -> int:
        """Which segment the element at `place` belongs to, from 0."""
        return bisect_right(self.starts, place)


class Layouts:
    """The layouts met so far, by their number of elements. `build` makes a new one."""

    _MOST, _MOST_OF_A_LENGTH = 1000, 8

    def __init__(self, build: Callable[[list[str], str], Layout], mark: str) -> None:
        self.build = build
        self.mark = mark
        self.known: dict[int, list[Layout]] = {}
        self.plans: dict[int, list[object]] = {}
        self.count = 0

    def learn(self, elements: list[str]) -> Layout:
        """The layout of elements that have none of the known ones; kept while there is room."""
        layout = self.build(elements, self.mark)
        same_length = self.known.setdefault(len(elements), [])
        if self.count < self._MOST and len(same_length) < self._MOST_OF_A_LENGTH:
            same_length.append(layout)
            self.count += 1
            if layout.plan is not None:
                self.plans.setdefault(len(elements), []).append(layout.plan)
        return layout


class _Walk:
    """What a walk over the segments finds, whether in a claim's head or in a line."""

    def __init__(self, elements: list[str], mark: str) -> None:
        self.elements = elements
        self.last = len(elements) - 1
        self.starts = tuple(place for place, text in enumerate(elements) if text[:1] == mark)
        self.first = self.starts[0] if self.starts else self.last
        self.checked = list(self.starts)
        self.triplets: list[Triplet] = []
        self.remarks: list[int] = []
        self.kept: list[Span] = []
        self.special: list[Span] = []
        self.unknown: list[Span] = []
        self.misplaced: list[Span] = []

    def spans(self, qualified: frozenset[str], allowed: frozenset[str]) -> Iterable[tuple[str, str, int, int]]:
        """Name, first element, start and stop of each segment after the first; those whose meaning hangs on the first
        element are named in `qualified`, and that element joins the checked places. What is not `allowed` here, or stands
        behind a segment that follows the claim, is misplaced."""
        behind = False
        for start, stop in pairwise((*self.starts, self.last)):
            tag = self.elements[start][1:]
            behind = behind or tag in BETWEEN_CLAIMS
            if tag in PAYMENT_SEGMENTS and tag not in (BETWEEN_CLAIMS if behind else allowed):
                self.misplaced.append((start, stop))
            qualifier = self.elements[start + 1] if start + 1 < stop else ""
            if tag in qualified and start + 1 < stop:
                self.checked.append(start + 1)
            yield tag, qualifier, start, stop

    def cas(self, start: int, stop: int) -> None:
        """The triplets of the CAS; one at least, so that a CAS without any is noticed when read."""
        for place in range(start + 2, max(stop, start + 3), 3):
            group, reason, amount, quantity = (
                at if at < stop else ABSENT for at in (start + 1, place, place + 1, place + 2)
            )
            if quantity != ABSENT and not self.elements[quantity]:
                self.checked.append(quantity)  # empty between two triplets: as good as absent
                quantity = ABSENT
            self.triplets.append((group, reason, amount, quantity))

    def other(self, tag: str, start: int, stop: int) -> None:
        """A segment without columns of its own."""
        if tag in BETWEEN_CLAIMS:
            self.special.append((start, stop))
            return
        if tag not in PAYMENT_SEGMENTS:
            self.unknown.append((start, stop))
        if self.kept and self.kept[-1][1] == start:
            self.kept[-1] = self.kept[-1][0], stop
        else:
            self.kept.append((start, stop))

    def layout(self, places: list[int], *, plain: bool = False, **more: Fetch | None) -> Layout:
        """The finished layout; `places` are those of the values. `plain`: triplets without quantity are told apart."""
        simple = all(quantity == ABSENT and amount != ABSENT for _, _, amount, quantity in self.triplets)
        plain = plain and simple
        # itemgetter gives a tuple only for two places or more; the empty string at the end is always the same.
        checked = self.checked if len(self.checked) > 1 else [*self.checked, ABSENT, ABSENT]
        names = itemgetter(*checked)
        expected = names(self.elements)
        short = tuple((group, reason, amount) for group, reason, amount, _ in self.triplets)
        unread = len(self.remarks) > 1 or self.special or self.misplaced or any(more.values())
        plan = None
        usual = simple and not unread and not self.unknown
        if compiled.fast_claims and usual and len(self.elements) <= _MOST_PLANNED and len(short) <= _MOST_TRIPLETS:
            plan = compiled.fast_claims.plan(
                len(self.elements),
                len(self.starts) + 1,
                tuple(checked),
                expected,
                tuple(places),
                short,
                tuple(self.kept),
            )
        return Layout(
            names=names,
            expected=expected,
            values=itemgetter(*places),
            plain_triplets=short if plain else (),
            triplets=() if plain else tuple(self.triplets),
            remarks=tuple(self.remarks) if len(self.remarks) > 1 else (),
            kept=tuple(self.kept),
            special=tuple(self.special),
            unknown=tuple(self.unknown),
            misplaced=tuple(self.misplaced),
            starts=self.starts,
            segments=len(self.starts) + 1,
            unusual=bool(unread or self.kept),
            plan=plan,
            **more,
        )

    def remark(self) -> int:
        """Place of the first remark code; where there are more, `Layout.remarks` has all."""
        return self.remarks[0] if self.remarks else ABSENT

    def places(self, wanted: Iterable[int], start: int, stop: int) -> list[int]:
        """Places of a segment's elements, absent ones too."""
        return [start + number if start + number < stop else ABSENT for number in wanted]


def line_layout(elements: list[str], mark: str) -> Layout:
    """The layout of a line. Values: SVC01 to 05, dates from and to, control number, allowed amount,
    rendering provider, remark code."""
    walk = _Walk(elements, mark)
    service_from = service_to = control = allowed = rendering = ABSENT
    for tag, qualifier, start, stop in walk.spans(_QUALIFIED_IN_LINE, LINE_SEGMENTS):
        value = start + 2 if start + 2 < stop else ABSENT
        if tag == "CAS":
            walk.cas(start, stop)
        elif tag == "DTM" and qualifier == "472":
            service_from = service_to = value
        elif tag == "DTM" and qualifier == "150":
            service_from = value
        elif tag == "DTM" and qualifier == "151":
            service_to = value
        elif tag == "REF" and qualifier == "6R":
            control = value
        elif tag == "REF" and qualifier == "HPI":
            rendering = value
        elif tag == "AMT" and qualifier == "B6":
            allowed = value
        elif tag == "LQ" and qualifier in ("HE", "RX"):
            walk.remarks.append(value)
        else:
            walk.other(tag, start, stop)
    places = [*walk.places(_SVC, 0, walk.first), service_from, service_to, control, allowed, rendering, walk.remark()]
    submitted = itemgetter(*walk.places((5, 6), 0, walk.first)) if walk.first > len(_SVC) else None
    return walk.layout(places, plain=True, submitted=submitted)


def head_layout(elements: list[str], mark: str) -> Layout:
    """The layout of a claim up to its first line. Values: CLP01 to 12, the patient's and the rendering provider's last,
    first and middle name, qualifier and identifier, four dates (232, 233, 050, 036), coverage amount, remark code."""
    walk = _Walk(elements, mark)
    dates = [ABSENT] * len(_CLAIM_DATES)
    people: dict[str, list[int]] = {}
    coverage = ABSENT
    for tag, qualifier, start, stop in walk.spans(_QUALIFIED_IN_HEAD, CLAIM_SEGMENTS):
        value = start + 2 if start + 2 < stop else ABSENT
        if tag == "CAS":
            walk.cas(start, stop)
        elif tag == "NM1" and qualifier in ("QC", "82", "IL", "74"):
            people[qualifier] = walk.places(_NM1, start, stop)
        elif tag == "DTM" and qualifier in _CLAIM_DATES:
            dates[_CLAIM_DATES[qualifier]] = value
        elif tag == "AMT" and qualifier == "AU":
            coverage = value
        else:
            if tag in _REMARKS:
                walk.remarks += [place for place in walk.places(_REMARKS[tag], start, stop) if place != ABSENT]
            walk.other(tag, start, stop)
    nobody = [ABSENT] * len(_NM1)
    places = [
        *walk.places(_CLP, 0, walk.first), *people.get("QC", nobody), *people.get("82", nobody), *dates, coverage, walk.remark(),
    ]  # fmt: skip
    subscriber, corrected = (itemgetter(*people[who]) if who in people else None for who in ("IL", "74"))
    return walk.layout(places, subscriber=subscriber, corrected=corrected)
