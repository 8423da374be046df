"""Links by which somebody sets a password without knowing the old one."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class PasswordLink(Base, scopes.OfPerson):
    """A link to set a password: works once, until it expires. The link holds a token, the row only its hash."""

    __tablename__ = "password_link"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    made_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    # Used, or replaced by a newer one, or taken back when the account was deactivated.
    ended_at: Mapped[dt.datetime | None]
