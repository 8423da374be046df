"""Sealed columns: where a sealed value stands, and what its rotation needs to know.

A value is sealed for its place: the table, the column, and what tells its row from the others. Moved to another row or column
it does not open. A model marks its sealed columns, so that the check of the data key and `hp-portal keys rotate` find them,
a plugin's as well.

    class Letter(api.Base, api.OwnedByOrganization):
        ...
        number: Mapped[str]
        text_sealed: Mapped[bytes] = mapped_column(info=sealed_column("number"))

    TEXT = seat(Letter.text_sealed)
    letter.text_sealed = session.vault.seal_text("Dear …", TEXT(letter.number))
    session.vault.open_text(letter.text_sealed, TEXT(letter.number))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hp_portal.vault import Place, Vault

if TYPE_CHECKING:
    from hp_portal.session import PortalSession

_MARK = "hp_portal.sealed"
RowPart = int | str | bytes | None
"""What a row can be told by: a value that is known when it is sealed, and stays with the row."""


def _part(value: RowPart) -> bytes:
    """No two values, nor two lists of values, have one text."""
    if value is None:
        return b"n;"
    if isinstance(value, int):
        return b"i%d;" % value
    text = value.encode() if isinstance(value, str) else value
    return b"%c%d:%b;" % (ord("s" if isinstance(value, str) else "b"), len(text), text)


class Seat:
    """A sealed column. Called with what tells a row, it gives the place of the row's value."""

    def __init__(self, table: str, column: str) -> None:
        self._start = b"place\0" + _part(table) + _part(column)

    def __call__(self, *row: RowPart) -> Place:
        """The place of the value in the row that these values tell."""
        return Place(self._start + b"".join(map(_part, row)))

    def each(self, *row: RowPart, last: Iterable[int]) -> Iterator[Place]:
        """The places in many rows that differ in the last value alone: `each(7, last=[1, 2])` are those of (7, 1) and (7, 2)."""
        start = self(*row)
        return (Place(start + b"i%d;" % value) for value in last)


def seat(column: Any) -> Seat:
    """The seat of a model's sealed column, such as `seat(Letter.text_sealed)`. Make it once."""
    return Seat(column.table.name, column.name)


Former = tuple[Place, str]
"""A value's place, and what it was sealed for before values were sealed for their places."""
FindPlaces = Callable[["PortalSession", Sequence[Any]], Sequence[Former]]

MakeAgain = Callable[[Vault, bytes], dict[str, bytes | None]]


@dataclass(frozen=True)
class SealedColumn:
    """The mark of a sealed column."""

    row: tuple[str, ...]
    was: str = ""
    hashed: tuple[str, str] | None = None
    places: FindPlaces | None = None
    expires: str = ""
    again: MakeAgain | None = None


def sealed_column(
    *row: str,
    was: str = "",
    hashed: tuple[str, str] | None = None,
    places: FindPlaces | None = None,
    expires: str = "",
    again: MakeAgain | None = None,
) -> dict[str, Any]:
    """The mark of a sealed column, for `mapped_column(info=…)`.

    `row` names the columns of the same row that tell it from the others: known when the value is sealed, and never changed alone.
    `hashed` is a column with the keyed hash of the same text, to look it up by, and the hash's purpose; `again` makes more
    columns of the row anew from what was sealed, when the key is rotated. `was` is what values were
    sealed for before they were sealed for their places; `places` finds both where the row does not say them; `expires` is a
    column with the end of rows so old that their values cannot be sealed again.
    """
    return {_MARK: SealedColumn(row, was, hashed, places, expires, again)}


def sealed_columns(metadata: sa.MetaData) -> Iterator[tuple[sa.Column[bytes], SealedColumn]]:
    """Every sealed column with its mark, tables by name."""
    for _, table in sorted(metadata.tables.items()):
        for column in table.columns:
            if _MARK in column.info:
                yield column, column.info[_MARK]
