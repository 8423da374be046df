"""Payments that have proved something, Tax IDs at which somebody is guessing, and what organizations are told about theirs."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.identifiers.sealed import SealedTin
from hp_portal.database import Base, key


class UsedProof(Base, scopes.PayersOwn):
    """A payment that has opened a grant: it opens no other one."""

    __tablename__ = "used_proof"
    __table_args__ = (sa.UniqueConstraint("payee_id", "number"),)

    id: Mapped[key]
    payee_id: Mapped[int] = mapped_column(sa.ForeignKey("payee.id"))
    number: Mapped[str] = mapped_column(sa.Text())
    grant_id: Mapped[int] = mapped_column(sa.ForeignKey("access_grant.id"))
    used_at: Mapped[dt.datetime]


class ProofWarning(Base, scopes.PayersOwn):
    """A Tax ID or NPI at which somebody has named so many wrong payments that staff should look; until they have looked."""

    __tablename__ = "proof_warning"

    id: Mapped[key]
    tin_digest: Mapped[bytes] = mapped_column(sa.LargeBinary(32), index=True)
    # As it is shown: all but the last four digits of a Tax ID hidden; of somebody who gave an NPI alone, `NPI …`.
    tin: Mapped[str] = mapped_column(sa.String(20))
    # Who failed last; none: somebody without an account, who was registering.
    organization_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"))
    # Wrong payments named for the Tax ID in all, whoever named them and when: those before the warning, too.
    failed: Mapped[int]
    # When staff were warned, and when the last wrong payment was named.
    first_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime]
    settled_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class LinkNotice(Base, scopes.OwnedByOrganization):
    """What an organization is told about a Tax ID it is linked to: another one was linked, or somebody named wrong payments."""

    __tablename__ = "link_notice"

    id: Mapped[key]
    # One of NOTICES.
    kind: Mapped[str] = mapped_column(sa.String(20))
    payee_id: Mapped[int] = mapped_column(sa.ForeignKey("payee.id"))
    # Whom it is about; none is named where somebody guesses.
    other_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"))
    grant_id: Mapped[int | None] = mapped_column(sa.ForeignKey("access_grant.id"), index=True)
    at: Mapped[dt.datetime]
    # Off the home page: somebody has read it.
    read_at: Mapped[dt.datetime | None]
    read_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    objected_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    objected_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    objection: Mapped[str] = mapped_column(sa.String(500), default="")
    # "ended" or "kept", with what staff say to it.
    outcome: Mapped[str | None] = mapped_column(sa.String(20))
    settled_at: Mapped[dt.datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    answer: Mapped[str] = mapped_column(sa.String(500), default="")


class AccessEnding(Base, scopes.OwnedByOrganization):
    """A provider's office is asked whether access of a billing organization goes on that ends by itself, at `ends_at`.

    `answer` is EXTENDED or LET_END; None while nobody has answered. What was extended is asked about again before its new end.
    """

    __tablename__ = "access_ending"
    __table_args__ = (sa.UniqueConstraint("organization_id", "grant_id", "ends_at"),)

    id: Mapped[key]
    grant_id: Mapped[int] = mapped_column(sa.ForeignKey("access_grant.id"), index=True)
    ends_at: Mapped[dt.datetime]
    asked_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    answer: Mapped[str | None] = mapped_column(sa.String(10))


class PayeeUse(Base, scopes.PayersOwn):
    """How often an organization has opened payments of a payee on a day of the payer's, and when last: counted from the record.

    `whose`: a digest of all payees that were opened at once; each of them has a row with the same numbers.
    """

    __tablename__ = "payee_use"
    __table_args__ = (sa.UniqueConstraint("payee_id", "organization_id", "day", "whose"),)

    id: Mapped[key]
    payee_id: Mapped[int] = mapped_column(sa.ForeignKey("payee.id"))
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"))
    day: Mapped[dt.date] = mapped_column(index=True)
    whose: Mapped[str] = mapped_column(sa.String(32))
    opened: Mapped[int]
    last_at: Mapped[dt.datetime]


class UseCounted(Base, scopes.PayersOwn):
    """How far the record is counted, in one row: the last seal, and the highest event of all that were."""

    __tablename__ = "use_counted"

    id: Mapped[key]
    seal_id: Mapped[int]
    event_id: Mapped[int]


class TaxIdCase(Base, SealedTin, scopes.OwnedByOrganization):
    """What belongs to a case in which an organization asks staff to link a Tax ID of which it has no payment at hand.

    `answer` is what staff answered before there were cases with a history.
    """

    __tablename__ = "tax_id_case"
    __tin_row__ = ("token",)
    __table_args__ = (sa.Index("ix_tax_id_case_tin_hash", "tin_hash"),)

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), unique=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    npi: Mapped[str] = mapped_column(sa.String(10))
    about: Mapped[str] = mapped_column(sa.String(500))
    phone: Mapped[str] = mapped_column(sa.String(40))
    answer: Mapped[str] = mapped_column(sa.String(300), default="")


EXTENDED, LET_END = "extended", "ends"
LINKED, GUESSED = "linked", "guessed"
ENDED, KEPT = "ended", "kept"
