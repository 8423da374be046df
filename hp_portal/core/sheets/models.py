"""Which columns somebody said theirs are."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class SheetMapping(Base, scopes.OwnedByOrganizationOrPayer):
    """How an organization's table with certain headings is read; without an organization, the payer's own.

    `headings` is a digest of them, `keys` the layout's columns by place, as JSON: nothing of the table itself is kept.
    """

    __tablename__ = "sheet_mapping"
    __scope_index__ = False
    __table_args__ = (sa.UniqueConstraint("organization_id", "layout", "headings"),)
    __organization_may__ = scopes.May(
        add=("layout", "headings", "keys", "used_at"), change=("keys", "used_at"), remove=True
    )

    id: Mapped[key]
    layout: Mapped[str] = mapped_column(sa.String(80))
    headings: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    keys: Mapped[str] = mapped_column(sa.Text())
    used_at: Mapped[dt.datetime]
