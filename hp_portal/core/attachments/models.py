"""Attached files and what became of each."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.attachments.states import WENT_WRONG, State, state_of
from hp_portal.core.leases.leasing import Leased
from hp_portal.database import Base, key


class AttachedFile(Base, scopes.OwnedByOrganizationOrPayer, Leased):
    """A file that somebody attached. Without an organization it came from the public, or from the payer's staff.

    `about` is what it is attached to, in the words of whoever keeps that, such as `case:12`. `kind` is a key of
    `kinds.KINDS`, `given_as` that of the copy which is given out; `sha256` and `size` (bytes) are of the file as it was sent.
    `state` is one of `states`; `why` says in words for the sender why a file is refused, `found` for the payer's staff what was
    found in it or went wrong. `kept_at`: it was sent along, and its sender cannot remove it any more, unless it went wrong.
    `retry_at`: until then it waits for the virus scanner, after so many `pauses`. `quarantined_at`: a virus was found in it, and
    it is not given out without being looked at for one again. The original stays sealed; `cleaned_id` is what is given out.
    """

    __tablename__ = "attached_file"
    __organization_may__ = scopes.May(
        add=("about", "person_id", "name", "kind", "size", "sha256", "state", "sent_at", "original_id"),
        change=("about", "kept_at"),
        remove=True,
    )

    id: Mapped[key]
    about: Mapped[str] = mapped_column(sa.String(120), index=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(sa.String(300))
    kind: Mapped[str] = mapped_column(sa.String(10))
    given_as: Mapped[str] = mapped_column(sa.String(10), default="", server_default="")
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(sa.String(64))
    state: Mapped[str] = mapped_column(sa.String(12), index=True)
    why: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    found: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    sent_at: Mapped[dt.datetime]
    kept_at: Mapped[dt.datetime | None]
    checked_at: Mapped[dt.datetime | None]
    retry_at: Mapped[dt.datetime | None]
    pauses: Mapped[int] = mapped_column(default=0, server_default="0")
    quarantined_at: Mapped[dt.datetime | None]
    original_id: Mapped[int] = mapped_column(sa.ForeignKey("stored_file.id"), index=True)
    cleaned_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stored_file.id"), index=True)

    @property
    def removable(self) -> bool:
        """Was it not sent along yet, or is it of no use to anybody?"""
        return self.kept_at is None or self.state in WENT_WRONG

    @property
    def standing(self) -> State:
        """How it stands, in words for whoever sent it."""
        return state_of(self.state, self.why, unscanned=self.retry_at is not None)
