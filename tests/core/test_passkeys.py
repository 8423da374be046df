"""Passkeys: added, used as the second step and as the only one, once for each challenge, by devices that look who is there."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.factors.passkeys import MOST, party_at
from hp_portal.core.identity.factors import Passkey, PasskeyChallenge, RecoveryCode
from hp_portal.core.identity.models import Person
from hp_portal.core.people.accounts import deactivate
from hp_portal.worker import core_jobs
from tests.conftest import MakeApp
from tests.support.authenticator import Device
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.factors import add_app, add_codes, add_passkey, code, first_step, second_step
from tests.support.people import recorded
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)
ONLY, STEP, NEW = "/sign-in/passkey", "/sign-in/second-step/passkey", "/sign-in-security/passkeys"


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.set(NOON)
    return clock


def is_in(client: PortalClient) -> bool:
    return client.get("/my-sign-ins").status_code == 200


def asked(client: PortalClient, url: str) -> tuple[str, dict[str, Any]]:
    """A challenge: its word, and what the browser is asked."""
    told: Any = client.post(f"{url}/options").json
    return told["token"], told["options"]


def add(client: PortalClient, device: Device, name: str = "Laptop") -> Any:
    token, options = asked(client, NEW)
    return client.post(f"{NEW}/new", {"name": name, "token": token, "credential": device.make(options)})


def use(client: PortalClient, device: Device, url: str = ONLY, to: str = "") -> Any:
    token, options = asked(client, url)
    return client.post(url, {"token": token, "credential": device.use(options), "next": to})


@pytest.fixture
def device(world: World, noon: Clock) -> Device:
    """The device of a.clerk, with a passkey that counts."""
    world.person("a.clerk")
    made = Device(counts=0)
    assert add(world.sign_in("a.clerk"), made).status_code == 303
    return made


def test_a_passkey_alone_signs_in(world: World, device: Device) -> None:
    guest = world.client()
    answer = use(guest, device, to="/my-activity")
    assert answer.location == "/my-activity"
    said = guest.get("/my-activity").text
    assert "Signed in with the passkey Laptop alone" in said
    assert "Added a passkey for signing in: Laptop" in said
    page = guest.get("/sign-in-security").text
    assert "Passkey of one device" in page
    assert "Not yet" not in page


def test_a_passkey_is_the_second_step(world: World, device: Device) -> None:
    guest = first_step(world, "a.clerk")
    assert "Sign in with a passkey" in guest.get("/sign-in/second-step").text
    assert use(guest, device, STEP).location == "/"
    assert is_in(guest)
    assert recorded(world, "identity.factor.used") == [{"kind": "passkey", "name": "Laptop"}]


def test_a_challenge_is_answered_once_and_in_time(world: World, device: Device, noon: Clock) -> None:
    guest = world.client()
    token, options = asked(guest, ONLY)
    sent = {"token": token, "credential": device.use(options)}
    assert guest.post(ONLY, sent).location == "/"
    again = world.client().post(ONLY, sent)
    assert (again.status_code, "answered already" in again.text) == (422, True)
    token, options = asked(guest, ONLY)
    noon.advance(minutes=10)
    late = world.client().post(ONLY, {"token": token, "credential": device.use(options)})
    assert (late.status_code, "took too long" in late.text) == (422, True)
    with world.session() as session:
        next(job for job in core_jobs(world.settings) if job.key == "identity.forget-attempts").run(session)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(PasskeyChallenge.id))) == 0


def test_a_challenge_is_for_one_purpose_and_person(world: World, device: Device) -> None:
    world.person("b.clerk")
    other = world.sign_in("b.clerk")
    token, options = asked(other, NEW)
    mine = world.sign_in("a.clerk")
    swapped = mine.post(f"{NEW}/new", {"name": "Swapped", "token": token, "credential": Device().make(options)})
    assert swapped.status_code == 422
    guest = first_step(world, "a.clerk")
    token, options = asked(guest, ONLY)
    assert guest.post(STEP, {"token": token, "credential": device.use(options)}).status_code == 422
    token, options = asked(guest, STEP)
    assert world.client().post(ONLY, {"token": token, "credential": device.use(options)}).status_code == 422


def lying(device: Device, **lies: Any) -> Device:
    held = {"counts": device.counts, "key": device.key, "credential_id": device.credential_id}
    return Device(**{**held, "user_handle": device.user_handle, **lies})


@pytest.mark.parametrize(
    "lies",
    [
        {"verifies": False},
        {"origin": "http://localhost.evil.example"},
        {"key": Device().key},
        {"credential_id": b"nobody-has-this!"},
        {"user_handle": b"somebody else"},
    ],
    ids=["nobody looked who is there", "another site", "another key", "unknown", "another person"],
)
def test_what_is_not_the_passkey_is_refused(world: World, device: Device, lies: dict[str, Any]) -> None:
    guest = world.client()
    answer = use(guest, lying(device, **lies))
    assert answer.status_code == 422
    assert "does not open an account here" in answer.text
    assert not is_in(guest)
    assert use(guest, device).location == "/", "the real one still works"


def test_a_device_that_does_not_look_who_is_there_cannot_be_added(world: World, device: Device) -> None:
    client = world.sign_in("a.clerk")
    refused = add(client, Device(verifies=False), "Blind key")
    assert refused.status_code == 422
    assert "check that it is you" in refused.text
    assert "Blind key" in refused.text, "nothing typed is lost"
    assert client.post(f"{NEW}/new", {"name": "Typed", "token": "", "credential": ""}).status_code == 422
    for junk in ("{}", "[]", "nothing", '{"id": 1}', '{"id":"AA","rawId":"AA","type":"public-key","response":{}}'):
        token, _ = asked(client, NEW)
        assert client.post(f"{NEW}/new", {"name": "x", "token": token, "credential": junk}).status_code == 422
        token, _ = asked(client, ONLY)
        assert client.post(ONLY, {"token": token, "credential": junk}).status_code == 422


def test_a_count_that_goes_back_is_refused_and_recorded(world: World, device: Device) -> None:
    copy = lying(device)
    assert use(world.client(), device).status_code == 303
    assert use(world.client(), device).status_code == 303
    answer = use(world.client(), copy)
    assert answer.status_code == 422
    assert "there may be a copy of it" in answer.text
    assert recorded(world, "identity.passkey.counted-back") == [{"account": "a.clerk", "name": "Laptop"}]
    never = lying(device, counts=None)
    assert use(world.client(), never).status_code == 422, "one that counted does not stop counting"
    assert use(world.client(), device).status_code == 303


def test_synced_passkeys_say_nothing_of_their_use(world: World, noon: Clock) -> None:
    world.person("a.clerk")
    synced = Device(counts=None)
    client = world.sign_in("a.clerk")
    assert add(client, synced).status_code == 303
    assert "synced between devices" in client.get("/sign-in-security").text
    assert [use(world.client(), synced).status_code for _ in range(2)] == [303, 303]


def test_of_two_copies_that_sign_at_once_one_gets_in(world: World, device: Device) -> None:
    guests = [world.client() for _ in range(4)]
    sent = []
    for guest, copy in zip(guests, [lying(device) for _ in guests], strict=True):
        token, options = asked(guest, ONLY)
        sent.append((guest, {"token": token, "credential": copy.use(options)}))
    with ThreadPoolExecutor(len(sent)) as pool:
        statuses = sorted(pool.map(lambda one: one[0].post(ONLY, one[1]).status_code, sent))
    assert statuses == [303, 422, 422, 422]


def test_a_removed_passkey_opens_nothing(world: World, device: Device) -> None:
    person_id = world.person("b.clerk").id
    client = world.sign_in("a.clerk")
    with world.session() as session:
        passkey_id = session.scalars(sa.select(Passkey.id)).one()
    assert world.sign_in("b.clerk").post(f"{NEW}/{passkey_id}/remove").status_code == 404
    with world.session() as session:
        session.execute(
            sa.update(Person)
            .where(Person.id == person_id)
            .values(
                organization_id=sa.select(Person.organization_id).where(Person.username == "a.clerk").scalar_subquery()
            )
            .execution_options(synchronize_session=False)
        )
    assert world.sign_in("b.clerk").get(f"{NEW}/{passkey_id}").status_code == 404, "a colleague's"
    client.post(f"{NEW}/{passkey_id}/name", {"name": "Old laptop"})
    assert "your only second factor" in client.get(f"{NEW}/{passkey_id}").text
    with world.session() as session:
        add_codes(world, session.scalars(sa.select(Person).where(Person.username == "a.clerk")).one())
    assert client.post(f"{NEW}/{passkey_id}/remove").status_code == 303
    assert use(world.client(), device).status_code == 422
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(RecoveryCode.id))) == 0
    assert world.client().post("/sign-in", {"username": "a.clerk", "password": PASSWORD}).location == "/"
    assert "Removed a passkey for signing in: Old laptop" in client.get("/my-activity").text


def test_a_passkey_of_another_person_is_no_second_step(world: World, device: Device) -> None:
    world.person("b.clerk")
    other = Device()
    add(world.sign_in("b.clerk"), other)
    guest = first_step(world, "a.clerk")
    answer = use(guest, other, STEP)
    assert (answer.status_code, "not one of yours" in answer.text) == (422, True)
    assert use(guest, device, STEP).location == "/"


def test_the_passkey_of_somebody_who_is_deactivated_opens_nothing(world: World, device: Device) -> None:
    with world.session() as session:
        deactivate(session, session.scalars(sa.select(Person)).one(), "left")
    assert use(world.client(), device).status_code == 422


def test_one_device_has_one_passkey_and_a_person_not_too_many(world: World, device: Device) -> None:
    client = world.sign_in("a.clerk")
    token, options = asked(client, NEW)
    assert len(options["excludeCredentials"]) == 1
    again = client.post(f"{NEW}/new", {"name": "Again", "token": token, "credential": device.make(options)})
    assert (again.status_code, "added before" in again.text) == (422, True)
    with world.session() as session:
        person = session.scalars(sa.select(Person)).one()
    for number in range(MOST - 1):
        add_passkey(world, person, f"Key {number}")
    assert add(client, Device()).location == "/sign-in-security"
    assert "as many as one can have" in client.get("/sign-in-security").text


def test_with_an_app_and_a_passkey_one_chooses(world: World, device: Device) -> None:
    with world.session() as session:
        person = session.scalars(sa.select(Person)).one()
    add_app(world, person)
    guest = first_step(world, "a.clerk")
    assert "Use a passkey" in guest.get("/sign-in/second-step").text
    assert "Enter a code from your app" in guest.get("/sign-in/second-step?way=passkey").text
    assert second_step(guest, code()).location == "/"


def test_wrong_passkeys_are_limited_by_address(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, attempts_per_address=3, attempts_per_account=2))
    person = world.person("a.clerk")
    mine = Device()
    add(world.sign_in("a.clerk"), mine)
    stranger = Device()
    assert [use(world.client(), stranger).status_code for _ in range(4)] == [422, 422, 422, 429]
    blocked = use(world.client(), mine)
    assert blocked.status_code == 429
    assert "Retry-After" in blocked.headers
    guest = first_step(world, person.username)
    assert [use(guest, stranger, STEP).status_code for _ in range(3)] == [422, 422, 429]


@pytest.mark.parametrize(
    ("address", "rp_id"),
    [
        ("https://portal.plan.example", "portal.plan.example"),
        ("http://localhost:8350", "localhost"),
        ("http://127.0.0.1:8350", None),
        ("http://[::1]:8350", None),
    ],
)
def test_passkeys_are_for_the_portals_name(address: str, rp_id: str | None) -> None:
    party = party_at(address, "Plan")
    assert (party.rp_id if party else None) == rp_id


def test_the_public_address_says_whom_passkeys_are_for(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(
        make_app(database_url, public_url="https://portal.plan.example", hosts="portal.plan.example,localhost")
    )
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    _, options = asked(client, NEW)
    assert options["rp"]["id"] == "portal.plan.example"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert add(client, Device()).status_code == 422, "made at another address"
    assert add(client, Device(origin="https://portal.plan.example")).status_code == 303
