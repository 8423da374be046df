"""A password that changes while somebody's password is being checked, and a browser in which somebody signs in again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hp_portal.core.identity import passwords
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.people.accounts import deactivate
from hp_portal.core.people.password_links import make_link
from hp_portal.database import PortalSession, lock
from tests.support.client import PortalClient
from tests.support.world import PASSWORD, World

from .test_gate import BASE

NEW, OTHER = "purple-anchor-window-2031", "violet lantern carries seawater"


def enter(client: PortalClient, password: str = PASSWORD, name: str = "a.clerk") -> int:
    return client.post("/sign-in", {"username": name, "password": password, "next": ""}).status_code


def change(client: PortalClient, current: str, new: str) -> int:
    return client.post("/change-password", {"current": current, "new": new, "again": new}).status_code


def is_in(client: PortalClient) -> bool:
    return client.get("/my-sign-ins").status_code == 200


def link_for(world: World, person: Person) -> PortalClient:
    """A browser that has followed a link to set the person's password."""
    with world.session() as session:
        made = make_link(session, world.settings, BASE, session.get_one(Person, person.id))
    client = world.client()
    client.get(f"/set-password/{made.token}")
    return client


def set_by_link(client: PortalClient, new: str) -> int:
    return client.post("/set-password", {"new": new, "again": new}).status_code


def elsewhere(deed: Callable[[], object]) -> object:
    """Done to its end in another thread, as another request of the same server."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(deed).result()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """`meanwhile(deed)`: done once, right after the next password was checked and before anything comes of it."""

    def once(deed: Callable[[], object]) -> None:
        verify = passwords.verify_password

        def checking(password_hash: str | None, password: str) -> bool:
            right = verify(password_hash, password)
            monkeypatch.setattr(passwords, "verify_password", verify)
            elsewhere(deed)
            return right

        monkeypatch.setattr(passwords, "verify_password", checking)

    return once


Meanwhile = Callable[[Callable[[], object]], None]


@pytest.mark.parametrize("by_link", [False, True], ids=["changed", "set by a link"])
def test_the_old_password_opens_nothing_once_it_has_changed(world: World, meanwhile: Meanwhile, by_link: bool) -> None:
    person = world.person("a.clerk")
    owner, guest = world.sign_in("a.clerk"), world.client()
    linked = link_for(world, person)
    meanwhile(lambda: set_by_link(linked, NEW) if by_link else change(owner, PASSWORD, NEW))
    assert enter(guest) == 422
    assert not is_in(guest)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(SignIn.id)).where(SignIn.user_agent != "test")) == 0
    assert enter(world.client(), NEW) == 303


def test_nobody_gets_in_who_is_deactivated_meanwhile(world: World, meanwhile: Meanwhile) -> None:
    person, guest = world.person("a.clerk"), world.client()

    def leave() -> None:
        with world.session() as session:
            deactivate(session, session.get_one(Person, person.id), "left")

    meanwhile(leave)
    assert enter(guest) == 422
    assert not is_in(guest)


def test_of_two_changes_of_one_password_the_first_counts(world: World, meanwhile: Meanwhile) -> None:
    """The second was made with a password that is no longer the current one, whatever it said when it was checked."""
    world.person("a.clerk")
    first, second = world.sign_in("a.clerk"), world.sign_in("a.clerk")
    meanwhile(lambda: change(first, PASSWORD, NEW))
    assert change(second, PASSWORD, OTHER) == 422
    assert enter(world.client(), OTHER) == 422
    assert enter(world.client(), NEW) == 303


def test_a_hash_made_anew_meanwhile_is_the_same_password(world: World, meanwhile: Meanwhile) -> None:
    person, guest = world.person("a.clerk"), world.client()

    def rehash() -> None:
        with world.session() as session:
            session.get_one(Person, person.id).password_hash = passwords.hash_password(PASSWORD)

    meanwhile(rehash)
    assert enter(guest) == 303


def test_all_who_decide_on_a_password_hold_its_account(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    person = world.person("a.clerk")
    linked, taken = link_for(world, person), list[str]()

    def remember(session: PortalSession, name: str) -> None:
        lock(session, name)
        taken.append(name)

    monkeypatch.setattr("hp_portal.core.identity.accounts.lock", remember)
    client = world.client()
    deeds: list[Callable[[], int]] = [
        lambda: set_by_link(linked, NEW),
        lambda: enter(client, NEW),
        lambda: change(client, NEW, OTHER),
    ]
    for deed in deeds:
        taken.clear()
        assert deed() == 303
        assert taken == [f"account:{person.id}"]
    assert enter(world.client(), OTHER) == 303


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_whoever_waited_for_the_account_reads_it_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before the lock was got is old: somebody may have held it to set a new password."""
    person = world.person("a.clerk")
    owner = world.sign_in("a.clerk")

    def wait(session: PortalSession, name: str) -> None:
        monkeypatch.setattr("hp_portal.core.identity.accounts.lock", lock)
        assert elsewhere(lambda: change(owner, PASSWORD, NEW)) == 303
        lock(session, name)

    monkeypatch.setattr("hp_portal.core.identity.accounts.lock", wait)
    guest = world.client()
    assert enter(guest) == 422
    assert person.username == "a.clerk"
    assert not is_in(guest)


def test_signing_in_again_ends_the_session_before(world: World) -> None:
    world.person("a.clerk")
    world.person("b.clerk")
    here, copy, elsewhere = world.client(), world.client(), world.client()
    assert enter(here) == 303
    assert enter(elsewhere) == 303
    with here.flask.session_transaction() as kept, copy.flask.session_transaction() as other:
        other["_user_id"] = kept["_user_id"]
    assert enter(here, "wrong") == 422
    assert is_in(copy), "a failed try ends nothing"
    assert enter(here, name="b.clerk") == 303
    assert not is_in(copy), "nobody could end it any more: its cookie is gone"
    assert is_in(here)
    assert is_in(elsewhere), "another browser's"
    with world.session() as session:
        reasons = session.scalars(sa.select(SignIn.end_reason).order_by(SignIn.id)).all()
    assert reasons == ["signed in again", None, None]
    assert enter(here) == 303
    said = here.get("/my-activity").text
    assert "Ended a session by signing in again in the same browser" in said
