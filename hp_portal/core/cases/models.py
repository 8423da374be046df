"""Cases and what has happened to each."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column, seat

OPENED, STEP, COMMENT, FILED, HANDED, ASSIGNED, NOTE = (
    "opened",
    "step",
    "comment",
    "filed",
    "handed",
    "assigned",
    "note",
)


class Case(Base, scopes.OwnedByOrganizationOrPayer):
    """Something that an office has sent in and staff decide. Without an organization, somebody without an account sent it.

    `kind` is one that an application declares, `state` where it stands. `title` says what it is about and tells of no patient.
    `person_id` is whose case it is at the office, `assigned_to_id` who works on it among staff. `due_on` is by when it is to be
    decided, None without a clock, while the clock stands, and once it has ended; `days_left` is what was left when the clock
    stopped, in days of `counts`. `asked_at` is when the provider wrote something that no member of staff has answered or read.
    """

    __tablename__ = "portal_case"
    __scope_index__ = False
    __table_args__ = (
        sa.Index("ix_portal_case_organization_id_opened_at", "organization_id", "opened_at"),
        sa.Index("ix_portal_case_person_id", "person_id"),
        sa.Index(
            "ix_portal_case_open",
            "due_on",
            sqlite_where=sa.column("ended_at").is_(None),
            postgresql_where=sa.column("ended_at").is_(None),
        ),
        sa.Index("ix_portal_case_kind_opened_at", "kind", "opened_at"),
        sa.Index("ix_portal_case_ended_at", "ended_at"),
    )

    id: Mapped[key]
    number: Mapped[str] = mapped_column(sa.String(8), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(80))
    state: Mapped[str] = mapped_column(sa.String(40))
    title: Mapped[str] = mapped_column(sa.String(200))
    opened_at: Mapped[dt.datetime]
    opened_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    assigned_to_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    counts: Mapped[str] = mapped_column(sa.String(10), default="")
    due_on: Mapped[dt.date | None]
    days_left: Mapped[int | None] = mapped_column(sa.Integer())
    asked_at: Mapped[dt.datetime | None]
    changed_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    in_time: Mapped[bool | None]


class CaseEntry(Base, scopes.OwnedByOrganizationOrPayer):
    """Something that happened to a case, which both sides read. Nobody changes or deletes one: a trigger refuses it.

    `what` is OPENED, STEP, COMMENT, FILED (files were attached) or HANDED (to a colleague at the office); `step` and `state` are
    those of a step. `words` are
    what was written along, sealed.
    """

    __tablename__ = "portal_case_entry"

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), index=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    at: Mapped[dt.datetime]
    what: Mapped[str] = mapped_column(sa.String(10))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    by_staff: Mapped[bool]
    step: Mapped[str] = mapped_column(sa.String(40), default="")
    state: Mapped[str] = mapped_column(sa.String(40), default="")
    words_sealed: Mapped[bytes | None] = mapped_column(info=sealed_column("token"))


class CaseNote(Base, scopes.PayersOwn):
    """What staff say or do among themselves about a case; no provider sees it. Never changed or deleted, like entries.

    `what` is NOTE, or ASSIGNED to `to_id`, None: to nobody.
    """

    __tablename__ = "portal_case_note"

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), index=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    at: Mapped[dt.datetime]
    what: Mapped[str] = mapped_column(sa.String(10))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    to_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    words_sealed: Mapped[bytes | None] = mapped_column(info=sealed_column("token"))


class CaseView(Base, scopes.OfPerson):
    """A filter of the staff's queue that somebody has saved for themselves, as the address has it."""

    __tablename__ = "portal_case_view"
    __table_args__ = (sa.UniqueConstraint("person_id", "name"),)

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(sa.String(80))
    query: Mapped[str] = mapped_column(sa.String(2000))


ENTRY_WORDS = seat(CaseEntry.words_sealed)
NOTE_WORDS = seat(CaseNote.words_sealed)
