"""Failed tries, one row each."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class Attempt(Base, scopes.Shared):
    """A failed try at a secret, counted by what it was aimed at and where it came from, whoever served it."""

    __tablename__ = "attempt"
    __shared__ = "counted before anybody is known"
    __table_args__ = (sa.Index("ix_attempt_kind_subject_at", "kind", "subject", "at"),)

    id: Mapped[key]
    kind: Mapped[str] = mapped_column(sa.String(30))
    subject: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    at: Mapped[dt.datetime]
