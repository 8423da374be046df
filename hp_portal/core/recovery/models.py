"""What people who cannot sign in have asked for."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column


class RecoveryAsk(Base, scopes.PayersOwn):
    """Somebody has typed a user name or an e-mail address to get back in, whether there is such an account or not.

    The worker looks that up and answers by e-mail, within seconds; then the row is removed. `typed_sealed` is what was typed,
    sealed for `token`: some type their password into the wrong field.
    """

    __tablename__ = "recovery_ask"

    id: Mapped[key]
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    typed_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    address: Mapped[str] = mapped_column(sa.String(45))
    asked_at: Mapped[dt.datetime]
