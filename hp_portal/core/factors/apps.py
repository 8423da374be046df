"""Authenticator apps (RFC 6238): set up with a code, used one code after the other. Every verb needs a whole scope."""

from __future__ import annotations

import hmac
import secrets

import pyotp
import segno
import sqlalchemy as sa
from markupsafe import Markup

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.factors import AuthenticatorApp
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession, lock
from hp_portal.seals import seat
from hp_portal.settings import Settings

KIND = "app"
SECRET = seat(AuthenticatorApp.secret_sealed)
PERIOD = 30
# Telephones are late or early by some seconds, and people type slowly: the code before and the next one count, too.
DRIFT = (0, -1, 1)
MOST = 5


class WrongCode(Exception):
    """Not a code that any of the person's apps shows now."""


class CodeUsed(WrongCode):
    """The right code, or an older one, which has opened something already."""


class TooMany(Exception):
    """The person has as many apps as one may have."""


def new_secret() -> str:
    """The key of a new app: 160 bits, in base32."""
    return pyotp.random_base32()


def address_for_apps(settings: Settings, username: str, secret: str) -> str:
    """What an app reads from the QR code: otpauth://…"""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=settings.payer.short_name)


def qr_code(text: str) -> Markup:
    """The text as a QR code, dark on light in dark pages as well: cameras want it so. Inline SVG that takes its size from CSS.

    What segno draws has the text in its pattern, not in the markup.
    """
    drawn = segno.make_qr(text, error="m").svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, title="QR code", svgclass="qr"
    )
    return Markup(drawn)  # noqa: S704 - drawn by segno; its one text of ours is the title above


def step_now() -> int:
    """The number of this half minute."""
    return int(clock.now().timestamp()) // PERIOD


def code_at(secret: str, step: int) -> str:
    """What an app with this key shows in a half minute."""
    return pyotp.TOTP(secret).generate_otp(step)


def cleaned(code: str) -> str:
    """A code as it was typed, without the blanks with which apps show it."""
    return "".join(code.split())


def _matching_step(secret: str, code: str) -> int | None:
    now, typed = step_now(), cleaned(code).encode()
    for step in (now + drift for drift in DRIFT):
        if hmac.compare_digest(code_at(secret, step).encode(), typed):
            return step
    return None


def apps_of(session: PortalSession, person_id: int) -> list[AuthenticatorApp]:
    """The person's apps, oldest first."""
    wanted = sa.select(AuthenticatorApp).where(AuthenticatorApp.person_id == person_id)
    return list(session.scalars(wanted.order_by(AuthenticatorApp.id)))


def add_app(session: PortalSession, person: Person, *, name: str, secret: str, code: str) -> AuthenticatorApp:
    """Add an app that shows the right code now. Raises WrongCode or TooMany."""
    step = _matching_step(secret, code)
    if step is None:
        raise WrongCode
    lock(session, f"account:{person.root_id}")
    if len(apps_of(session, person.id)) >= MOST:
        raise TooMany
    seal = secrets.token_hex(16)
    row = AuthenticatorApp(
        person_id=person.id,
        name=name,
        seal=seal,
        secret_sealed=session.vault.seal_text(secret, SECRET(seal)),
        # The code that showed it works has opened something: it signs nobody in.
        last_step=step,
        created_at=clock.now(),
    )
    session.add(row)
    session.flush()
    record(session, "identity.factor.added", kind=KIND, name=name)
    return row


def use_code(session: PortalSession, person: Person, code: str) -> AuthenticatorApp:
    """The app that shows this code, which from now on opens nothing more. Raises WrongCode, CodeUsed."""
    used = False
    for app in apps_of(session, person.id):
        step = _matching_step(session.vault.open_text(app.secret_sealed, SECRET(app.seal)), code)
        if step is None:
            continue
        # Of two who type one code at once, one finds the row as it was.
        taken = session.execute(
            sa.update(AuthenticatorApp)
            .where(AuthenticatorApp.id == app.id, AuthenticatorApp.last_step < step)
            .values(last_step=step, last_used_at=clock.now())
            .returning(AuthenticatorApp.id)
            .execution_options(synchronize_session=False)
        ).first()
        if taken is not None:
            return app
        used = True
    raise CodeUsed if used else WrongCode
