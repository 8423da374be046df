"""Second factors: apps of people, as tests need them, and the second step through the pages."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.factors import apps, recovery
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.factors import AuthenticatorApp, Passkey
from hp_portal.core.identity.models import Person
from hp_portal.core.people.models import ChangeNotice
from tests.support.client import PortalClient
from tests.support.world import PASSWORD, World

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def add_app(world: World, person: Person, name: str = "Sample telephone", secret: str = SECRET) -> int:
    """The id of an app that has been set up, long enough ago that the code it shows now is new; the newest one when there
    may be no more."""
    with world.session() as session:
        if len(kept := apps.apps_of(session, person.id)) == apps.MOST:
            return kept[-1].id
        shown = apps.code_at(secret, apps.step_now())
        app = apps.add_app(session, session.get_one(Person, person.id), name=name, secret=secret, code=shown)
        app.last_step -= 10
        session.flush()
        return app.id


def add_passkey(world: World, person: Person, name: str = "Sample laptop") -> int:
    """The id of a passkey that no device has."""
    with world.session() as session:
        row = Passkey(
            person_id=person.id,
            name=name,
            credential_id=secrets.token_bytes(16),
            public_key=b"",
            sign_count=0,
            synced=False,
            user_handle=secrets.token_bytes(32),
            created_at=clock.now(),
        )
        session.add(row)
        session.flush()
        return row.id


def disowned_change(world: World, person: Person) -> int:
    """A change that this person has said was not them; staff have not looked into it yet."""
    now = clock.now()
    with world.session() as session:
        row = ChangeNotice(
            person_id=person.id,
            what="password",
            detail="",
            email_before="",
            token_hash=hash_token(secrets.token_urlsafe()),
            at=now,
            expires_at=now,
            disowned_at=now,
        )
        session.add(row)
        session.flush()
        return row.id


def add_codes(world: World, person: Person) -> list[str]:
    """Ten recovery codes."""
    with world.session() as session:
        return recovery.make_codes(session, session.get_one(Person, person.id))


def code(later: int = 0, secret: str = SECRET) -> str:
    """What the app shows, so many half minutes from now."""
    return apps.code_at(secret, apps.step_now() + later)


def first_step(world: World, username: str, to: str = "") -> PortalClient:
    """A browser in which the right password was given, and which is asked for the second step."""
    client = world.client()
    answer = client.post("/sign-in", {"username": username, "password": PASSWORD, "next": to})
    assert answer.location is not None
    assert answer.location.startswith("/sign-in/second-step")
    return client


def second_step(client: PortalClient, typed: str, *, way: str = "app", to: str = "") -> Any:
    """Answer the second step."""
    return client.post(f"/sign-in/second-step?way={way}", {"code": typed, "next": to})


def secret_kept(world: World, person: Person) -> bytes:
    """How the person's first app keeps its key."""
    with world.session() as session:
        wanted = sa.select(AuthenticatorApp.secret_sealed).where(AuthenticatorApp.person_id == person.id)
        return session.scalars(wanted.limit(1)).one()
