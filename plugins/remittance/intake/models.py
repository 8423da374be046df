"""What the payer's staff and the worker have under way: files that come, and payments that are there."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api


class Upload(api.Base, api.Leased, api.PayersOwn):
    """A file that staff uploaded, until the worker has imported it."""

    __tablename__ = "remittance_upload"

    id: Mapped[api.key]
    name: Mapped[str] = mapped_column(sa.String(300))
    size: Mapped[int]
    uploaded_at: Mapped[dt.datetime]
    uploaded_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    # waiting, reading, saving, done, failed
    state: Mapped[str] = mapped_column(sa.String(20), index=True)
    bytes_read: Mapped[int]
    payments_read: Mapped[int]
    error: Mapped[str | None] = mapped_column(sa.Text())
    # the uploaded file, until it is imported or given up
    stored_file_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stored_file.id"))
    # what came of it
    file_id: Mapped[int | None] = mapped_column(sa.ForeignKey("remittance_file.id"))


class SameNumber(api.Base, api.PayersOwn):
    """Two payments of one number with other contents, and what staff decided about them.

    A payment has a row as the later one with the latest payment of its number that counted when it came, and one with each
    earlier one that has a claim of it.
    """

    __tablename__ = "remittance_same_number"

    id: Mapped[api.key]
    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_payment.id"), index=True)
    earlier_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_payment.id"), index=True)
    # what differs, with blanks between: payee, amount, date, method; contents when it is none of them
    differs: Mapped[str] = mapped_column(sa.String(40))
    # both have a claim with the same status: to add the two would count it twice
    overlaps: Mapped[bool] = mapped_column(server_default=sa.false())
    found_at: Mapped[dt.datetime]
    # waits, kept (both), parts, replaced, later-voided, earlier-voided
    state: Mapped[str] = mapped_column(sa.String(20), index=True)
    decided_at: Mapped[dt.datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str | None] = mapped_column(sa.Text())
    # the decision about many that it belongs to, or that is at it
    batch_id: Mapped[int | None] = mapped_column(sa.ForeignKey("remittance_same_number_batch.id"), index=True)


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
