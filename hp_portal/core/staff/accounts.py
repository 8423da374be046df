"""Staff accounts and roles, made by command."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.factors import forget_factors
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.passwords import hash_password
from hp_portal.core.identity.staff_roles import StaffRole, StaffRoleMember, StaffRolePermission
from hp_portal.core.people.accounts import end_email_changes, end_links, end_sessions, forget_tries
from hp_portal.core.people.changes import tell_change
from hp_portal.database import PortalSession, lock


class NameTaken(Exception):
    """The user name or e-mail address belongs to somebody else."""


def ensure_role(session: PortalSession, name: str, permissions: Iterable[str]) -> StaffRole:
    """The role of that name with at least these permissions."""
    role = session.scalars(sa.select(StaffRole).where(StaffRole.name == name)).one_or_none()
    if role is None:
        role = StaffRole(name=name)
        session.add(role)
        session.flush()
    held = set(session.scalars(sa.select(StaffRolePermission.permission).where(StaffRolePermission.role_id == role.id)))
    session.add_all(StaffRolePermission(role_id=role.id, permission=key) for key in sorted(set(permissions) - held))
    return role


class NoSuchStaff(Exception):
    """No member of staff has this user name."""


def restore_staff(session: PortalSession, *, username: str, password: str, reason: str) -> Person:
    """Let a member of staff in again: with a new password, without the second factors they had. Raises NoSuchStaff.

    For those who have locked their account, or lost what they sign in with: they are told by e-mail. Whatever would keep them out
    or let somebody else in ends. Needs an app context. The password's strength is the caller's to check.
    """
    wanted = sa.select(Person).where(Person.username == username.strip().lower(), Person.is_staff)
    person = session.scalars(wanted).one_or_none()
    if person is None:
        raise NoSuchStaff(f"no member of staff has the user name {username}")
    lock(session, f"account:{person.root_id}")
    session.refresh(person)
    person.deactivated_at = None
    person.password_hash, person.password_changed_at = hash_password(password), clock.now()
    session.flush()
    forget_factors(session, person.id)
    end_email_changes(session, person.id)
    end_links(session, person.id)
    end_sessions(session, person)
    forget_tries(session, person)
    record(session, "staff.person.restored", reason=reason, person=person.id)
    tell_change(session, person, "restored")
    return person


def create_staff(
    session: PortalSession, *, username: str, email: str, name: str, password: str, role: StaffRole
) -> Person:
    """Create a staff account with a role. Raises NameTaken. The password's strength is the caller's to check."""
    username, email = username.strip().lower(), email.strip().lower()
    taken = session.scalar(
        sa.select(Person.id).where(sa.or_(Person.username.in_((username, email)), Person.email.in_((username, email))))
    )
    if taken is not None:
        raise NameTaken(f"{username} or {email} is in use already")
    now = clock.now()
    person = Person(
        organization_id=None,
        username=username,
        email=email,
        name=name,
        password_hash=hash_password(password),
        password_changed_at=now,
        is_staff=True,
        is_delegate=False,
        created_at=now,
    )
    session.add(person)
    session.flush()
    session.add(StaffRoleMember(role_id=role.id, person_id=person.id, given_at=now))
    record(session, "staff.person.created", person=person.id, role=role.name)
    return person
