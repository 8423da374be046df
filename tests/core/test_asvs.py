"""The table of the ASVS is complete, names what is there, and is the one that its source makes."""

from __future__ import annotations

from collections import Counter

from tests.tools import asvs


def test_every_requirement_is_answered_once() -> None:
    items = asvs.items()
    assert len({item.id for item in items}) == len(items) == asvs.REQUIREMENTS
    assert {item.state for item in items} <= asvs.STATES.keys()
    assert {item.level for item in items} == {"1", "2"}


def test_what_is_kept_is_shown_by_something_that_is_there() -> None:
    for item in asvs.items():
        assert item.shown or item.state != "pass", f"{item.id}: name a test or page that shows it"
        assert item.note or item.state == "pass", f"{item.id}: say why"
        for name in item.shown:
            assert (asvs.ROOT / name).is_file(), f"{item.id}: {name} is not there"


def test_at_most_five_are_not_kept() -> None:
    assert Counter(item.state for item in asvs.items())["fail"] <= 5


def test_the_page_is_made_from_the_source() -> None:
    assert asvs.PAGE.read_text(encoding="utf-8") == asvs.page(asvs.items()), "python -m tests.tools.asvs > docs/asvs.md"
