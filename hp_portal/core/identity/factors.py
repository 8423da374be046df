"""What somebody signs in with besides the password: apps, passkeys and recovery codes, and sign-ins that wait for one."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.identity.models import Person
from hp_portal.database import Base, PortalSession, key
from hp_portal.seals import sealed_column
from hp_portal.settings import Settings

LONGEST_NAME = 60
# WebAuthn allows no longer ones.
LONGEST_CREDENTIAL_ID = 1023


class AuthenticatorApp(Base, scopes.OfPerson):
    """An app that shows a new code every half minute (RFC 6238). `secret_sealed` is its key, in base32, sealed for `seal`.

    `last_step` is the half minute of the newest code that was used: it and those before it open nothing any more.
    """

    __tablename__ = "authenticator_app"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(LONGEST_NAME))
    seal: Mapped[str] = mapped_column(sa.String(32), unique=True)
    secret_sealed: Mapped[bytes] = mapped_column(info=sealed_column("seal"))
    last_step: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[dt.datetime]
    last_used_at: Mapped[dt.datetime | None]


class RecoveryCode(Base, scopes.OfPerson):
    """One of the codes of a person's set, which has one salt: a hash alone, and when it was used."""

    __tablename__ = "recovery_code"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    salt: Mapped[bytes] = mapped_column(sa.LargeBinary(16))
    code_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    made_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class HalfSignIn(Base, scopes.OfPerson):
    """Somebody has given the right password and not yet the second factor. The browser holds a token, the row its hash.

    `password_changed_at` is that of the password which was right: with another one the half is worth nothing.
    """

    __tablename__ = "half_sign_in"

    id: Mapped[key]
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    password_changed_at: Mapped[dt.datetime]
    created_at: Mapped[dt.datetime] = mapped_column(index=True)


class Passkey(Base, scopes.OfPerson):
    """The public half of a key that a device or a password manager holds (WebAuthn).

    `sign_count` is how often it says it was used: 0 always for those that are `synced` between devices. `user_handle` is
    random, the same for all passkeys of a person, and comes back from the device.
    """

    __tablename__ = "passkey"

    id: Mapped[key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(LONGEST_NAME))
    credential_id: Mapped[bytes] = mapped_column(sa.LargeBinary(LONGEST_CREDENTIAL_ID), unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(sa.BigInteger)
    synced: Mapped[bool]
    user_handle: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    created_at: Mapped[dt.datetime]
    last_used_at: Mapped[dt.datetime | None]


class PasskeyChallenge(Base, scopes.PayersOwn):
    """What a passkey is to sign, once: for a new one (`new`), as the second step (`step`) or as the only one (`only`).

    The page holds a token, the row its hash. `person_id` is None while nobody is known.
    """

    __tablename__ = "passkey_challenge"

    id: Mapped[key]
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    challenge: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    purpose: Mapped[str] = mapped_column(sa.String(10))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    user_handle: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32))
    created_at: Mapped[dt.datetime] = mapped_column(index=True)


def owns_factor() -> sa.ColumnElement[bool]:
    """A condition on Person: has set up a second factor. In a whole scope it is true of every row of an account."""
    app = sa.exists().where(AuthenticatorApp.person_id == Person.root_id).correlate(Person)
    passkey = sa.exists().where(Passkey.person_id == Person.root_id).correlate(Person)
    return sa.or_(app, passkey)


def factor_by(
    settings: Settings,
    *,
    is_staff: bool,
    is_delegate: bool,
    since: dt.datetime,
    delegate_since: dt.datetime | None = None,
) -> dt.datetime | None:
    """From when on somebody whose account was made at `since` must have a second factor; None: they need not.

    Whoever was made a delegate later has as many days from `delegate_since` on. Of their group and of everybody the earlier
    moment counts, and no group's day before the days that a new account has.
    """
    group = "staff" if is_staff else "delegates" if is_delegate else "everybody"
    moments = []
    for name, day in settings.second_factor_for.items():
        if name not in (group, "everybody"):
            continue
        begun = delegate_since if name == "delegates" and delegate_since else since
        moment = begun + dt.timedelta(days=settings.second_factor_days)
        if (day := day or settings.second_factor_from) is not None:
            begins = dt.datetime.combine(day, dt.time(), settings.payer.zone)
            moment = max(moment, begins.astimezone(dt.UTC))
        moments.append(moment)
    return min(moments, default=None)


def has_factor(session: PortalSession, person: Person) -> bool:
    """Does this person sign in with a second factor? Recovery codes alone are none. Needs a scope that sees the person."""
    return bool(session.scalar(sa.select(owns_factor()).where(Person.id == person.id)))


def forget_factors(session: PortalSession, person_id: int) -> None:
    """Remove every app, passkey and recovery code of a person. Needs a whole scope."""
    for model in (AuthenticatorApp, Passkey, RecoveryCode):
        session.execute(sa.delete(model).where(model.person_id == person_id))
