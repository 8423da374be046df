"""What a change proposes, what became of each of its lines, and whom it has put on record. Nothing here is ever changed: triggers
refuse it (triggers.py)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import Base, May, OwnedByOrganization, key, sealed_column, seat

APPLIED, REFUSED, WAITING, UNDONE = "applied", "refused", "waiting", "undone"


class ProposedChange(Base, OwnedByOrganization):
    """What belongs to a case that wants the record changed. `contents_sealed` is JSON: see proposals.py."""

    __tablename__ = "profiles_proposal"
    __organization_may__ = May(add=("case_id", "token", "kind", "effective_on", "contents_sealed"))

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), unique=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(40))
    effective_on: Mapped[dt.date]
    contents_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))


class LineOutcome(Base, OwnedByOrganization):
    """What became of a line of a proposal; the newest row of a line counts.

    `line` is its place among the proposal's facts. `became` is APPLIED, REFUSED (`why` says why), WAITING for the payer's claims
    system, or UNDONE. `change_id` is the change that brought it to the record, or took it back.
    """

    __tablename__ = "profiles_line_outcome"
    __table_args__ = (sa.Index("ix_profiles_line_outcome_became", "became"),)

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), index=True)
    line: Mapped[int] = mapped_column(sa.Integer())
    became: Mapped[str] = mapped_column(sa.String(10))
    why: Mapped[str] = mapped_column(sa.String(400))
    at: Mapped[dt.datetime]
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    change_id: Mapped[int | None] = mapped_column(sa.ForeignKey("profiles_change.id"), index=True)


class MadeSubject(Base, OwnedByOrganization):
    """Whom or what a proposal has put on record: `wanted` is the negative id that the proposal uses for it, `subject_id` the one
    that it has on record."""

    __tablename__ = "profiles_made_subject"
    __table_args__ = (sa.UniqueConstraint("case_id", "wanted"),)

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"))
    wanted: Mapped[int] = mapped_column(sa.Integer())
    subject_id: Mapped[int] = mapped_column(sa.BigInteger())


PROPOSED = seat(ProposedChange.contents_sealed)
"""The place of what a proposal says: `PROPOSED(token)`."""
