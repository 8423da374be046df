"""What facts hold on a day, whatever the order in which they were recorded."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from hp_portal_plugins.profiles.record.timeline import Told, counting, spans, value_on

FIRST = dt.date(2026, 1, 1)
DAYS = [FIRST + dt.timedelta(days=number) for number in range(-1, 12)]
FACTS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["", "red", "green", "blue"]), st.booleans()), max_size=12
)
Fact = tuple[int, str, bool]


def told(facts: Sequence[Fact]) -> list[Told]:
    """The facts, recorded in this order, one a minute."""
    start = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    return [
        Told(order, FIRST + dt.timedelta(days=day), value, withdrawn, start + dt.timedelta(minutes=order))
        for order, (day, value, withdrawn) in enumerate(facts)
    ]


def all_days(facts: list[Told]) -> list[str]:
    return [value_on(facts, day) for day in DAYS]


@given(FACTS, st.randoms(use_true_random=False))
def test_facts_of_different_days_may_be_recorded_in_any_order(facts: list[Fact], random: object) -> None:
    """Of one day the last one counts: those keep their order among each other."""
    shuffled = list(range(len(facts)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    of_day = {day: iter([fact for fact in facts if fact[0] == day]) for day, _, _ in facts}
    other = [next(of_day[facts[place][0]]) for place in shuffled]
    assert sorted(other) == sorted(facts)
    assert all_days(told(other)) == all_days(told(facts))


def by_the_rule(facts: Sequence[Fact], day: dt.date) -> str:
    """The rule, said the long way round: go back day by day to one of which something is said, and take what was said last."""
    for number in reversed(range((day - FIRST).days + 1)):
        of_day = [(value, withdrawn) for other, value, withdrawn in facts if other == number]
        if of_day and not of_day[-1][1]:
            return of_day[-1][0]
    return ""


@given(FACTS, st.randoms(use_true_random=False))
def test_the_latest_day_counts_and_of_a_day_what_was_recorded_last(facts: list[Fact], random: object) -> None:
    found = told(facts)
    random.shuffle(found)  # type: ignore[attr-defined]
    assert all_days(found) == [by_the_rule(facts, day) for day in DAYS]


@given(FACTS)
def test_a_field_never_has_two_values_on_a_day(facts: list[Fact]) -> None:
    found = spans(told(facts))
    for day in DAYS:
        values = [span.value for span in found if span.covers(day)]
        assert len(values) <= 1
        assert value_on(told(facts), day) == (values[0] if values else "")
    for one, after in itertools.pairwise(found):
        assert one.until == after.since


@given(FACTS, st.integers(0, 11))
def test_what_was_known_at_a_moment_stays(facts: list[Fact], place: int) -> None:
    """Facts that come later change nothing of what was known before."""
    everything, first = told(facts), told(facts[: place + 1])
    known_at = dt.datetime(2026, 2, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=place)
    assert counting(everything, known_at) == counting(first)
    assert [value_on(everything, day, known_at) for day in DAYS] == all_days(first)
