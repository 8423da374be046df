"""Messages that are to leave the portal, and every attempt to send one."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.leases.leasing import Leased
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column


class Message(Base, scopes.PayersOwn, Leased):
    """One message to one recipient.

    `token` is told to mail servers alone: it stands in the Message-ID, the same in every attempt, and in the sender that bounces
    come back to. `values_sealed` is what the template is filled in with: JSON, sealed for the token. `about` says what the
    message is about, such as `registration:12`, and is what it is canceled by. `failures` counts attempts that failed; `due_at`
    is when the next one is made. `problem` is why it was not sent yet, or never will be, in words. `secrets` names the values,
    with commas, that staff never see and that are removed once the message has left or is canceled. `attached`: files go along.
    `digest_token` stands in the link by which digests are stopped, `reference` on a fax's cover sheet; other messages have none.
    """

    __tablename__ = "message"
    __table_args__ = (sa.Index("ix_message_waiting", "state", "due_at"),)

    id: Mapped[key]
    channel: Mapped[str] = mapped_column(sa.String(10))
    template: Mapped[str] = mapped_column(sa.String(80))
    recipient: Mapped[str] = mapped_column(sa.String(320), index=True)
    subject: Mapped[str] = mapped_column(sa.String(200))
    values_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    about: Mapped[str] = mapped_column(sa.String(80), index=True)
    token: Mapped[str] = mapped_column(sa.String(40), unique=True)
    state: Mapped[str] = mapped_column(sa.String(10))
    problem: Mapped[str] = mapped_column(sa.String(300), default="")
    failures: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    print_run_id: Mapped[int | None] = mapped_column(sa.ForeignKey("print_run.id"), index=True)
    secrets: Mapped[str] = mapped_column(sa.String(100), default="", server_default="")
    attached: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    digest_token: Mapped[str | None] = mapped_column(sa.String(40), index=True, unique=True)
    reference: Mapped[str | None] = mapped_column(sa.String(20), index=True, unique=True)


class MessageAttachment(Base, scopes.PayersOwn):
    """A file that goes along with a message. `body_sealed` is what is in it, sealed for the token; `size` is in bytes."""

    __tablename__ = "message_attachment"

    id: Mapped[key]
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), index=True)
    token: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    content_type: Mapped[str] = mapped_column(sa.String(40))
    size: Mapped[int]
    body_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))


class DigestRefusal(Base, scopes.PayersOwn):
    """An e-mail address, in lower case, to which no digests are sent, since its owner said so."""

    __tablename__ = "digest_refusal"

    id: Mapped[key]
    address: Mapped[str] = mapped_column(sa.String(320), unique=True)
    at: Mapped[dt.datetime]


class PrintRun(Base, scopes.PayersOwn):
    """Letters that are printed together. `letters` is how many they were when it was made; `downloaded_at` is when somebody got
    their PDF first."""

    __tablename__ = "print_run"

    id: Mapped[key]
    made_at: Mapped[dt.datetime]
    letters: Mapped[int]
    downloaded_at: Mapped[dt.datetime | None]
    posted_at: Mapped[dt.datetime | None]


class MessageAttempt(Base, scopes.PayersOwn):
    """An attempt to send a message or mail that came back for it, and what the other side said.

    `outcome`: `sent`, `again` (another one follows), `refused`; of mail that came back `failed`, `delayed`, `automatic`, `other`.
    """

    __tablename__ = "message_attempt"

    id: Mapped[key]
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), index=True)
    at: Mapped[dt.datetime] = mapped_column(index=True)
    outcome: Mapped[str] = mapped_column(sa.String(10))
    said: Mapped[str] = mapped_column(sa.String(300))


class ReturnedMail(Base, scopes.PayersOwn):
    """Mail that came back and fits no message, for the staff to read. `raw_sealed` is the mail: its first 200,000 bytes.

    `likely_id` is the message that it may be about, by an address in it.
    """

    __tablename__ = "returned_mail"

    id: Mapped[key]
    token: Mapped[str] = mapped_column(sa.String(40), unique=True)
    at: Mapped[dt.datetime]
    sender: Mapped[str] = mapped_column(sa.String(200))
    subject: Mapped[str] = mapped_column(sa.String(200))
    raw_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    likely_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"))
    settled_at: Mapped[dt.datetime | None]
