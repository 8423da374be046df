"""What is enabled for which provider type, and given to whom."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class ApplicationSetting(Base, scopes.Shared):
    """One cell of the staff's matrix: is an application enabled for an audience."""

    __tablename__ = "application_setting"
    __shared__ = "the payer's setting, read by the gate"

    application: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    audience: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    enabled: Mapped[bool]
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    changed_at: Mapped[dt.datetime]


class ApplicationDefault(Base, scopes.Shared):
    """Is an application given to people when their account is created."""

    __tablename__ = "application_default"
    __shared__ = "the payer's setting"

    application: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    new_people: Mapped[bool]
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    changed_at: Mapped[dt.datetime]


class PersonApplication(Base, scopes.OfPerson):
    """An application given to a person."""

    __tablename__ = "person_application"
    __table_args__ = (sa.UniqueConstraint("person_id", "application"),)

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    application: Mapped[str] = mapped_column(sa.String(40))
    given_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    given_at: Mapped[dt.datetime]
