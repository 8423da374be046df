"""What billing organizations ask of providers' offices: to see the payments to a Tax ID."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.identifiers.sealed import SealedTin
from hp_portal.database import Base, key

STAFF, WAITING = "staff", "waiting"
APPROVED, PARTLY, DECLINED, UNKNOWN = "approved", "partly", "declined", "unknown"
EXPIRED, WITHDRAWN, REFUSED = "expired", "withdrawn", "refused"
OPEN_STATES = (STAFF, WAITING)
_OPEN = sa.column("ended_at").is_(None)


class AccessRequest(Base, SealedTin, scopes.OwnedByOrganization):
    """A billing organization asks to see the payments to a Tax ID, of somebody at the provider's office.

    `npis`: those that it asks for, with spaces; empty: all of the Tax ID. With `to_delegates` it goes to the delegates of the
    organizations that are registered for the Tax ID, and names no approver. In the state STAFF, staff look first; `why` says for
    what reason. It was sent at `sent_at`, and expires at `due_at`. `reminded` reminders were sent; approvers who were the wrong
    person have handed it on `passed_on` times. Whoever decided signed with name and title; with an account they are
    `decided_by_id`. `access_until` is the end that they set.
    """

    __tablename__ = "access_request"
    __tin_row__ = ("token",)
    __scope_index__ = False
    __table_args__ = (
        sa.Index("ix_access_request_organization_id_asked_at", "organization_id", "asked_at"),
        sa.Index("ix_access_request_tin_hash", "tin_hash"),
        # Of those that nobody has decided, which are few.
        sa.Index("ix_access_request_open", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[key]
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    # What the billing organization calls the provider.
    provider: Mapped[str] = mapped_column(sa.String(200), default="", server_default="")
    # The form that it was sent from: sent twice, it asks once.
    form: Mapped[str] = mapped_column(sa.String(32), default="", server_default="")
    npis: Mapped[str] = mapped_column(sa.String(1000))
    to_delegates: Mapped[bool]
    approver_name: Mapped[str] = mapped_column(sa.String(200))
    approver_title: Mapped[str] = mapped_column(sa.String(100))
    approver_email: Mapped[str] = mapped_column(sa.String(254))
    approver_phone: Mapped[str] = mapped_column(sa.String(40))
    asked_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    asked_at: Mapped[dt.datetime]
    state: Mapped[str] = mapped_column(sa.String(10))
    why: Mapped[str] = mapped_column(sa.String(20), default="")
    sent_at: Mapped[dt.datetime | None]
    due_at: Mapped[dt.datetime | None]
    opened_at: Mapped[dt.datetime | None]
    reminded: Mapped[int] = mapped_column(default=0)
    passed_on: Mapped[int] = mapped_column(default=0)
    ended_at: Mapped[dt.datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    signed_name: Mapped[str] = mapped_column(sa.String(200), default="")
    signed_title: Mapped[str] = mapped_column(sa.String(100), default="")
    signed_address: Mapped[str] = mapped_column(sa.String(45), default="")
    access_until: Mapped[dt.datetime | None]
    answer: Mapped[str] = mapped_column(sa.String(500), default="")
    # An alarm that an approver gave, until staff have looked.
    settled_at: Mapped[dt.datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))

    @property
    def last_moment(self) -> dt.datetime | None:
        """The last moment of access as people are told it: it ends at midnight, which is the next day's already."""
        return self.access_until - dt.timedelta(seconds=1) if self.access_until else None


class AccessRequestLink(Base, scopes.PayersOwn):
    """A link by which somebody without an account reads and decides a request. It holds a token, the row only its hash.

    Every e-mail about a request has one of its own; all of them work until the request is decided or goes to somebody else.
    """

    __tablename__ = "access_request_link"

    id: Mapped[key]
    request_id: Mapped[int] = mapped_column(sa.ForeignKey("access_request.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    email: Mapped[str] = mapped_column(sa.String(254))
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class AccessRequestPayee(Base, scopes.PayersOwn):
    """What was decided of each payee that a request was for."""

    __tablename__ = "access_request_payee"
    __table_args__ = (sa.UniqueConstraint("request_id", "payee_id"),)

    id: Mapped[key]
    request_id: Mapped[int] = mapped_column(sa.ForeignKey("access_request.id"))
    payee_id: Mapped[int] = mapped_column(sa.ForeignKey("payee.id"))
    approved: Mapped[bool]
