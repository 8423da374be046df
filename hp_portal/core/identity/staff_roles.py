"""Roles of the payer's staff, made of permissions."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key


class StaffRole(Base, scopes.PayersOwn):
    """A named set of permissions."""

    __tablename__ = "staff_role"

    id: Mapped[key]
    name: Mapped[str] = mapped_column(sa.String(80), unique=True)


class StaffRolePermission(Base, scopes.PayersOwn):
    """A permission in a role."""

    __tablename__ = "staff_role_permission"

    role_id: Mapped[int] = mapped_column(sa.ForeignKey("staff_role.id"), primary_key=True)
    permission: Mapped[str] = mapped_column(sa.String(80), primary_key=True)


class StaffRoleMember(Base, scopes.PayersOwn):
    """A member of staff who holds a role."""

    __tablename__ = "staff_role_member"

    role_id: Mapped[int] = mapped_column(sa.ForeignKey("staff_role.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), primary_key=True)
    given_at: Mapped[dt.datetime]
