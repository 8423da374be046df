"""The data keys that a database knows. The keys themselves are never in it."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base


class DataKey(Base, scopes.PayersOwn):
    """A data key that values are, or were, sealed with: its id and a value that only this key yields.

    `complete_at`: since then every value is sealed with this key and bound to its place. `retired_at`: since then none is sealed
    with this key, and one that says so is refused.
    """

    __tablename__ = "data_key"

    id: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    check_value: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    first_used_at: Mapped[dt.datetime]
    complete_at: Mapped[dt.datetime | None]
    retired_at: Mapped[dt.datetime | None]
