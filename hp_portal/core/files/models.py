"""Stored files and their pieces."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column


class StoredFile(Base, scopes.OwnedByOrganizationOrPayer):
    """A file. `size` is in bytes, as it was sent; `kind` starts with the application's key, such as `remittance upload`."""

    __tablename__ = "stored_file"

    id: Mapped[key]
    # a random word that every piece is sealed with: an id may be used again, this never is
    token: Mapped[str] = mapped_column(sa.String(32))
    kind: Mapped[str] = mapped_column(sa.String(80), index=True)
    name: Mapped[str] = mapped_column(sa.String(300))
    size: Mapped[int]
    pieces: Mapped[int] = mapped_column(sa.Integer())
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    stored_at: Mapped[dt.datetime]


class StoredPiece(Base, scopes.OwnedByOrganizationOrPayer):
    """A piece of a file, compressed and sealed. `position` counts from 0. Owned like its file."""

    __tablename__ = "stored_piece"

    file_id: Mapped[int] = mapped_column(sa.ForeignKey("stored_file.id"), primary_key=True)
    position: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    sealed: Mapped[bytes] = mapped_column(info=sealed_column())
