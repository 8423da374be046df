"""Kept values, one row for each word."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column


class KeptValues(Base, scopes.OwnedByOrganizationOrPayer):
    """Values of one person, sealed. The address has the word, the row only its hash."""

    __tablename__ = "kept_values"
    __organization_may__ = scopes.May(add=("token_hash", "kind", "person_id", "sealed", "expires_at"), remove=True)

    id: Mapped[key]
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(80))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(info=sealed_column("kind", "token_hash", "person_id", expires="expires_at"))
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
