"""Entries of the national registry."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api

LONGEST = 200
PERSON, ORGANIZATION = "1", "2"


class RegistryEntry(api.Base, api.Shared):
    """An NPI as the registry's public file had it at the end of `as_of`. `kind` is its entity type; empty: a deactivated NPI, of
    which the file says nothing else. `name` is an organization's. `taxonomies` are codes with blanks between them, the primary
    one first, `licenses` are `MN 12345` with semicolons between them, both in the order of the file."""

    __tablename__ = "profiles_registry_entry"
    __shared__ = "what the federal government publishes of every NPI"

    npi: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    as_of: Mapped[dt.date]
    kind: Mapped[str] = mapped_column(sa.String(1))
    name: Mapped[str] = mapped_column(sa.String(LONGEST))
    last_name: Mapped[str] = mapped_column(sa.String(LONGEST))
    first_name: Mapped[str] = mapped_column(sa.String(LONGEST))
    middle_name: Mapped[str] = mapped_column(sa.String(LONGEST))
    other_last_name: Mapped[str] = mapped_column(sa.String(LONGEST))
    taxonomies: Mapped[str] = mapped_column(sa.String(LONGEST))
    licenses: Mapped[str] = mapped_column(sa.String(800))
    deactivated_on: Mapped[dt.date | None]
    reactivated_on: Mapped[dt.date | None]
