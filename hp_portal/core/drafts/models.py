"""Drafts, and who has opened each."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column, seat


class Draft(Base, scopes.OwnedByOrganization):
    """A long form that is not sent yet, of one organization. `kind` is one that an application declares.

    `title_sealed` says for whom or about what it is, `contents_sealed` what was typed, as it was typed, by its parts. `person_id`
    is whose it is. `saved_at` is when somebody last saved a part, None: nobody has yet. `warned_at`: that it will be deleted was
    told then, since it was last saved. `sent_at`: it was sent, nothing is left in it; `sent_to` is the path of what came of it.
    """

    __tablename__ = "portal_draft"
    __organization_may__ = scopes.May(
        add=("kind", "token", "title_sealed", "contents_sealed", "person_id", "started_at"),
        change=("title_sealed", "contents_sealed", "saved_at", "saved_by_id", "warned_at", "sent_at", "sent_to"),
        remove=True,
    )

    id: Mapped[key]
    kind: Mapped[str] = mapped_column(sa.String(80))
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    title_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    contents_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    started_at: Mapped[dt.datetime] = mapped_column(index=True)
    saved_at: Mapped[dt.datetime | None]
    saved_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    warned_at: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]
    sent_to: Mapped[str] = mapped_column(sa.String(500), default="")


class DraftVisit(Base, scopes.OwnedByOrganization):
    """Somebody has a draft open, or had it open at `at`."""

    __tablename__ = "portal_draft_visit"
    __table_args__ = (sa.UniqueConstraint("draft_id", "person_id"),)
    __organization_may__ = scopes.May(add=("draft_id", "person_id", "at"), change=("at",), remove=True)

    id: Mapped[key]
    draft_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_draft.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[dt.datetime]


TITLE = seat(Draft.title_sealed)
CONTENTS = seat(Draft.contents_sealed)
