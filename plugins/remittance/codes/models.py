"""Code lists: their texts, and the files that staff have uploaded."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api


class Code(api.Base, api.Shared):
    """A text of a licensed code list that the plan has loaded: CARC, RARC …, valid for a span of dates."""

    __tablename__ = "remittance_code"
    __shared__ = "the payer's code lists, the same for everybody"
    __table_args__ = (sa.UniqueConstraint("list", "code", "valid_from", postgresql_nulls_not_distinct=True),)

    id: Mapped[api.key]
    list: Mapped[str] = mapped_column(sa.String(10))
    code: Mapped[str] = mapped_column(sa.String(20), index=True)
    text: Mapped[str] = mapped_column(sa.Text())
    valid_from: Mapped[dt.date | None]
    valid_to: Mapped[dt.date | None]
    source: Mapped[str] = mapped_column(sa.String(300))
    loaded_at: Mapped[dt.datetime]


class CodeUpload(api.Base, api.Leased, api.PayersOwn):
    """A code list that staff uploaded, until the worker has loaded it, and what came of it."""

    __tablename__ = "remittance_code_upload"

    id: Mapped[api.key]
    list: Mapped[str] = mapped_column(sa.String(10))
    name: Mapped[str] = mapped_column(sa.String(300))
    uploaded_at: Mapped[dt.datetime]
    uploaded_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    # waiting, reading, done, failed
    state: Mapped[str] = mapped_column(sa.String(20), index=True)
    rows_read: Mapped[int]
    # a JSON list of sentences
    errors: Mapped[str | None] = mapped_column(sa.Text())
    report: Mapped[str | None] = mapped_column(sa.String(300))
    # the uploaded file, until it is loaded or given up
    stored_file_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stored_file.id"))
