"""Somebody is signed out, locked out, or loses a factor just when a request of theirs is about to change how they sign in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.factors import AuthenticatorApp, Passkey, RecoveryCode
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.people.accounts import deactivate, end_sessions
from hp_portal.core.people.changes import remove_factors
from hp_portal.core.people.models import EmailChange
from hp_portal.database import is_postgresql
from tests.support.authenticator import Device
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.factors import add_app, code
from tests.support.people import recorded
from tests.support.world import PASSWORD, World

from .test_account_changes import ask, confirming, mails
from .test_passkeys import NEW as PASSKEYS
from .test_passkeys import add, asked, use
from .test_second_factor import begin
from .test_sign_in_races import elsewhere

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)
NEW = "purple-anchor-window-2031"


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.set(NOON)
    return clock


Before = Callable[..., None]
ACCOUNTS, PASSWORDS = "hp_portal.core.identity.accounts", "hp_portal.core.identity.passwords"


@pytest.fixture
def before_the_lock(world: World, monkeypatch: pytest.MonkeyPatch) -> Before:
    """`before_the_lock(module, deed)`: done to its end by another request, when the module is about to lock an account, or
    to call another `function`.

    On SQLite it is done at once where the module has begun to write by then: there is one writer, and nobody comes between.
    """
    with world.session() as session:
        one_writer = not is_postgresql(session)

    def once(module: str, deed: Callable[[], object], function: str = "lock") -> None:
        if one_writer and module not in (ACCOUNTS, PASSWORDS):
            deed()
            return
        does = getattr(import_module(module), function)

        def first(*given: Any) -> object:
            if function != "lock" or given[1].startswith("account:"):
                monkeypatch.setattr(f"{module}.{function}", does)
                elsewhere(deed)
            return does(*given)

        monkeypatch.setattr(f"{module}.{function}", first)

    return once


def signed_out(world: World, person: Person) -> None:
    with world.session() as session:
        end_sessions(session, session.get_one(Person, person.id))


def locked_out(world: World, person: Person) -> None:
    with world.session() as session:
        deactivate(session, session.get_one(Person, person.id), "left")


def kept(world: World) -> list[Any]:
    """What people sign in with, and what waits to change it."""
    with world.session() as session:
        found: list[Any] = [
            list(session.scalars(sa.select(column).order_by(column)))
            for column in (AuthenticatorApp.name, Passkey.name, RecoveryCode.id, EmailChange.email, SignIn.confirmed_at)
        ]
        return [*found, list(session.scalars(sa.select(Person.password_hash)))]


def new_app(client: PortalClient) -> Callable[[], Any]:
    url, secret = begin(client)
    return lambda: client.post(url, {"name": "Thief", "code": code(secret=secret)})


def new_passkey(client: PortalClient) -> Callable[[], Any]:
    token, options = asked(client, PASSKEYS)
    sent = {"name": "Thief", "token": token, "credential": Device().make(options)}
    return lambda: client.post(f"{PASSKEYS}/new", sent)


def app_url(client: PortalClient) -> str:
    page = client.get("/sign-in-security").text
    return "/sign-in-security/apps/" + page.partition('href="/sign-in-security/apps/')[2].partition('"')[0]


def posting(url: str, **sent: str) -> Callable[[PortalClient], Callable[[], Any]]:
    def ready(client: PortalClient) -> Callable[[], Any]:
        to = f"{app_url(client)}{url}" if url in ("/name", "/remove") else url
        return lambda: client.post(to, sent)

    return ready


DEEDS = {
    "an app": new_app,
    "a passkey": new_passkey,
    "recovery codes": posting("/sign-in-security/recovery-codes"),
    "a name": posting("/name", name="Thief"),
    "a removal": posting("/remove"),
    "an address": posting("/change-email", email="thief@office.example"),
    "a password": posting("/change-password", current=PASSWORD, new=NEW, again=NEW),
    "showing who it is": lambda client: lambda: client.post("/confirm-it-is-you", {"code": code(1)}),
    "no factor": posting("/sign-in-security/not-now"),
}


@pytest.mark.parametrize("end", [signed_out, locked_out])
@pytest.mark.parametrize("deed", DEEDS)
def test_who_is_out_meanwhile_changes_nothing(
    world: World, noon: Clock, before_the_lock: Before, deed: str, end: Callable[[World, Person], None]
) -> None:
    person = world.person("a.clerk")
    client = world.sign_in("a.clerk")
    add_app(world, person)
    send, before = DEEDS[deed](client), kept(world)
    # SQLite's one writer has begun before a new password's account is locked.
    where = (PASSWORDS, "verify_password") if deed == "a password" else (ACCOUNTS, "lock")
    before_the_lock(where[0], lambda: end(world, person), where[1])
    answer = send()
    assert str(answer.location).startswith("/sign-in?"), answer.text
    assert kept(world) == before
    assert mails(world) == []
    assert mails(world, "email_confirm") == []
    assert "Sign in" in client.get("/").text


def test_a_password_shows_nothing_once_it_has_changed(world: World, noon: Clock, before_the_lock: Before) -> None:
    world.person("a.clerk")
    owner, thief = world.sign_in("a.clerk"), world.sign_in("a.clerk")
    noon.advance(minutes=10)
    sent = {"current": PASSWORD, "new": NEW, "again": NEW}
    before_the_lock(ACCOUNTS, lambda: owner.post("/change-password", sent))
    assert thief.post("/confirm-it-is-you", {"code": PASSWORD}).status_code == 422
    assert recorded(world, "identity.confirmed") == []


def test_an_address_is_not_confirmed_for_somebody_who_is_locked_out(
    world: World, noon: Clock, before_the_lock: Before
) -> None:
    person = world.person("a.clerk")
    assert ask(world.sign_in("a.clerk"), "new.clerk@office.example") == 303
    guest = confirming(world, mails(world, "email_confirm")[-1][1]["link"])

    def stopped() -> None:
        """As `deactivate` leaves the account, but for the request that it also ends."""
        with world.session() as session:
            session.get_one(Person, person.id).deactivated_at = NOON

    before_the_lock("hp_portal.core.people.email_changes", stopped)
    assert guest.post("/confirm-email").status_code == 410
    with world.session() as session:
        assert session.get_one(Person, person.id).email == person.email


@pytest.mark.parametrize("way", ["removed", "locked out"])
def test_a_passkey_opens_nothing_that_is_removed_while_it_signs(
    world: World, noon: Clock, before_the_lock: Before, way: str
) -> None:
    person = world.person("a.clerk")
    device = Device(counts=0)
    assert add(world.sign_in("a.clerk"), device).status_code == 303
    guest = world.client()

    def remove() -> None:
        with world.app.app_context(), world.session() as session:
            remove_factors(session, session.get_one(Person, person.id), "lost")

    before_the_lock(
        "hp_portal.core.factors.passkeys", remove if way == "removed" else lambda: locked_out(world, person)
    )
    answer = use(guest, device)
    assert answer.status_code == 422
    assert "does not open an account here" in answer.text, "it is no copy"
    assert recorded(world, "identity.passkey.counted-back") == []
    assert guest.get("/my-sign-ins").status_code == 303
