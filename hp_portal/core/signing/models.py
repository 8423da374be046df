"""Electronic signatures."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column, seat


class Signature(Base, scopes.OwnedByOrganizationOrPayer):
    """Somebody has signed a form by typing their name. Nobody changes or deletes one: a trigger refuses it.

    `about` says what it belongs to, such as `case:12`; without an organization, it is the payer's. `person_id` is who signed,
    None for somebody without an account, who is told by `email`; `name` is what they are called, `typed` what they typed.
    `agreement` is the text they agreed to, `digest` the SHA-256 of what they signed, in hexadecimal; the bytes themselves are
    kept sealed.
    """

    __tablename__ = "signature"

    id: Mapped[key]
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    about: Mapped[str] = mapped_column(sa.String(80), index=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    email: Mapped[str] = mapped_column(sa.String(254), default="")
    typed: Mapped[str] = mapped_column(sa.String(200))
    signed_at: Mapped[dt.datetime]
    address: Mapped[str] = mapped_column(sa.String(45))
    agreement: Mapped[str] = mapped_column(sa.Text())
    version: Mapped[str] = mapped_column(sa.String(16))
    digest: Mapped[str] = mapped_column(sa.String(64))
    contents_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))


SIGNED_CONTENTS = seat(Signature.contents_sealed)
