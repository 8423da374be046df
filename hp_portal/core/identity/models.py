"""People and their sign-ins."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.session import CORE

_IS_ACCOUNT = sa.column("account_id").is_(None)


class Person(Base, scopes.OwnedByOrganizationOrPayer):
    """Somebody in one organization, or of the payer's staff (no organization).

    With no `account_id` the row holds the account: what somebody signs in with, under their own name. Whoever works for other
    organizations as well has another row in each, whose `account_id` is that one. There the user name, name and address are
    copies, which follow those of the account by themselves, and what belongs to signing in means nothing.
    """

    __tablename__ = "person"
    __table_args__ = (
        sa.Index("uq_person_username", "username", unique=True, sqlite_where=_IS_ACCOUNT, postgresql_where=_IS_ACCOUNT),
        sa.Index("uq_person_email", "email", unique=True, sqlite_where=_IS_ACCOUNT, postgresql_where=_IS_ACCOUNT),
        sa.UniqueConstraint("account_id", "organization_id"),
    )

    id: Mapped[key]
    account_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    # Both are kept lower-case, as people type them in any case.
    username: Mapped[str] = mapped_column(sa.String(80))
    email: Mapped[str] = mapped_column(sa.String(254))
    name: Mapped[str] = mapped_column(sa.String(200))
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    password_changed_at: Mapped[dt.datetime]
    is_staff: Mapped[bool]
    is_delegate: Mapped[bool]
    deactivated_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    # When somebody who had the account already was made a delegate.
    delegate_since: Mapped[dt.datetime | None]
    # When the account was last brought back: it counts as used then.
    reactivated_at: Mapped[dt.datetime | None]
    # When a message to the address last came back; None when none did, or a later one was taken.
    email_returned_at: Mapped[dt.datetime | None]
    # When the only delegate said that they name no second one now: they are not asked for a while.
    successor_declined_at: Mapped[dt.datetime | None]
    # When they said that they want no second factor now: they are not asked again.
    factor_declined_at: Mapped[dt.datetime | None]

    @hybrid_property
    def root_id(self) -> int:
        """The id of the row that holds the account."""
        return self.account_id or self.id

    @root_id.inplace.expression
    @classmethod
    def _root_id(cls) -> sa.ColumnElement[int]:
        return sa.func.coalesce(cls.account_id, cls.id)


_COPIED = ("username", "email", "name", "email_returned_at")


@sa.event.listens_for(Person, "after_update")
def _copy(_mapper: object, connection: sa.Connection, person: Person) -> None:
    """Whoever changes what an account is called changes it in every organization."""
    if person.account_id is not None:
        return
    state = sa.inspect(person)
    changed = {name: getattr(person, name) for name in _COPIED if state.attrs[name].history.has_changes()}
    if changed:
        others = sa.update(Person).where(Person.account_id == person.id).values(changed)
        connection.execute(others, execution_options=CORE)


_OPEN = sa.column("ended_at").is_(None)


class SignIn(Base, scopes.OfPerson):
    """One sign-in: a row, so that it can be listed and ended. The cookie holds a token, the row only its hash.

    It stays when it has ended, as events of the record name it. What asks for sign-ins has an index that leads past the others.
    """

    __tablename__ = "sign_in"
    __table_args__ = (
        sa.Index("ix_sign_in_person_id_created_at", "person_id", "created_at"),
        # Of those that have not ended, which are few.
        sa.Index("ix_sign_in_open", "person_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[key]
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    created_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    end_reason: Mapped[str | None] = mapped_column(sa.String(20))
    address: Mapped[str] = mapped_column(sa.String(45))
    user_agent: Mapped[str] = mapped_column(sa.String(300))
    # When they last showed in this session that it is still them.
    confirmed_at: Mapped[dt.datetime | None]
    # Why member data is looked at in this session, as the person said; empty: not said yet. For memberships see AccessReason.
    access_reason: Mapped[str] = mapped_column(sa.String(200), server_default="", default="")
    # Staff whom the payer's own directory has signed in.
    by_directory: Mapped[bool] = mapped_column(server_default=sa.false(), default=False)
    # While this one was open, the person signed in at another network address: the newest such sign-in, and when they were told.
    elsewhere_id: Mapped[int | None] = mapped_column(sa.ForeignKey("sign_in.id"))
    elsewhere_seen_at: Mapped[dt.datetime | None]
    # For which of their organizations somebody who works for several opened the home page last: their row in it.
    chosen_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class AccessReason(Base, scopes.OfPerson):
    """Why member data is looked at in a session for another organization than that of the account's own row: each has its own
    reason, as it is written into that organization's record."""

    __tablename__ = "access_reason"
    __table_args__ = (sa.UniqueConstraint("sign_in_id", "person_id"),)

    id: Mapped[key]
    sign_in_id: Mapped[int] = mapped_column(sa.ForeignKey("sign_in.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(sa.String(200))


class Acceptance(Base, scopes.OfPerson):
    """Who accepted which version of an agreement, when, and from where."""

    __tablename__ = "acceptance"
    __table_args__ = (sa.UniqueConstraint("person_id", "agreement", "version"),)

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    agreement: Mapped[str] = mapped_column(sa.String(30))
    version: Mapped[str] = mapped_column(sa.String(30))
    accepted_at: Mapped[dt.datetime]
    address: Mapped[str] = mapped_column(sa.String(45))
