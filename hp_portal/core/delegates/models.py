"""Look-ups of delegates, what people asked delegates, whom delegates invite, and reviews of who has access."""

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
_UNSIGNED = sa.column("signed_at").is_(None)
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


class AccessReview(Base, scopes.OwnedByOrganization):
    """Delegates go through everybody's access, row by row, and sign at the end. At most one of an organization is open.

    `told` is the last of REMINDERS that delegates were sent, at `told_at`. What was signed stands in `contents`, as JSON, and
    `digest` is its SHA-256 in hexadecimal; `signed_name` is what was typed as a signature, `address` from where.
    """

    __tablename__ = "access_review"
    __table_args__ = (
        sa.Index(
            "uq_access_review_open",
            "organization_id",
            unique=True,
            sqlite_where=_UNSIGNED,
            postgresql_where=_UNSIGNED,
        ),
    )

    id: Mapped[key]
    started_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime] = mapped_column(index=True)
    told: Mapped[str] = mapped_column(sa.String(10))
    told_at: Mapped[dt.datetime]
    signed_at: Mapped[dt.datetime | None]
    signed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    signed_name: Mapped[str] = mapped_column(sa.String(200), default="")
    address: Mapped[str] = mapped_column(sa.String(45), default="")
    contents: Mapped[str] = mapped_column(sa.Text(), default="")
    digest: Mapped[str] = mapped_column(sa.String(64), default="")


class ReviewDecision(Base, scopes.OwnedByOrganization):
    """What a delegate has decided about one row of a review: about whom (`person:12`, `organization:34`) and what they had then.

    `state` is a hash of what the row said; when it says something else by now, it must be decided anew.
    """

    __tablename__ = "access_review_decision"
    __table_args__ = (sa.UniqueConstraint("review_id", "subject"),)

    id: Mapped[key]
    review_id: Mapped[int] = mapped_column(sa.ForeignKey("access_review.id"))
    subject: Mapped[str] = mapped_column(sa.String(40))
    state: Mapped[str] = mapped_column(sa.String(64))
    decision: Mapped[str] = mapped_column(sa.String(4))
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[dt.datetime]


REMINDERS = ("start", "soon", "due", "late")
"""What delegates are told of a review: that it has begun, is due soon, is due now, and, again and again, is overdue."""
