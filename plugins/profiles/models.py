"""Whom an organization asks about its practitioners and locations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import Base, OwnedByOrganization, key


class ServiceSpecialist(Base, OwnedByOrganization):
    """The service specialist whom the payer has assigned to an organization: at most one. `email` may be empty."""

    __tablename__ = "profiles_specialist"
    __scope_index__ = False
    __table_args__ = (sa.UniqueConstraint("organization_id"),)

    id: Mapped[key]
    name: Mapped[str] = mapped_column(sa.String(200))
    phone: Mapped[str] = mapped_column(sa.String(60))
    email: Mapped[str] = mapped_column(sa.String(254))
