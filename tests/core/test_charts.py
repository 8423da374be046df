"""Bar charts: what is drawn stays in the drawing and tells the truth."""

from __future__ import annotations

import pytest
from flask import Flask, render_template_string
from hypothesis import given, settings
from hypothesis import strategies as st

from hp_portal.core.web.charts import HEIGHT, WIDTH, Point, bar_chart, short_money
from tests.support import html

values = st.lists(st.integers(-(10**12), 10**12), max_size=24)


@settings(deadline=None)
@given(values)
def test_bars_stay_in_the_drawing_and_keep_their_proportions(amounts: list[int]) -> None:
    chart = bar_chart([Point(str(number), value) for number, value in enumerate(amounts)])
    assert len(chart.bars) == len(amounts)
    assert 0 <= chart.axis <= HEIGHT
    largest = max((abs(value) for value in amounts), default=0)
    tallest = max((bar.height for bar in chart.bars), default=0)
    for bar in chart.bars:
        assert 0 <= bar.x < bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT
        assert 0 < bar.text_y < HEIGHT
        end = bar.y if bar.point.value < 0 else bar.y + bar.height
        assert end == pytest.approx(chart.axis, abs=0.11), "a bar stands on the axis, or hangs from it"
        if largest:
            assert bar.height == pytest.approx(tallest * abs(bar.point.value) / largest, abs=0.2)


def test_the_highest_fills_the_drawing() -> None:
    chart = bar_chart([Point("Jan", 50), Point("Feb", 100), Point("Mar", 0)])
    assert [bar.height for bar in chart.bars] == [55, 110, 0]
    assert chart.axis == 128


@pytest.mark.parametrize("points", [[], [Point("Jan", 0)]])
def test_a_chart_of_nothing_has_its_axis(points: list[Point]) -> None:
    chart = bar_chart(points)
    assert (chart.axis, [bar.height for bar in chart.bars]) == (128, [0] * len(points))


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (0, "$0"),
        (95_000, "$950"),
        (1_240_000, "$12.4k"),
        (300_000, "$3k"),
        (130_000_000, "$1.3M"),
        (-95_000, "\u2212$950"),
    ],
)
def test_amounts_on_a_chart_are_short(cents: int, shown: str) -> None:
    assert short_money(cents) == shown


def test_the_drawing_has_words_and_a_table(sqlite_app: Flask) -> None:
    template = """{% call ui.bar_chart(chart, "Notes <per> month", id="notes") %}
    <thead><tr>{{ ui.th("Month") }}</tr></thead><tbody><tr>{{ ui.row_header("January") }}</tr></tbody>{% endcall %}"""
    chart = bar_chart([Point("Jan", 5, "5 & more", "2026")])
    with sqlite_app.test_request_context("/"):
        text = render_template_string(template, chart=chart)
    html.check_fragment(text)
    assert 'aria-label="Notes &lt;per&gt; month; the table below has the figures"' in text
    assert "5 &amp; more" in text
    assert 'Jan<tspan class="note"> 2026</tspan>' in text
    assert "The figures as a table" in text
    assert "January" in text
    assert "style=" not in text
