"""Attached files and what became of each."""

from __future__ import annotations

import datetime as dt
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, object_session

from hp_portal import scopes
from hp_portal.core.attachments.states import WENT_WRONG, State, state_of
from hp_portal.core.leases.leasing import Leased
from hp_portal.database import Base, PortalSession, key
from hp_portal.seals import sealed_column, seat


class AttachedFile(Base, scopes.OwnedByOrganizationOrPayer, Leased):
    """A file that somebody attached. Without an organization it came from the public, or from the payer's staff.

    `about` is what it is attached to, in the words of whoever keeps that, such as `case:12`. `kind` is a key of
    `kinds.KINDS`, `given_as` that of the copy which is given out; `digest` (keyed) and `size` (bytes) are of the file as sent.
    `state` is one of `states`; `why` says in words for the sender why a file is refused, `found` for the payer's staff what was
    found in it or went wrong. `kept_at`: it was sent along, and its sender cannot remove it any more, unless it went wrong.
    `retry_at`: until then it waits for the virus scanner, after so many `pauses`. `quarantined_at`: a virus was found in it, and
    it is not given out without being looked at for one again. `told_at`: its sender was told by e-mail that it went wrong. The
    original stays sealed; `cleaned_id` is what is given out.
    """

    __tablename__ = "attached_file"
    __organization_may__ = scopes.May(
        add=("about", "person_id", "token", "name_sealed", "kind", "size", "digest", "state", "sent_at", "original_id"),
        change=("about", "kept_at"),
        remove=True,
    )

    id: Mapped[key]
    about: Mapped[str] = mapped_column(sa.String(120), index=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    token: Mapped[str] = mapped_column(sa.String(32))
    name_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    kind: Mapped[str] = mapped_column(sa.String(10))
    given_as: Mapped[str] = mapped_column(sa.String(10), default="", server_default="")
    size: Mapped[int]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    state: Mapped[str] = mapped_column(sa.String(12), index=True)
    why: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    found: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    sent_at: Mapped[dt.datetime]
    kept_at: Mapped[dt.datetime | None]
    checked_at: Mapped[dt.datetime | None]
    retry_at: Mapped[dt.datetime | None]
    pauses: Mapped[int] = mapped_column(default=0, server_default="0")
    quarantined_at: Mapped[dt.datetime | None]
    told_at: Mapped[dt.datetime | None]
    original_id: Mapped[int] = mapped_column(sa.ForeignKey("stored_file.id"), index=True)
    cleaned_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stored_file.id"), index=True)

    @property
    def name(self) -> str:
        """What its sender calls it, which may tell of a patient: sealed where it is stored."""
        session = cast("PortalSession", object_session(self))
        return session.vault.open_text(self.name_sealed, NAME(self.token))

    @property
    def removable(self) -> bool:
        """Was it not sent along yet, or is it of no use to anybody?"""
        return self.kept_at is None or self.state in WENT_WRONG

    @property
    def standing(self) -> State:
        """How it stands, in words for whoever sent it."""
        return state_of(self.state, self.why, unscanned=self.retry_at is not None)


NAME = seat(AttachedFile.name_sealed)
