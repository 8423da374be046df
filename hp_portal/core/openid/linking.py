"""Accounts of the staff that were there before the directory: linked with it, and unlinked, by command."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.core.audit.record import record
from hp_portal.core.identity.directory import DirectoryAccount
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.staff_roles import StaffRole
from hp_portal.core.openid.entering import link
from hp_portal.core.people.accounts import end_sessions
from hp_portal.core.staff.accounts import NoSuchStaff
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings


class LinkedAlready(Exception):
    """The account, or the subject, is linked; the text says which."""


def _staff(session: PortalSession, username: str) -> Person:
    wanted = sa.select(Person).where(Person.username == username.strip().lower(), Person.is_staff)
    person = session.scalars(wanted).one_or_none()
    if person is None:
        raise NoSuchStaff(f"no member of staff has the user name {username}")
    lock(session, f"account:{person.root_id}")
    return person


def link_staff(session: PortalSession, settings: Settings, username: str, subject: str) -> None:
    """Have the directory open the account of this member of staff; their sessions end. Raises NoSuchStaff, LinkedAlready."""
    person = _staff(session, username)
    if session.scalar(sa.select(DirectoryAccount.id).where(DirectoryAccount.person_id == person.id)) is not None:
        raise LinkedAlready(f"{username} is linked already; unlink it first")
    same = (DirectoryAccount.issuer == settings.oidc_issuer, DirectoryAccount.subject == subject)
    if session.scalar(sa.select(DirectoryAccount.id).where(*same)) is not None:
        raise LinkedAlready(f"{subject} is linked with another account already")
    link(session, settings, person, subject)
    end_sessions(session, person)


def unlink_staff(session: PortalSession, username: str) -> None:
    """The directory no longer opens the account of this member of staff; their sessions end. Raises NoSuchStaff."""
    person = _staff(session, username)
    row = session.scalars(sa.select(DirectoryAccount).where(DirectoryAccount.person_id == person.id)).one_or_none()
    if row is None:
        raise NoSuchStaff(f"{username} is not linked with a directory")
    record(session, "staff.person.unlinked", person=person.id, subject=row.subject)
    session.delete(row)
    end_sessions(session, person)


def roles_missing(session: PortalSession, settings: Settings) -> list[str]:
    """The roles of HP_PORTAL_OIDC_ROLES that there are not, so that their groups give nothing."""
    there = set(session.scalars(sa.select(StaffRole.name)))
    return sorted(set(settings.oidc_roles.values()) - there)
