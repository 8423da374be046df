"""When each organization attests, what it has attested, what it has left out, and what speaks against its record."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import Base, May, OwnedByOrganization, PaidTo, key


class AttestationDue(Base, OwnedByOrganization):
    """Until when an organization attests: one day for all of it. `responsible_id` is who is reminded; None: its delegates.

    `reminded` is the last reminder for this day (30, 14 or 3 days before it, 0 once it is over), `noticed_on` when the
    organization was told that it is overdue.
    """

    __tablename__ = "profiles_attestation_due"
    __scope_index__ = False
    __table_args__ = (sa.UniqueConstraint("organization_id"),)
    __organization_may__ = May(add=("due_on",), change=("due_on", "responsible_id", "reminded", "noticed_on"))

    id: Mapped[key]
    due_on: Mapped[dt.date] = mapped_column(index=True)
    responsible_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    reminded: Mapped[int | None]
    noticed_on: Mapped[dt.date | None]


class Attestation(Base, OwnedByOrganization):
    """Somebody has attested what was shown on a day; the signature keeps the statement, word for word."""

    __tablename__ = "profiles_attestation"
    __organization_may__ = May(
        add=("person_id", "as_of", "attested_at", "signature_id", "practitioners", "locations", "left_out")
    )

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    as_of: Mapped[dt.date]
    attested_at: Mapped[dt.datetime]
    signature_id: Mapped[int] = mapped_column(sa.ForeignKey("signature.id"), unique=True)
    practitioners: Mapped[int]
    locations: Mapped[int]
    left_out: Mapped[int]


class NotRight(Base, OwnedByOrganization):
    """A practitioner at a location of whom something is not right: left out of attestations until its case has ended."""

    __tablename__ = "profiles_not_right"
    __organization_may__ = May(add=("affiliation_id", "case_id"))

    id: Mapped[key]
    affiliation_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_affiliation.id"), index=True)
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), unique=True)


class Contradiction(Base, PaidTo):
    """Something that speaks against the record of a payee's locations: a row of a file (`kind` CLAIMS), a letter that came back
    (LETTER), or what staff have noticed (STAFF).

    `words` are for the office to read, `place` is an address that is not on record, `source` says who or what says so, `seen_on`
    when it was so last. `practitioner_id` and `location_id` are whom and where it is about, as far as they are on record; `npi`
    is whom it names. `token` is the same for the same, so that nothing is told twice. `settled_at`: staff have done what there
    was to do.
    """

    __tablename__ = "profiles_contradiction"

    id: Mapped[key]
    practitioner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("profiles_practitioner.id"))
    location_id: Mapped[int | None] = mapped_column(sa.ForeignKey("profiles_location.id"))
    npi: Mapped[str] = mapped_column(sa.String(10))
    kind: Mapped[str] = mapped_column(sa.String(10))
    words: Mapped[str] = mapped_column(sa.String(400))
    place: Mapped[str] = mapped_column(sa.String(200))
    source: Mapped[str] = mapped_column(sa.String(100))
    seen_on: Mapped[dt.date]
    told_at: Mapped[dt.datetime] = mapped_column(index=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    token: Mapped[str] = mapped_column(sa.String(64), unique=True)
    settled_at: Mapped[dt.datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
