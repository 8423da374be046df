"""Staff whom the payer's own directory knows: which account is whose, and whose account only the directory opens."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.identity.models import Person
from hp_portal.database import Base, PortalSession, key
from hp_portal.settings import Settings


class OpenedByDirectory(Exception):
    """It is somebody of the staff who signs in with the payer's directory, and in no other way."""


class DirectoryAccount(Base, scopes.PayersOwn):
    """Whose account somebody's identity in the directory opens. Issuer and subject together never mean anybody else."""

    __tablename__ = "directory_account"
    __table_args__ = (sa.UniqueConstraint("issuer", "subject"),)

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), unique=True)
    issuer: Mapped[str] = mapped_column(sa.String(500))
    subject: Mapped[str] = mapped_column(sa.String(255))
    linked_at: Mapped[dt.datetime]


class UsedState(Base, scopes.PayersOwn):
    """An answer of the directory was taken: the same one opens nothing again. Only a hash of its state is kept."""

    __tablename__ = "used_state"

    id: Mapped[key]
    state_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    used_at: Mapped[dt.datetime] = mapped_column(index=True)


def only_by_directory(session: PortalSession, settings: Settings, person: Person) -> bool:
    """Does nothing but the directory open this account? Where staff may sign in either way, that holds for whom it knows.

    Otherwise somebody whom the directory has let go would still come in by a passkey. Needs a whole scope.
    """
    if not person.is_staff or settings.staff_sign_in == "local":
        return False
    if settings.staff_sign_in == "oidc":
        return True
    return session.scalar(sa.select(DirectoryAccount.id).where(DirectoryAccount.person_id == person.id)) is not None
