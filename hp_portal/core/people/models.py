"""Links by which somebody sets a password, confirms another e-mail address, or says that a change was not theirs; accounts
that nobody uses, and those of people who leave."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key

RESET_DONE, RESET_CANCELED, RESET_USED = "done", "canceled", "used"
"""How a request to remove somebody's second factors ends."""
LEFT, STAYS, CHANGED = "left", "stays", "changed"
"""How the plan that somebody leaves ends: done, taken back, or replaced by another."""
_OPEN = sa.column("ended_at").is_(None)


class ChangeNotice(Base, scopes.OfPerson):
    """A change of how somebody signs in, of which they were told by e-mail, with a link to say that it was not them.

    The link holds a token, the row only its hash; it works once, until it expires. `what` is a key of `WHAT` (changes.py),
    `detail` what it was called. `email_before` is where they were told as well when their address changed. Once it was
    `disowned_at`, staff look into it until it is `settled_at`.
    """

    __tablename__ = "change_notice"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    what: Mapped[str] = mapped_column(sa.String(30))
    detail: Mapped[str] = mapped_column(sa.String(300))
    email_before: Mapped[str] = mapped_column(sa.String(254))
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    disowned_at: Mapped[dt.datetime | None]
    settled_at: Mapped[dt.datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class EmailChange(Base, scopes.OfPerson):
    """An e-mail address that somebody wants to have, until it is confirmed by the link that was sent there. Works once."""

    __tablename__ = "email_change"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    email: Mapped[str] = mapped_column(sa.String(254))
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    asked_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class AccountRest(Base, scopes.OfPerson):
    """Somebody has not signed in for long, since `last_use`: when they were told, and when their account is deactivated."""

    __tablename__ = "account_rest"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), unique=True)
    last_use: Mapped[dt.datetime]
    first_told_at: Mapped[dt.datetime]
    second_told_at: Mapped[dt.datetime | None]
    rests_at: Mapped[dt.datetime]


class FactorReset(Base, scopes.OfPerson):
    """A delegate asks that the second factors of somebody are removed who has lost them.

    It is done at `due_at`, or as soon as another delegate agrees (`agreed_by_id`), unless it is ended before. `outcome` is one of
    `RESET_DONE`, `RESET_CANCELED` and `RESET_USED`; None while it waits.
    """

    __tablename__ = "factor_reset"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    asked_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(sa.String(200))
    asked_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    agreed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    ended_at: Mapped[dt.datetime | None]
    outcome: Mapped[str | None] = mapped_column(sa.String(10))


class Leaving(Base, scopes.OfPerson):
    """Somebody leaves their organization: the account is deactivated when the day `leaves_on` begins in the payer's zone, and
    what they had open is the successor's then.

    `told_late_at`: the day has come, and the only delegate stays until the successor has accepted: when they were told so.
    `outcome` is one of `LEFT`, `STAYS` and `CHANGED`; None while it waits.
    """

    __tablename__ = "leaving"
    __table_args__ = (
        sa.Index("uq_leaving_open", "person_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    leaves_on: Mapped[dt.date]
    successor_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(sa.String(200))
    asked_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    asked_at: Mapped[dt.datetime]
    told_late_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    outcome: Mapped[str | None] = mapped_column(sa.String(10))


class FactorPin(Base, scopes.PayersOwn):
    """A PIN in a letter to the payee's address on record: whoever reads it to the payer's staff may have the second factors of
    this person removed. Only its hash is kept; it works once, for some days after the letter was mailed."""

    __tablename__ = "factor_pin"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    payee_id: Mapped[int] = mapped_column(sa.ForeignKey("payee.id"))
    pin_hash: Mapped[str] = mapped_column(sa.String(200))
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"))
    made_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    tries_left: Mapped[int]


class PasswordLink(Base, scopes.OfPerson):
    """A link to set a password: works once, until it expires. The link holds a token, the row only its hash."""

    __tablename__ = "password_link"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    made_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    # Used, or replaced by a newer one, or taken back when the account was deactivated.
    ended_at: Mapped[dt.datetime | None]
