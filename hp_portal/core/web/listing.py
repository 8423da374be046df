"""Pages of a long list: what is asked for in the address, one page of rows, and the addresses of the others.

A list has three parts. `Sorting` says which columns it has and how each one sorts; `Sorting.read()` reads the address; a verb
passes the result to `page_of()` with its statement; the view says with `Listing.at()` which addresses lead to the other
pages. `ui.list_table` draws all of it.

    NOTES = Sorting((Column("written", "Written", Note.written_at, "date"), Column("text", "Note", Note.text)),
                    default="-written", tie=Note.id)

    def list_notes(session, order):                      # the verb
        return page_of(session, sa.select(Note), order)

    listing = list_notes(db, NOTES.read(request.args)).at("sample.index")     # in the view
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import url_for

from hp_portal.database import PortalSession

Row = TypeVar("Row")
Other = TypeVar("Other")
AnySelect: TypeAlias = sa.Select[*tuple[Any, ...]]
Kind = Literal["text", "code", "date", "number"]
PAGE = 25
MOST_PAGES = 1_000_000


class PastTheEnd(Exception):
    """The list has fewer pages than that: answered by the portal with 404 and a link to the first page."""

    def __init__(self, number: int, pages: int) -> None:
        super().__init__(f"page {number} of {pages}")
        self.pages = pages


@dataclass(frozen=True)
class Column:
    """A column of a list. `name` stands in addresses, `label` in the table's head; `sort_by` is what the column sorts by,
    None when it does not sort.

    `kind`: dates and numbers first sort from the top, texts and codes from the beginning; numbers stand on the right.
    """

    name: str
    label: str
    sort_by: Any = None
    kind: Kind = "text"

    @property
    def numeric(self) -> bool:
        """Is it aligned right?"""
        return self.kind == "number"

    @property
    def first(self) -> str:
        """How the column sorts when it is chosen first, as the address has it."""
        return f"-{self.name}" if self.kind in ("date", "number") else self.name


@dataclass(frozen=True)
class Header:
    """A column's head on a page. `url` sorts by the column, or turns it around when the list is sorted by it; None when the
    column does not sort. `direction`: ascending, descending, or None.
    """

    label: str
    numeric: bool
    url: str | None = None
    direction: str | None = None


class Sorting:
    """The columns of a list, how it is sorted unless asked otherwise, and what decides between equal rows.

    `default` is a column's name, with `-` before it for descending; empty, the list starts in the order of `tie`. `tie` must
    be unique, such as the key: without it rows would move between pages. It follows the direction of the column unless it
    says its own (`Claim.claim.asc()`). Raises ValueError for a default that is no sortable column.
    """

    def __init__(self, columns: Sequence[Column], default: str, tie: Any) -> None:
        self.columns = tuple(columns)
        self.default = default
        self.tie = tie
        self._by_name = {column.name: column for column in self.columns if column.sort_by is not None}
        if default and default.removeprefix("-") not in self._by_name:
            raise ValueError(f"{default} is not the name of a column that sorts")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that sort."""
        return tuple(self._by_name)

    def read(self, arguments: Mapping[str, Any]) -> Order:
        """What an address asks for by `sort` and `page`; anything unknown is the default, or the first page."""
        wanted = str(arguments.get("sort", self.default))
        known = wanted.removeprefix("-") in self._by_name
        return Order(self, wanted if known else self.default, page_number(arguments))

    def order_by(self, wanted: str) -> tuple[sa.UnaryExpression[Any], ...]:
        """For a statement; empty values come last in both directions."""
        if not wanted:
            return (self.tie if isinstance(self.tie, sa.UnaryExpression) else self.tie.asc(),)
        descending = wanted.startswith("-")
        column = self._by_name[wanted.removeprefix("-")].sort_by
        first = column.desc() if descending else column.asc()
        if isinstance(self.tie, sa.UnaryExpression):
            return (first.nulls_last(), self.tie)
        return (first.nulls_last(), self.tie.desc() if descending else self.tie.asc())


