"""Look-ups of delegates, and what people asked delegates."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column

UNCONFIRMED, WAITING, ANSWERED, DONE, REPORTED = "asked", "waiting", "answered", "done", "reported"


class DelegateLookup(Base, scopes.PayersOwn):
    """Somebody looked for an organization's delegates, found or not, and may ask them, once, with the token whose hash this is.

    `organizations`: the ids of those that were found, with commas. Forgotten after a day.
    """

    __tablename__ = "delegate_lookup"

    id: Mapped[key]
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    organizations: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[dt.datetime] = mapped_column(index=True)
    used_at: Mapped[dt.datetime | None]


class DelegateRequest(Base, scopes.OwnedByOrganization):
    """Somebody who is not signed in asks an organization's delegates to contact them.

    Until they have confirmed their e-mail address, by the link whose hash is `confirm_hash`, no delegate reads it; it is
    forgotten after a day. `asked_sealed` is what they said of themselves, `answer_sealed` what a delegate wrote back: both are
    sealed for `token`. `ended_at`: when somebody answered, closed or reported it; a report, with its `reason`, waits for staff
    until `settled_at`.
    """

    __tablename__ = "delegate_request"

    id: Mapped[key]
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    confirm_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32), index=True)
    asked_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    answer_sealed: Mapped[bytes | None] = mapped_column(info=sealed_column("token"))
    asked_at: Mapped[dt.datetime]
    address: Mapped[str] = mapped_column(sa.String(45))
    state: Mapped[str] = mapped_column(sa.String(10), index=True)
    ended_at: Mapped[dt.datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(sa.String(500), default="")
    settled_at: Mapped[dt.datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    settlement: Mapped[str] = mapped_column(sa.String(500), default="")
