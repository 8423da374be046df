"""Failed tries, one row each, and how many there were in all; and how often something was done in a window."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class Attempt(Base, scopes.PayersOwn):
    """A failed try at a secret, counted by what it was aimed at and where it came from, whoever served it."""

    __tablename__ = "attempt"
    __table_args__ = (
        sa.Index("ix_attempt_kind_subject_at", "kind", "subject", "at"),
        sa.Index("ix_attempt_kind_of_at", "kind", "of", "at"),
    )

    id: Mapped[key]
    kind: Mapped[str] = mapped_column(sa.String(30))
    subject: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    at: Mapped[dt.datetime]
    # Several subjects may be parts of one whole: a name at each of many addresses.
    of: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32))


class FailureTotal(Base, scopes.PayersOwn):
    """How many tries at one subject have failed since the last success, however long ago."""

    __tablename__ = "failure_total"
    __table_args__ = (sa.UniqueConstraint("kind", "subject"),)

    id: Mapped[key]
    kind: Mapped[str] = mapped_column(sa.String(30))
    subject: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    failed: Mapped[int]
    last_at: Mapped[dt.datetime] = mapped_column(index=True)


class Pace(Base, scopes.PayersOwn):
    """How often something was done in the window that began at `since`."""

    __tablename__ = "pace"
    __table_args__ = (sa.UniqueConstraint("kind", "subject"),)

    id: Mapped[key]
    kind: Mapped[str] = mapped_column(sa.String(30))
    subject: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    since: Mapped[dt.datetime] = mapped_column(index=True)
    counted: Mapped[int]
