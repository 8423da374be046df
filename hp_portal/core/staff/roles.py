"""Roles of the payer's staff: what each may do, changed in the console."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.core.audit.record import record
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.staff_roles import StaffRole, StaffRoleMember, StaffRolePermission
from hp_portal.database import PortalSession, lock

MANAGE = "staff:roles:manage"


class LastManager(Exception):
    """Nobody could change roles any more."""


class RoleExists(Exception):
    """There is a role of that name."""


@dataclass(frozen=True)
class Role:
    """A role with its permissions, and how many active people hold it."""

    id: int
    name: str
    permissions: frozenset[str]
    members: int


@dataclass(frozen=True)
class PermissionGroup:
    """The permissions of one application or of the console itself: key and label each."""

    label: str
    permissions: tuple[tuple[str, str], ...]


def find_role(session: PortalSession, role_id: int) -> StaffRole | None:
    """One role, or None."""
    return session.get(StaffRole, role_id)


def roles(session: PortalSession) -> list[Role]:
    """Every role, the first that was made first."""
    held: dict[int, set[str]] = {}
    for role_id, permission in session.execute(sa.select(StaffRolePermission.role_id, StaffRolePermission.permission)):
        held.setdefault(role_id, set()).add(permission)
    members = session.execute(
        sa.select(StaffRoleMember.role_id, sa.func.count())
        .join(Person, Person.id == StaffRoleMember.person_id)
        .where(Person.deactivated_at.is_(None))
        .group_by(StaffRoleMember.role_id)
    ).all()
    counts = {row[0]: row[1] for row in members}
    return [
        Role(role.id, role.name, frozenset(held.get(role.id, ())), counts.get(role.id, 0))
        for role in session.scalars(sa.select(StaffRole).order_by(StaffRole.id))
    ]


def grouped(permissions: Mapping[str, str], applications: Mapping[str, str]) -> list[PermissionGroup]:
    """All staff permissions by what they belong to; `applications` are labels by key."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for key, label in permissions.items():
        groups.setdefault(key.partition(":")[0], []).append((key, label))
    return [PermissionGroup(applications.get(key, "Staff console"), tuple(found)) for key, found in groups.items()]


def nobodys(found: Collection[Role], permissions: Collection[str]) -> list[str]:
    """The permissions that no role has, such as those of a plugin that was installed later."""
    held = {permission for role in found for permission in role.permissions}
    return [key for key in permissions if key not in held]


def set_permission(session: PortalSession, role: StaffRole, permission: str, *, wanted: bool) -> bool:
    """Give a role a permission or take it away, audited. Returns False when it was so already. Raises LastManager."""
    lock(session, "staff roles")
    row = session.get(StaffRolePermission, (role.id, permission), populate_existing=True)
    if (row is not None) == wanted:
        return False
    if row is None:
        session.add(StaffRolePermission(role_id=role.id, permission=permission))
    else:
        if permission == MANAGE and not _managers_beside(session, role):
            raise LastManager
        session.delete(row)
    session.flush()
    event = "staff.role.permission-given" if wanted else "staff.role.permission-taken"
    record(session, event, role=role.name, permission=permission)
    return True


def _managers_beside(session: PortalSession, role: StaffRole) -> bool:
    """Is there an active member of staff who may change roles through another role?"""
    found = session.scalar(
        sa.select(Person.id)
        .join(StaffRoleMember, StaffRoleMember.person_id == Person.id)
        .join(StaffRolePermission, StaffRolePermission.role_id == StaffRoleMember.role_id)
        .where(
            Person.deactivated_at.is_(None),
            StaffRolePermission.permission == MANAGE,
            StaffRolePermission.role_id != role.id,
        )
        .limit(1)
    )
    return found is not None


def add_role(session: PortalSession, name: str) -> StaffRole:
    """Make a role without permissions, audited. Raises RoleExists."""
    lock(session, "staff roles")
    if session.scalar(sa.select(StaffRole.id).where(sa.func.lower(StaffRole.name) == name.lower())) is not None:
        raise RoleExists(name)
    role = StaffRole(name=name)
    session.add(role)
    session.flush()
    record(session, "staff.role.added", role=name)
    return role
