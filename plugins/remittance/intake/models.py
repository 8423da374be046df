"""What the payer's staff and the worker have under way with payments that are there."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api


class SameNumberBatch(api.Base, api.Leased, api.PayersOwn):
    """One decision about many pairs of one number, and how many of them are carried out, or undone."""

    __tablename__ = "remittance_same_number_batch"

    id: Mapped[api.key]
    # kept, parts, replaced, later-voided, earlier-voided
    decision: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[str] = mapped_column(sa.Text())
    asked_at: Mapped[dt.datetime]
    asked_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    # deciding, decided, undoing, undone
    state: Mapped[str] = mapped_column(sa.String(10), index=True)
    pairs: Mapped[int]
    done: Mapped[int]
    undone: Mapped[int]
    undo_reason: Mapped[str | None] = mapped_column(sa.Text())
    undone_at: Mapped[dt.datetime | None]
    undone_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class ReadingAgain(api.Base, api.Leased, api.PayersOwn):
    """Payments that are read again from their kept text, and how far that is: see intake/reading_again.py."""

    __tablename__ = "remittance_reading_again"

    id: Mapped[api.key]
    asked_at: Mapped[dt.datetime]
    # waiting, done
    state: Mapped[str] = mapped_column(sa.String(10))
    # the last payment that was read, and the last that is to be
    last_id: Mapped[int]
    until_id: Mapped[int]
    of: Mapped[int]
    done: Mapped[int]
    changed: Mapped[int]
    unreadable: Mapped[int]
    # the first of those that could not be read: JSON of reading_again.Unread
    unread: Mapped[str | None] = mapped_column(sa.Text())
    ended_at: Mapped[dt.datetime | None]
