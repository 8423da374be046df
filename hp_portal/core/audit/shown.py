"""What a page of a list showed, as audit events keep it, so that who was seen can be told from the record alone.

EventSpec("sample.note.listed", "Listed notes", SHOWN, member_data=True)
record(session, "sample.note.listed", **what_was_shown(listing, lambda note: note.id))

Rows are named by numbers of their own, such as keys, never by what they say of somebody: `3-52,60`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from hp_portal.core.web.listing import Listing

Row = TypeVar("Row")
SHOWN = ("page", "sort", "shown", "rows")
"""The fields that `what_was_shown` gives: the page's number, how the list was sorted, how many rows it showed, and which."""


def what_was_shown(listing: Listing[Row], number_of: Callable[[Row], int]) -> dict[str, Any]:
    """The fields `SHOWN` of an event for this page of a list; `number_of` gives a row's number."""
    return {
        "page": listing.number,
        "sort": listing.order.sort if listing.order is not None else "",
        "shown": len(listing.rows),
        "rows": spans(number_of(row) for row in listing.rows),
    }


def spans(numbers: Iterable[int]) -> str:
    """Numbers in short, each once and in order: `1-50,53`; empty for none."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def read_spans(text: str) -> list[int]:
    """The numbers that `spans` has written. ValueError for anything else."""
    numbers: list[int] = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers
