"""Documents that were asked for and are made by the worker."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.leases.leasing import Leased
from hp_portal.database import Base, key


class DocumentRequest(Base, scopes.OwnedByOrganizationOrPayer, Leased):
    """A document that one person waits for, and the finished file until it expires.

    What is wanted may tell of a patient: it is kept sealed (core/kept) under the word in `wanted`. `title`, `error` and
    `left_out` (what was asked for and is not in the file, a line each) are shown and must not. `size` is the file's, in bytes;
    `seen_at` is when the person first saw how it ended.
    """

    __tablename__ = "document_request"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(80))
    title: Mapped[str] = mapped_column(sa.String(200))
    wanted: Mapped[str] = mapped_column(sa.String(40))
    state: Mapped[str] = mapped_column(sa.String(10), index=True)
    done: Mapped[int] = mapped_column(sa.Integer(), default=0)
    of: Mapped[int] = mapped_column(sa.Integer(), default=0)
    error: Mapped[str] = mapped_column(sa.String(300), default="")
    left_out: Mapped[str] = mapped_column(sa.Text(), default="", server_default="")
    content_type: Mapped[str] = mapped_column(sa.String(100), default="")
    stored_file_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stored_file.id"))
    size: Mapped[int | None]
    requested_at: Mapped[dt.datetime]
    made_at: Mapped[dt.datetime | None]
    seen_at: Mapped[dt.datetime | None]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
