"""Practitioners, locations and affiliations, the dated facts about them, and the changes that brought the facts.

A fact is a row that is never changed and never deleted: triggers refuse it (triggers.py). timeline.py says what holds on a day.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api

from .fields import LONGEST, Subject


class Specialty(api.Base, api.Shared):
    """A specialty of the payer's copy of the taxonomy. `classification` and `specialization` (may be empty) are its words."""

    __tablename__ = "profiles_specialty"
    __shared__ = "a list of codes that says nothing about anybody"

    code: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    classification: Mapped[str] = mapped_column(sa.String(200))
    specialization: Mapped[str] = mapped_column(sa.String(200))


class Location(api.Base, api.PaidTo):
    """A practice site of a payee. `reference` is the payer's own number for it."""

    __tablename__ = "profiles_location"

    id: Mapped[api.key]
    reference: Mapped[str] = mapped_column(sa.String(40), unique=True)


_location = Location.__table__.alias("visible_location")


def _at_visible_location(column: Any) -> sa.ColumnElement[bool]:
    return sa.exists().where(_location.c.id == column, _location.c.payee_id.in_(api.granted_payees()))


class Affiliation(api.Base, api.Scoped):
    """A practitioner and a location. Whether the one works at the other is a fact; `since` and `until` repeat from when to when,
    for scopes alone: the first day, and the first one on which it is over. Both are empty when it never was."""

    __tablename__ = "profiles_affiliation"
    __table_args__ = (sa.UniqueConstraint("practitioner_id", "location_id"),)

    id: Mapped[api.key]
    practitioner_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_practitioner.id"))
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_location.id"), index=True)
    since: Mapped[dt.date | None]
    until: Mapped[dt.date | None]

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return _at_visible_location(cls.location_id)


_affiliation = Affiliation.__table__.alias("visible_affiliation")


class Practitioner(api.Base, api.Scoped):
    """A clinician. An organization sees those who work, or have worked, at a location that it sees."""

    __tablename__ = "profiles_practitioner"

    id: Mapped[api.key]
    reference: Mapped[str] = mapped_column(sa.String(40), unique=True)

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            _affiliation.c.practitioner_id == cls.id,
            _affiliation.c.since.is_not(None),
            _at_visible_location(_affiliation.c.location_id),
        )


class Change(api.Base, api.OwnedByOrganizationOrPayer):
    """What brought facts to the record: who, when, why, and for which case. Without an organization it was the payer's own.

    `undoes_id` is the change that this one takes back.
    """

    __tablename__ = "profiles_change"

    id: Mapped[api.key]
    kind: Mapped[str] = mapped_column(sa.String(40))
    recorded_at: Mapped[dt.datetime]
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    why: Mapped[str] = mapped_column(sa.String(400))
    case_id: Mapped[int | None] = mapped_column(sa.ForeignKey("portal_case.id"), index=True)
    undoes_id: Mapped[int | None] = mapped_column(sa.ForeignKey("profiles_change.id"), unique=True)


class _Fact:
    """From `holds_from` on, the field has the value, until the day of the next fact; empty: it has none from then on.

    Of several facts of one day the one recorded last counts, which is the one with the highest id. `withdrawn`: there is nothing
    to say of that day after all.
    """

    id: Mapped[api.key]
    field: Mapped[str] = mapped_column(sa.String(40))
    item: Mapped[str] = mapped_column(sa.String(80))
    holds_from: Mapped[dt.date]
    value: Mapped[str] = mapped_column(sa.String(LONGEST))
    withdrawn: Mapped[bool]
    recorded_at: Mapped[dt.datetime]
    change_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_change.id"), index=True)


class PractitionerFact(_Fact, api.Base, api.Scoped):
    """A fact about a practitioner. What is about the person alone is sealed, and `value` is empty then.

    An organization sees what holds from before the practitioner has left its last location.
    """

    __tablename__ = "profiles_practitioner_fact"
    __table_args__ = (
        sa.Index("ix_profiles_practitioner_fact_subject", "practitioner_id", "field", "item", "holds_from"),
        sa.Index("ix_profiles_practitioner_fact_value", "field", "value"),
    )

    practitioner_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_practitioner.id"))
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    value_sealed: Mapped[bytes | None] = mapped_column(info=api.sealed_column("token"))

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            _affiliation.c.practitioner_id == cls.practitioner_id,
            _affiliation.c.since.is_not(None),
            sa.or_(_affiliation.c.until.is_(None), _affiliation.c.until > cls.holds_from),
            _at_visible_location(_affiliation.c.location_id),
        )


class LocationFact(_Fact, api.Base, api.Scoped):
    """A fact about a location."""

    __tablename__ = "profiles_location_fact"
    __table_args__ = (
        sa.Index("ix_profiles_location_fact_subject", "location_id", "field", "item", "holds_from"),
        sa.Index("ix_profiles_location_fact_value", "field", "value"),
    )

    location_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_location.id"))

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return _at_visible_location(cls.location_id)


class AffiliationFact(_Fact, api.Base, api.Scoped):
    """A fact about a practitioner's work at a location."""

    __tablename__ = "profiles_affiliation_fact"
    __table_args__ = (
        sa.Index("ix_profiles_affiliation_fact_subject", "affiliation_id", "field", "item", "holds_from"),
    )

    affiliation_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_affiliation.id"))

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            _affiliation.c.id == cls.affiliation_id, _at_visible_location(_affiliation.c.location_id)
        )


AnyFact = PractitionerFact | LocationFact | AffiliationFact
FACTS: dict[Subject, type[AnyFact]] = {
    "practitioner": PractitionerFact,
    "location": LocationFact,
    "affiliation": AffiliationFact,
}
SUBJECTS: dict[Subject, type[Practitioner | Location | Affiliation]] = {
    "practitioner": Practitioner,
    "location": Location,
    "affiliation": Affiliation,
}
SEALED = api.seat(PractitionerFact.value_sealed)
"""The place of a sealed value: `SEALED(token)`."""


def subject_column(subject: Subject) -> Any:
    """The column that says whom or what a fact is about."""
    return getattr(FACTS[subject], f"{subject}_id")
