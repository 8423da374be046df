"""Stored files and their pieces."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, PortalSession, key
from hp_portal.seals import Former, sealed_column, seat


class StoredFile(Base, scopes.OwnedByOrganizationOrPayer):
    """A file. `size` is in bytes, as it was sent; `kind` starts with the application's key, such as `remittance upload`."""

    __tablename__ = "stored_file"
    __organization_may__ = scopes.May(
        add=("token", "kind", "name", "size", "pieces", "person_id", "stored_at"),
        change=("size", "pieces"),
        remove=True,
    )

    id: Mapped[key]
    # a random word that every piece is sealed with: an id may be used again, this never is
    token: Mapped[str] = mapped_column(sa.String(32))
    kind: Mapped[str] = mapped_column(sa.String(80), index=True)
    name: Mapped[str] = mapped_column(sa.String(300))
    size: Mapped[int]
    pieces: Mapped[int] = mapped_column(sa.Integer())
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    stored_at: Mapped[dt.datetime]


def _places(session: PortalSession, rows: Sequence[Any]) -> list[Former]:
    """The places of pieces, which their files tell."""
    wanted = {row.file_id for row in rows}
    files = {file.id: file for file in session.scalars(sa.select(StoredFile).where(StoredFile.id.in_(wanted)))}
    return [place_of_piece(files[row.file_id], row.position) for row in rows]


def place_of_piece(stored: StoredFile, position: int, *, last: bool | None = None) -> Former:
    """Where a piece of a file stands, and what pieces were sealed for before. The last one says so, and how long the file is:
    nothing can be cut off or put behind it.

    `last` is for a file that is being stored and does not know yet how many pieces it has.
    """
    last = position == stored.pieces - 1 if last is None else last
    owner = "payer" if stored.organization_id is None else stored.organization_id
    end = f"last of {stored.size}" if last else "followed"
    place = _PIECE(stored.token, stored.organization_id, stored.kind, position, end)
    return place, f"file {stored.token} of {owner}, {stored.kind}, piece {position}, {end}"


class StoredPiece(Base, scopes.OwnedByOrganizationOrPayer):
    """A piece of a file, compressed and sealed. `position` counts from 0. Owned like its file."""

    __tablename__ = "stored_piece"
    __organization_may__ = scopes.May(add=("file_id", "position", "sealed"), remove=True)

    file_id: Mapped[int] = mapped_column(sa.ForeignKey("stored_file.id"), primary_key=True)
    position: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    sealed: Mapped[bytes] = mapped_column(info=sealed_column("file_id", "position", places=_places))


_PIECE = seat(StoredPiece.sealed)
