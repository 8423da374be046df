"""The record itself, and the seals over it. Triggers of both databases refuse to update or delete any of it."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class AuditEvent(Base, scopes.OwnedByOrganizationOrPayer):
    """Who did what, when, from where and why."""

    __tablename__ = "audit_event"
    __scope_index__ = False
    __table_args__ = (
        sa.Index("ix_audit_event_person_id_id", "person_id", "id"),
        sa.Index("ix_audit_event_organization_id_id", "organization_id", "id"),
        sa.Index("ix_audit_event_event_id", "event", "id"),
        sa.Index("ix_audit_event_writer_number", "writer", "number", unique=True),
    )

    id: Mapped[key]
    at: Mapped[dt.datetime] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(sa.String(80))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    sign_in_id: Mapped[int | None] = mapped_column(sa.ForeignKey("sign_in.id"))
    request_id: Mapped[str] = mapped_column(sa.String(40))
    address: Mapped[str] = mapped_column(sa.String(45))
    reason: Mapped[str] = mapped_column(sa.String(200))
    # JSON with exactly the fields the event declares, as text: sealed byte for byte
    fields: Mapped[str] = mapped_column(sa.Text())
    # Null together in what was written before there were MACs; see writers
    writer: Mapped[int | None]
    number: Mapped[int | None]
    before: Mapped[bytes | None] = mapped_column(sa.LargeBinary(16))
    anchor: Mapped[int | None]
    key_id: Mapped[bytes | None] = mapped_column(sa.LargeBinary(8))
    mac: Mapped[bytes | None] = mapped_column(sa.LargeBinary(16))


class AuditSeal(Base, scopes.PayersOwn):
    """A batch in the chain: its digest covers the batch before it.

    `covers` is the hash of the batch's rows. `taken_over`: the batch of what was written before events had MACs. Batches before
    that one have neither key id nor `covers`.
    """

    __tablename__ = "audit_seal"

    id: Mapped[key]
    sealed_at: Mapped[dt.datetime]
    rows: Mapped[int]
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    key_id: Mapped[bytes | None] = mapped_column(sa.LargeBinary(8))
    covers: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32))
    taken_over: Mapped[bool | None]


class AuditKey(Base, scopes.PayersOwn):
    """The key of events and seals from before a rotation, sealed with a newer data key: it verifies, and makes nothing."""

    __tablename__ = "audit_key"

    id: Mapped[key]
    key_id: Mapped[bytes] = mapped_column(sa.LargeBinary(8))
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary())
    kept_at: Mapped[dt.datetime]


class AuditSealedRow(Base, scopes.PayersOwn):
    """The MAC of one sealed event, or its digest where it has none."""

    __tablename__ = "audit_sealed_row"

    event_id: Mapped[int] = mapped_column(sa.BigInteger(), primary_key=True, autoincrement=False)
    seal_id: Mapped[int] = mapped_column(sa.ForeignKey("audit_seal.id"), index=True)
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32))


class AuditWindow(Base, scopes.PayersOwn):
    """Refusals of one kind that are being counted: the first is an event, `times` more have come since."""

    __tablename__ = "audit_window"
    __table_args__ = (sa.Index("ix_audit_window_event_until", "event", "until"),)

    key: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    event: Mapped[str] = mapped_column(sa.String(80))
    wide: Mapped[str] = mapped_column(sa.String(10))
    person_id: Mapped[int | None]
    organization_id: Mapped[int | None]
    address: Mapped[str] = mapped_column(sa.String(45))
    reason: Mapped[str] = mapped_column(sa.String(200))
    fields: Mapped[str] = mapped_column(sa.Text())
    opened_at: Mapped[dt.datetime]
    until: Mapped[dt.datetime]
    times: Mapped[int]


class AuditReport(Base, scopes.PayersOwn):
    """What was last seen of the record: by sealing, by verifying, by publishing heads. It may change and proves nothing."""

    __tablename__ = "audit_report"

    name: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    at: Mapped[dt.datetime]
    seal: Mapped[int]
    problem: Mapped[str] = mapped_column(sa.Text())
