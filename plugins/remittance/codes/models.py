"""Code lists that staff have uploaded."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api


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
