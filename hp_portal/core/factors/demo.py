"""The demo's authenticator app: no telephone has it, so a page shows what it would show. Imported by the demo alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.factors.apps import PERIOD, SECRET, add_app, code_at, step_now
from hp_portal.core.identity.factors import AuthenticatorApp
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession

WITH_APP, MUST_HAVE = "demo.secure", "demo.required"
# So that nobody else in a demo has to set one up.
DAYS_WITHOUT_FACTOR = 3650
KEY = "MRSW23ZNNBQXEYTPOIWWYYLOORSXE3RN"


@dataclass(frozen=True)
class Shown:
    """What somebody's app shows now."""

    username: str
    name: str
    code: str


def add_demo_factors(session: PortalSession) -> None:
    """Set up an app with a key that everybody may know; somebody else has had an account for so long that they must have one."""
    long_ago = clock.now() - dt.timedelta(days=DAYS_WITHOUT_FACTOR + 1)
    session.execute(sa.update(Person).where(Person.username == MUST_HAVE).values(created_at=long_ago))
    person = session.scalars(sa.select(Person).where(Person.username == WITH_APP)).one()
    app = add_app(session, person, name="Demo telephone", secret=KEY, code=code_at(KEY, step_now()))
    # Nobody has used the code that is shown now.
    app.last_step -= PERIOD
    session.flush()


def shown_now(session: PortalSession) -> list[Shown]:
    """The codes of every app of the demo, at this moment."""
    with scopes.whole(session, "the demo has no telephones"):
        rows = session.execute(
            sa.select(Person.username, AuthenticatorApp)
            .join(AuthenticatorApp, AuthenticatorApp.person_id == Person.id)
            .order_by(Person.username, AuthenticatorApp.id)
        ).all()
        return [
            Shown(name, app.name, code_at(session.vault.open_text(app.secret_sealed, SECRET(app.seal)), step_now()))
            for name, app in rows
        ]
