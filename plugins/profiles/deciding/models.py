"""Cases of which the worker applies all that can be applied."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import Base, Leased, OwnedByOrganization, key

WAITING, READY, FAILED = "waiting", "ready", "failed"


class ApplyAll(Base, OwnedByOrganization, Leased):
    """Somebody of the staff wants all open lines of a case applied. `total` are the lines that were open then, `done` those that
    were looked at; `words` say why it ended without all of them."""

    __tablename__ = "profiles_apply_all"

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), unique=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    asked_at: Mapped[dt.datetime]
    state: Mapped[str] = mapped_column(sa.String(10), index=True)
    total: Mapped[int] = mapped_column(sa.Integer())
    done: Mapped[int] = mapped_column(sa.Integer())
    words: Mapped[str] = mapped_column(sa.String(400), default="", server_default="")
