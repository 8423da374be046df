"""What a provider without an account tells of a change."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import Base, OwnedByOrganizationOrPayer, SealedTin, key, sealed_column, seat


class ProviderUpdate(Base, SealedTin, OwnedByOrganizationOrPayer):
    """What belongs to a case in which somebody tells of a change of a provider. The payer's own until staff give it to an
    organization. `change` is one of `cases.CHANGES`; `words_sealed` is what is different, in the sender's words.
    """

    __tablename__ = "profiles_update"
    __tin_row__ = ("token",)

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), unique=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    provider: Mapped[str] = mapped_column(sa.String(120))
    npi: Mapped[str] = mapped_column(sa.String(10))
    role: Mapped[str] = mapped_column(sa.String(100))
    change: Mapped[str] = mapped_column(sa.String(20))
    effective_on: Mapped[dt.date]
    words_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))


WORDS = seat(ProviderUpdate.words_sealed)