@dataclass(frozen=True)
class Order:
    """How a list is asked for: the order, such as `-date`, and the number of the page, from 1."""

    sorting: Sorting
    sort: str
    number: int = 1

    def order_by(self) -> tuple[sa.UnaryExpression[Any], ...]:
        """For a statement."""
        return self.sorting.order_by(self.sort)

    def headers(self, address: Callable[[str], str]) -> list[Header]:
        """The heads of all columns; `address` gives the address of the first page sorted so."""
        return [self._header(column, address) for column in self.sorting.columns]

    def _header(self, column: Column, address: Callable[[str], str]) -> Header:
        if column.sort_by is None:
            return Header(column.label, column.numeric)
        if column.name != self.sort.removeprefix("-"):
            return Header(column.label, column.numeric, address(column.first))
        descending = self.sort.startswith("-")
        turned = column.name if descending else f"-{column.name}"
        return Header(column.label, column.numeric, address(turned), "descending" if descending else "ascending")


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """One page of rows: `number` from 1, `size` rows a page, `total` rows in all.

    Raises PastTheEnd for a page that the list does not have. An empty list has one page.
    """

    rows: list[Row]
    number: int
    size: int
    total: int
    order: Order | None = None
    address: Callable[..., str] = field(default=lambda **values: "?" + "&".join(f"{k}={v}" for k, v in values.items()))

    def __post_init__(self) -> None:
        if self.number > self.pages:
            raise PastTheEnd(self.number, self.pages)

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1; 0 when there is none."""
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """The number of the last row shown, 0 when there is none."""
        return self.first + len(self.rows) - 1 if self.rows else 0

    def with_rows(self, rows: list[Other]) -> Listing[Other]:
        """The same page with other rows in the place of its own, one for one, as where they are completed by more statements."""
        return dataclasses.replace(cast("Listing[Other]", self), rows=rows)

    def at(self, endpoint: str, **values: Any) -> Listing[Row]:
        """The same page, its links leading to this endpoint with these values; empty ones are left out.

        `_anchor` works as for `url_for`. Needs a request.
        """
        kept = {name: value for name, value in values.items() if value not in (None, "")}
        base, anchor, fragment = url_for(endpoint, **kept).partition("#")
        joint = "&" if "?" in base else "?"

        def address(**changed: Any) -> str:
            return (
                f"{base}{joint}{_query(*changed.items())}{anchor}{fragment}" if changed else f"{base}{anchor}{fragment}"
            )

        return dataclasses.replace(self, address=address)

    def url_for_page(self, number: int) -> str:
        """The address of a page of the list as it is sorted now."""
        return self._url(self.order.sort if self.order else "", number)

    def _url(self, sort: str, number: int = 1) -> str:
        values: dict[str, Any] = {}
        if self.order is not None and sort != self.order.sorting.default:
            values["sort"] = sort
        if number > 1:
            values["page"] = number
        return self.address(**values)

    @property
    def headers(self) -> list[Header]:
        """The heads of the columns; none for a list without a Sorting."""
        return self.order.headers(self._url) if self.order else []


@lru_cache(1000)
def _query(*changed: tuple[str, Any]) -> str:
    """What sorts and pages a list, in an address: the same few for every list."""
    return urlencode(changed)


def page_number(arguments: Mapping[str, Any], name: str = "page") -> int:
    """The page asked for; anything unreadable is the first."""
    try:
        return min(max(1, int(arguments.get(name, 1))), MOST_PAGES)
    except (TypeError, ValueError):
        return 1


def page_of(
    session: PortalSession,
    rows: AnySelect,
    order: Order | int,
    *,
    count: AnySelect | None = None,
    size: int = PAGE,
    make: Callable[[Any], Row] | None = None,
) -> Listing[Row]:
    """One page of what a statement selects.

    `rows` selects them without limit; with an `Order` it is sorted here, with the number of a page it must be sorted already.
    A statement of one column or model gives its values, one of several gives rows; `make` turns each into what a page shows.
    `count` counts them where that is not the same statement (grouped, distinct: ValueError without it); it is run only where
    the page does not tell by itself. Raises PastTheEnd.
    """
    number = order if isinstance(order, int) else order.number
    ordered = rows if isinstance(order, int) else rows.order_by(None).order_by(*order.order_by())
    if count is None:
        count = _count_of(rows)
    result = session.execute(ordered.limit(size).offset((number - 1) * size))
    found: list[Any] = list(result.scalars() if len(rows.column_descriptions) == 1 else result)
    total = _total(session, len(found), number, size, count)
    listed = [make(one) for one in found] if make is not None else cast("list[Row]", found)
    return Listing(listed, number, size, total, None if isinstance(order, int) else order)


def _count_of(rows: AnySelect) -> AnySelect:
    if rows._group_by_clauses or rows._distinct or rows._having_criteria:
        raise ValueError("a grouped or distinct statement needs a count of its own")
    return rows.order_by(None).with_only_columns(sa.func.count(), maintain_column_froms=True)


def _total(session: PortalSession, found: int, number: int, size: int, count: AnySelect) -> int:
    """How many there are in all: counted only where a page that is not full does not tell."""
    if 0 < found < size or (number == 1 and not found):
        return (number - 1) * size + found
    return session.scalar(count) or 0
