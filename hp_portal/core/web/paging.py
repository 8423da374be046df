"""Pages of a long list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """One page of rows. `url_for_page` is what the pager links to."""

    rows: list[Row]
    number: int
    size: int
    total: int
    url_for_page: Callable[[int], str] = field(default=lambda number: f"?page={number}")

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1; 0 when there is none."""
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0


def page_number(arguments: Mapping[str, Any], name: str = "page") -> int:
    """The page asked for; anything unreadable is the first."""
    try:
        return min(max(1, int(arguments.get(name, 1))), 1_000_000)
    except (TypeError, ValueError):
        return 1
