"""Look-ups of delegates, what people asked delegates, and whom delegates invite."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column

ACCEPTED, CANCELED, DECLINED = "accepted", "canceled", "declined"
"""How an invitation ends."""
_OPEN = sa.column("ended_at").is_(None)
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


class Invitation(Base, scopes.OwnedByOrganization):
    """A delegate invites somebody to have an account in the organization, by a link in an e-mail.

    The link holds a token, the row only its hash; it works once, until `expires_at`, and only while `invited_by_id`, in whose
    name it stands, is a delegate of the organization. `applications` are the keys of what is given once it is accepted, with
    commas. `sent` counts the messages. `person_id` is the account that it became. An address has one that has not ended at a
    time: sent again, it goes on with another token.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        sa.Index(
            "uq_invitation_open", "organization_id", "email", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
        ),
    )

    id: Mapped[key]
    name: Mapped[str] = mapped_column(sa.String(200))
    email: Mapped[str] = mapped_column(sa.String(254))
    applications: Mapped[str] = mapped_column(sa.String(1000))
    delegate: Mapped[bool]
    invited_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    made_at: Mapped[dt.datetime]
    sent_at: Mapped[dt.datetime]
    sent: Mapped[int] = mapped_column(sa.Integer())
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    outcome: Mapped[str | None] = mapped_column(sa.String(10))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
