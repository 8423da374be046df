"""Bar charts: figures as a drawing of rectangles and text, which `ui.bar_chart` shows above the table that has the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The drawing's own units: the page scales it. HEAD and FOOT are room for the figures above and the labels below.
WIDTH, HEIGHT, HEAD, FOOT, GAP = 720, 150, 18, 22, 14
_BELOW = 14  # further room for the figures of bars that hang from the axis


@dataclass(frozen=True)
class Point:
    """A figure of a chart: what stands below its bar, how high the bar is, and a short text for its top (empty for none).

    `note` is a further word of the label for where there is room, such as the year. `url` is where the bar leads, and `title`
    says so to those who do not see it, with the figure: `March 2026, $950.00`.
    """

    label: str
    value: int
    shown: str = ""
    note: str = ""
    url: str = ""
    title: str = ""


@dataclass(frozen=True)
class Bar:
    """A figure as it is drawn: a rectangle, and the height of its text. A value below zero hangs from the axis."""

    point: Point
    x: float
    y: float
    width: float
    height: float
    text_y: float

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True)
class BarChart:
    """A drawing: its size, the height of its axis, and its bars from the left."""

    bars: tuple[Bar, ...]
    axis: float
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def leads(self) -> bool:
        """Does a bar lead anywhere?"""
        return any(bar.point.url for bar in self.bars)


def bar_chart(points: Sequence[Point]) -> BarChart:
    """Draw the points from the left; the highest and the lowest fill the drawing. Without any, only the axis is there."""
    top = max((point.value for point in points if point.value > 0), default=0)
    low = min((point.value for point in points if point.value < 0), default=0)
    room = HEIGHT - HEAD - FOOT - (_BELOW if low else 0)
    unit = room / (top - low) if top > low else 0.0
    axis = round(HEAD + top * unit, 1) if top > low else float(HEIGHT - FOOT)
    step = WIDTH / max(1, len(points))
    bars = []
    for position, point in enumerate(points):
        height = round(abs(point.value) * unit, 1)
        y = axis if point.value < 0 else round(axis - height, 1)
        text_y = round(y + height + 12, 1) if point.value < 0 else round(y - 5, 1)
        bars.append(Bar(point, round(position * step + GAP / 2, 1), y, round(step - GAP, 1), height, text_y))
    return BarChart(tuple(bars), axis)


def short_money(cents: int) -> str:
    """`$950`, `$12.4k`, `$1.3M`, `−$1.3M`: for a place too small for the amount itself, which stands in the table."""
    sign, dollars = ("\u2212" if cents < 0 else ""), abs(cents) / 100
    for limit, unit in ((1_000_000, "M"), (1_000, "k")):
        if dollars >= limit:
            return f"{sign}${dollars / limit:.1f}".removesuffix(".0") + unit
    return f"{sign}${dollars:.0f}"
