"""Rosters that offices have sent, and what each of their rows would change."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import Base, Leased, May, OwnedByOrganization, key

WAITING, COLUMNS, READY, SENT, FAILED, CANCELED = "waiting", "columns", "ready", "sent", "failed", "canceled"
ADDED, CHANGED, ENDED, UNCHANGED, CONTRADICTORY, PROBLEM = (
    "added",
    "changed",
    "ended",
    "unchanged",
    "contradictory",
    "problem",
)
OUTCOMES = {
    ADDED: "Added",
    CHANGED: "Changed",
    ENDED: "Ended",
    CONTRADICTORY: "Contradictory",
    PROBLEM: "Cannot be read",
    UNCHANGED: "Unchanged",
}
CAN_BE_SENT = (ADDED, CHANGED, ENDED)


class RosterUpload(Base, OwnedByOrganization, Leased):
    """A roster that was sent. `effective_on` is the day of rows that name none; with `complete_on`, whoever is missing in it is
    ended on that day. `table` is the word of what asks which column is which, or which sheet is meant; `sheet` is the one of a
    workbook that was chosen (empty: the one that looks like a roster), `head` the row with the headings, `notes` how it was read,
    a line each; `error` says why it could not be."""

    __tablename__ = "profiles_roster"
    __organization_may__ = May(
        add=("person_id", "name", "stored_file_id", "state", "effective_on", "complete_on", "sent_at", "total", "done"),
        change=("state", "leased_until", "lease_token", "attempts", "case_id", "done", "total", "sheet"),
    )

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    stored_file_id: Mapped[int] = mapped_column(sa.ForeignKey("stored_file.id"))
    state: Mapped[str] = mapped_column(sa.String(10), index=True)
    effective_on: Mapped[dt.date]
    complete_on: Mapped[dt.date | None]
    sent_at: Mapped[dt.datetime] = mapped_column(index=True)
    total: Mapped[int] = mapped_column(sa.Integer(), default=0)
    done: Mapped[int] = mapped_column(sa.Integer(), default=0)
    head: Mapped[int] = mapped_column(sa.Integer(), default=0, server_default="0")
    table: Mapped[str] = mapped_column(sa.String(40), default="", server_default="")
    sheet: Mapped[str] = mapped_column(sa.Text(), default="", server_default="")
    notes: Mapped[str] = mapped_column(sa.Text(), default="", server_default="")
    error: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")
    case_id: Mapped[int | None] = mapped_column(sa.ForeignKey("portal_case.id"))


class RosterRow(Base, OwnedByOrganization):
    """A row of a roster, by its `number` in the file (0: somebody who is missing in it), and what came of comparing it.

    Subjects that are not on record have negative ids. `differences` is JSON: see rows.py. `words` say why the row cannot be sent,
    `doubt` what is to be looked at; `unknown_place` is the location that it names and that is not on record, as JSON.
    """

    __tablename__ = "profiles_roster_row"
    __scope_index__ = False
    __table_args__ = (sa.Index("ix_profiles_roster_row_outcome", "roster_id", "outcome", "number"),)
    __organization_may__ = May(change=("chosen",))

    id: Mapped[key]
    roster_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_roster.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(sa.Integer())
    outcome: Mapped[str] = mapped_column(sa.String(15))
    chosen: Mapped[bool]
    name: Mapped[str] = mapped_column(sa.String(500))
    npi: Mapped[str] = mapped_column(sa.String(10))
    place: Mapped[str] = mapped_column(sa.String(500))
    practitioner_id: Mapped[int | None] = mapped_column(sa.BigInteger())
    location_id: Mapped[int | None] = mapped_column(sa.BigInteger())
    affiliation_id: Mapped[int | None] = mapped_column(sa.BigInteger())
    differences: Mapped[str] = mapped_column(sa.Text())
    words: Mapped[str] = mapped_column(sa.Text())
    doubt: Mapped[str] = mapped_column(sa.Text())
    unknown_place: Mapped[str] = mapped_column(sa.Text(), default="", server_default="")
