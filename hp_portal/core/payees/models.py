"""Whom the payer pays."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.identifiers.sealed import SealedTin
from hp_portal.database import Base, key


class Payee(Base, SealedTin, scopes.Scoped):
    """A TIN + NPI that the payer pays: the payer's own record, loaded by the payer."""

    __tablename__ = "payee"
    __tin_row__ = ("tin_hash", "npi")
    __table_args__ = (sa.UniqueConstraint("tin_hash", "npi", postgresql_nulls_not_distinct=True),)

    id: Mapped[key]
    npi: Mapped[str | None] = mapped_column(sa.String(10), index=True)
    vendor_number: Mapped[str] = mapped_column(sa.String(40), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    provider_type: Mapped[str] = mapped_column(sa.String(20))
    network_status: Mapped[str] = mapped_column(sa.String(20))
    address: Mapped[str] = mapped_column(sa.String(400))
    updated_at: Mapped[dt.datetime]

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.id.in_(scopes.granted_payees())


NETWORK_STATUSES = ("contracted", "out of network", "national")
