"""Refusals, one row each, kept for a month."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class Refusal(Base, scopes.PayersOwn):
    """Somebody who was signed in asked for what they may not have.

    The payer's alone, as `whose` tells what other organizations have.
    """

    __tablename__ = "refusal"
    __table_args__ = (
        sa.Index("ix_refusal_person_id_at", "person_id", "at"),
        sa.Index("ix_refusal_told_at", "told_at"),
    )

    id: Mapped[key]
    at: Mapped[dt.datetime] = mapped_column(index=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    organization_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"))
    sign_in_id: Mapped[int | None] = mapped_column(sa.ForeignKey("sign_in.id"))
    request_id: Mapped[str] = mapped_column(sa.String(40))
    address: Mapped[str] = mapped_column(sa.String(45))
    # A key of noting.KINDS.
    kind: Mapped[str] = mapped_column(sa.String(20))
    # The endpoint that was asked for.
    page: Mapped[str] = mapped_column(sa.String(120))
    # Of kind `row`: the table and the id in the address, and whose the row is once that has been looked up: somebody
    # else's, or nobody's. `told_at` is when it was written into the record.
    table: Mapped[str] = mapped_column("table_name", sa.String(80))
    row_id: Mapped[int | None]
    whose: Mapped[str] = mapped_column(sa.String(10))
    told_at: Mapped[dt.datetime | None]
