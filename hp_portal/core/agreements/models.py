"""Published versions of agreements, and the draft of the next one."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class AgreementVersion(Base, scopes.Shared):
    """A version that the staff published: rows are added and never changed, on PostgreSQL the portal may do nothing else.

    It applies from the day `applies_on` in the payer's zone until another one does; of two for the same day, the one that was
    published later.
    """

    __tablename__ = "agreement_version"
    __shared__ = "what everybody is asked to accept"
    __table_args__ = (sa.UniqueConstraint("agreement", "version"),)

    id: Mapped[key]
    agreement: Mapped[str] = mapped_column(sa.String(30))
    version: Mapped[str] = mapped_column(sa.String(30))
    text: Mapped[str] = mapped_column(sa.Text)
    applies_on: Mapped[dt.date]
    published_at: Mapped[dt.datetime]
    published_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class AgreementDraft(Base, scopes.PayersOwn):
    """What the staff are writing: one draft for an agreement. `revision` counts how often it was saved."""

    __tablename__ = "agreement_draft"

    agreement: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    text: Mapped[str] = mapped_column(sa.Text)
    revision: Mapped[int]
    saved_at: Mapped[dt.datetime]
    saved_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
